"""A model in a folder: config.json, of what it is made, and model.safetensors, its weights, with checksums of both.

What goes by a name is made again from its name. What was made in Python is called "given", and must be given again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save
from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.content import check_file, exists, parse_json, read_bytes, unreadable
from termwise.data.generators import turn
from termwise.data.side import SideVariable
from termwise.errors import BadData, Refused, TermwiseError
from termwise.files import write_whole
from termwise.models.likelihoods import Likelihood, likelihood_from
from termwise.models.networks.table import check_network
from termwise.models.posteriors import PosteriorFamily, posterior_family
from termwise.models.priors import Prior, prior_from
from termwise.models.user_function import Trust
from termwise.values import Count, Natural, Text, named_or

GIVEN = "given"
"""What a configuration calls a posterior, a likelihood or a prior that was made in Python."""


AnyPosterior = Annotated[str | PosteriorFamily, named_or(PosteriorFamily)]
"""A posterior family, or its name."""

AnyLikelihood = Annotated[str | Likelihood, named_or(Likelihood)]
"""A likelihood, or its name."""

AnyPrior = Annotated[str | Distribution | nn.Module, named_or(Distribution, Prior)]
"""A prior, a law that stands for one, or a prior's name."""


def parts_of(family: PosteriorFamily, likelihood: Likelihood, prior: nn.Module, latent: int) -> dict[str, Any]:
    """The posterior, the likelihood and the prior of a model as a configuration has them; "given" for one of your own.

    A part has a name where a table makes the same kind of thing of it.
    """
    return {
        name: value
        for kind, part in (("posterior", family), ("likelihood", likelihood), ("prior", prior))
        for name, value in part_in_words(kind, part, latent).items()
    }


def part_in_words(kind: str, part: object, latent: int) -> dict[str, Any]:
    """One part of a model as a configuration has it: its name, "given" where no table makes it, and its options.

    Example:
        >>> part_in_words("likelihood", likelihood_from("normal:0.1"), 3)
        {'likelihood': 'normal:0.1'}
        >>> part_in_words("prior", torch.distributions.Normal(torch.zeros(3), 1.0), 3)
        {'prior': 'given', 'prior_options': {}}
    """
    with turn(), torch.random.fork_rng(devices=[]):
        if kind == "likelihood":
            spec = getattr(part, "spec", "")
            return {kind: spec if _makes(part, likelihood_from, spec) else GIVEN}
        name, options = getattr(part, "name", ""), getattr(part, "options", {})
        make: Any = posterior_family if kind == "posterior" else prior_from
        named = _makes(part, make, name, latent, options)
    return {kind: name if named else GIVEN, f"{kind}_options": options if named else {}}


def _makes(part: object, make: Any, name: object, *arguments: Any) -> bool:
    """Whether a table makes a thing of the same class by this name."""
    if not isinstance(name, str) or not name:
        return False
    try:
        return type(make(name, *arguments)) is type(part)
    except TermwiseError:
        return False


def write_model(model: nn.Module, config: Mapping[str, Any], folder: Path) -> None:
    """Write config.json and model.safetensors to a folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (json.dumps(config, indent=2, allow_nan=False) + "\n").encode()
    tensors = _weights(model)
    checksums = {"config": hashlib.sha256(text).hexdigest(), "weights": _checksum(tensors)}
    write_whole(folder / "config.json", text)
    write_whole(folder / "model.safetensors", save(tensors, {"checksums": json.dumps(checksums)}))


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model by name, each once, and each with memory of its own."""
    found: dict[str, Tensor] = {}
    places: set[object] = set()
    memories: set[int] = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        if tensor.numel() and place in places:
            continue
        memory = tensor.untyped_storage().data_ptr()
        shared = memory in memories or tensor.untyped_storage().nbytes() != tensor.nbytes
        found[name] = tensor.detach().clone(memory_format=torch.contiguous_format) if shared else tensor.contiguous()
        places.add(place)
        memories.add(memory)
    return found


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """A checksum of tensors' names, kinds, shapes and numbers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


REMEDY = "Restore it, or train again."
"""What to do where a file of a model cannot be read."""


class NetworkConfig(BaseModel):
    """The network in a model's config.json: its builder's name and options."""

    model_config = ConfigDict(strict=True)
    name: Text
    options: dict[str, Any]


class SideVariableConfig(BaseModel):
    """A variable beside x in a model's config.json; of a number there are no categories."""

    model_config = ConfigDict(strict=True)
    name: str
    categories: list[str]


class SideConfig(BaseModel):
    """What a model takes beside x, in its config.json: which parts do, and how many rows of values it knows."""

    model_config = ConfigDict(strict=True)
    to: list[Text]
    variables: list[SideVariableConfig]
    rows: Natural


class ModelConfig(BaseModel):
    """What a model's config.json says."""

    model_config = ConfigDict(strict=True)
    shape: list[Count]
    latent: Count
    network: NetworkConfig | None
    posterior: Text
    posterior_options: dict[str, Any] = {}
    likelihood: Text
    prior: Text = "standard-normal"
    prior_options: dict[str, Any] = {}
    standardize: bool = False
    gaps: bool = False
    columns: list[str] = []
    side: SideConfig | None = None
    target: SideVariableConfig | None = None
    observed: SideVariableConfig | None = None


