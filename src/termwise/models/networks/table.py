"""The table of networks: a row alone makes one known to the configuration, to help, to errors and to every test.

To add one: its file here, and a row. Nothing here imports torch, so that a list of names is quick.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from termwise.errors import Refused, UnknownName
from termwise.models.user_function import Trust, check_trust, user_function
from termwise.registry import Makers, Row

if TYPE_CHECKING:
    from termwise.models.networks.bodies import Bodies

_HERE = "termwise.models.networks"

NETWORKS = Makers(
    "network",
    "termwise.networks",
    [
        Row("mlp", f"{_HERE}.fully_connected:mlp", "fully connected; examples of any shape"),
        Row("conv", f"{_HERE}.convolutions:convolutional", "convolutions of Burgess et al. (2018); images of any size"),
        Row("conv-bn", f"{_HERE}.convolutions:normalised", "batch-normalised ones of Larsen et al. (2016); images"),
    ],
)
"""The networks by name; each makes an encoder and a decoder: see `bodies`."""


def network_builder(name: str) -> "Callable[..., Bodies]":
    """The builder called `name`: one of `NETWORKS`, or a user's own as "module:function".

    Example:
        >>> encoder, decoder = network_builder("mlp")((1, 8, 8), 6, 3, (1, 8, 8), hidden=[16])
        >>> encoder[1]
        Linear(in_features=64, out_features=16, bias=True)
    """
    if name in NETWORKS:
        return NETWORKS[name].maker
    module, colon, function = name.partition(":")
    if not colon:
        raise UnknownName("network", name, [*NETWORKS.shown(), "module:function (your own)"])
    return user_function(module, function)


def check_network(name: str, trust: Trust, where: object) -> None:
    """Raise Refused where a file names a network that is nobody's row, and its module is not trusted."""
    if name not in NETWORKS:
        check_trust(name, trust, where)


def build_bodies(
    name: str,
    shape: tuple[int, ...],
    features: int,
    latent: int,
    decoded: tuple[int, ...],
    options: Mapping[str, Any] | None = None,
) -> "Bodies":
    """The encoder and the decoder of the network called `name`.

    Args:
        shape: Of an example.
        features: How many numbers the encoder gives of one.
        latent: D.
        decoded: The shape that the decoder gives.
        options: The builder's own, such as {"hidden": [512]}.

    Raises:
        UnknownName: There is no such network, or it has no such option.
        Refused: It cannot be built so.

    Example:
        >>> encoder, decoder = build_bodies("mlp", (1, 8, 8), features=6, latent=3, decoded=(1, 8, 8))
        >>> len(decoder)
        4
    """
    from torch import nn

    from termwise.models.size import check_size

    options, sizes = dict(options or {}), (shape, features, latent, decoded)
    build = network_builder(name)
    if name in NETWORKS:
        check_size(f"The network {name!r}", lambda: NETWORKS.build(name, *sizes, **options))
    try:
        bodies = NETWORKS.build(name, *sizes, **options) if name in NETWORKS else build(*sizes, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Refused(f"The network {name!r} cannot be built with options {options}: {error}") from None
    if not (isinstance(bodies, tuple | list) and [isinstance(body, nn.Module) for body in bodies] == [True, True]):
        raise Refused(f"The network {name!r} must give two modules, (encoder, decoder); got {bodies!r:.80}.")
    encoder, decoder = bodies
    return encoder, decoder
