"""The parts of a saved model made again: by name, as its folder has them, or those that are given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from termwise.errors import BadData, Refused
from termwise.models.blocks import count_decoded
from termwise.models.given_side import build_given_side
from termwise.models.likelihoods import likelihood_from
from termwise.models.posteriors import posterior_family
from termwise.models.pretrained import SavedModel
from termwise.models.priors import prior_from
from termwise.models.side_input import SideInput
from termwise.registry import UnknownRow


def parts_again(saved: SavedModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `VAE` is made of, by its argument's name.

    Args:
        saved: What a folder says.
        given: Parts of the user's own.

    Raises:
        Refused: A part's name is not known any more.
    """
    parts, latent, network = saved.parts, saved.latent, None if "encoder" in given else saved.network
    side = None if saved.side is None else SideInput.from_config(saved.side)
    try:
        family = given.get("posterior") or posterior_family(parts["posterior"], latent, parts["posterior_options"])
        likelihood = given.get("likelihood") or likelihood_from(parts["likelihood"])
        prior = given.get("prior") or prior_from(parts["prior"], latent, parts["prior_options"])
    except UnknownRow as error:
        raise Refused(
            f"{error} The model was made with it. Where it is yours, first run what adds its row, such as "
            "tw.LIKELIHOODS.add(...); commands know it by an entry point of your package (CONTRIBUTING.md)."
        ) from None
    if network is None:
        encoder, decoder = given["encoder"], given["decoder"]
    else:
        sizes = saved.shape, family.features, count_decoded(family), likelihood.decoded_shape(saved.shape)
        encoder, decoder = build_given_side(network["name"], *sizes, network["options"], side)
    laws = {"posterior": family, "likelihood": likelihood, "prior": prior}
    return {"encoder": encoder, "decoder": decoder, "shape": saved.shape, "latent": latent, **laws, "side": side}


def check_side(saved: SavedModel, taken: SideInput | None, folder: Path) -> None:
    """Make a model ready for the frequencies of a saved one, which must take the same beside x.

    Raises:
        BadData: It takes something else.
    """
    wanted = None if saved.side is None else SideInput.from_config(saved.side)
    if wanted is None or taken is None:
        if wanted is not taken:
            has, lacks = ("the saved model", "this one") if taken is None else ("this model", "the saved one")
            names = (wanted or taken).names  # type: ignore[union-attr]
            raise BadData(f"{folder}: {has} takes {names} beside x, and {lacks} does not.")
        return
    if (wanted.variables, wanted.parts) != (taken.variables, taken.parts):
        raise BadData(
            f"{folder}: expected a model whose {' and '.join(wanted.parts)} take {wanted.names} beside x, with the "
            f"same categories; got one whose {' and '.join(taken.parts)} take {taken.names}."
        )
    taken.rows, taken.counts = wanted.rows.to(taken.rows), wanted.counts.to(taken.counts)