@dataclass(frozen=True)
class SavedModel:
    """What a folder with a model says of it, as it was read; nothing has been made of it yet.

    Attributes:
        folder: Where it lies.
        shape: Of an example.
        latent: D.
        network: The builder's "name" and "options"; None where the networks were made in Python.
        parts: The posterior, the likelihood and the prior, as a configuration has them.
        standardize: Whether it has a scaler.
        gaps: Whether it takes x of which entries are missing.
        columns: What the entries of x are called, where x is a row of a table.
        side: What it takes beside x, as `SideInput.config` says it.
        target: What stands beside x and its likelihood is of; None where that is of x.
        observed: What a block of its code observes; None where none does.
        unchanged: Whether config.json is the one that was saved with the weights, as far as these tell.
    """

    folder: Path
    shape: tuple[int, ...]
    latent: int
    network: dict[str, Any] | None
    parts: dict[str, Any] = field(default_factory=dict)
    standardize: bool = False
    gaps: bool = False
    columns: tuple[str, ...] = ()
    side: dict[str, Any] | None = None
    target: SideVariable | None = None
    observed: SideVariable | None = None
    unchanged: bool = True

    @classmethod
    def read(cls, folder: Path) -> "SavedModel":
        """What a folder says, as `write_model` wrote it.

        Raises:
            BadData: A file is missing, is of another kind, or is damaged.
        """
        missing = [name for name in ("config.json", "model.safetensors") if not exists(folder / name)]
        if missing:
            raise BadData(f"Expected config.json and model.safetensors in {folder!s:.300}; {missing[0]} is missing.")
        text = read_bytes(folder / "config.json", "description of a model", REMEDY)
        config = parse_json(text, ModelConfig, folder / "config.json", "description of a model", REMEDY)
        checksums = _checked_weights(folder / "model.safetensors")
        return cls(
            folder,
            tuple(config.shape),
            config.latent,
            None if config.network is None else config.network.model_dump(),
            config.model_dump(include={"posterior", "posterior_options", "likelihood", "prior", "prior_options"}),
            config.standardize,
            config.gaps,
            tuple(config.columns),
            None if config.side is None else config.side.model_dump(),
            _variable(config.target),
            _variable(config.observed, partly=True),
            checksums.get("config") in (None, hashlib.sha256(text).hexdigest()),
        )

    def check(self, given: Mapping[str, object], trust: Trust) -> None:
        """Raise unless the model can be made again of what is saved and of the parts that are given.

        Raises:
            Refused: A part was made in Python, and is not given; or code would be run that is not trusted.
            BadData: config.json was changed.
        """
        bodies = ("encoder", "decoder")
        own = bodies if self.network is None or any(body in given for body in bodies) else ()
        own = (*own, *(name for name in ("posterior", "likelihood", "prior") if self.parts[name] == GIVEN))
        if lacking := [name for name in own if name not in given]:
            raise Refused(
                f"The model in {self.folder} was made of modules of your own, which are not saved. Pass "
                f"from_pretrained(folder, {', '.join(f'{name}=...' for name in lacking)}); or, as model=..., one "
                "to take the weights. load_run takes them, too."
            )
        if self.network is not None and "encoder" not in given:
            check_network(self.network["name"], trust, self.folder / "config.json")
        if not self.unchanged and trust is not True:
            raise BadData(
                f"{self.folder / 'config.json'} is not the one that was saved with the weights beside it: it is "
                "damaged, or was changed. Restore it; or, if the change is meant, say trust=True."
            )

    def load_into(self, model: nn.Module) -> None:
        """Give a model these weights.

        Raises:
            BadData: They are another model's.
        """
        try:
            load_model(model, self.folder / "model.safetensors")
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise BadData(
                f"The weights in {self.folder} are not those of its config.json, or of the modules given; or their "
                f"code was changed since: {reason:.300}"
            ) from None


def _variable(config: SideVariableConfig | None, partly: bool = False) -> SideVariable | None:
    """A variable beside x as a file has it."""
    return None if config is None else SideVariable(config.name, tuple(config.categories), partly)


def _checked_weights(path: Path) -> dict[str, str]:
    """The checksums that a file of weights holds, once its own is found right."""
    check_file(path, "file of weights", REMEDY)
    try:
        with safe_open(path, "pt") as file:
            said = (file.metadata() or {}).get("checksums", "{}")
        tensors = load_file(path)  # says whether it is whole, before anything is built
    except Exception as error:  # safetensors has errors of its own, and torch others
        raise unreadable(path, "file of weights", error, REMEDY) from None
    checksums = parse_json(said.encode(), dict[str, str], path, "file of weights", REMEDY)
    if checksums.get("weights") not in (None, _checksum(tensors)):
        raise BadData(f"{path} is damaged: its weights are not those that were saved. Restore it, or train again.")
    return checksums
