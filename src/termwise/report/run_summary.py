"""What a run's configuration says in a few words: data, recipe, size of the code, length of training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

KEYS = {
    "data": ("data.source",),
    "recipe": ("objective.recipe",),
    "latent": ("model.latent",),
    "epochs": ("training.epochs",),
    "seed": ("training.seed",),
}
"""Where a configuration says each, by dotted path; the first that is there counts."""


@dataclass(frozen=True)
class RunSummary:
    """What a headline names of a run, each None where the configuration does not say."""

    data: str | None
    recipe: str | None
    latent: str | None
    blocks: str | None
    epochs: str | None
    seed: str | None

    def sentence(self) -> str:
        """One sentence for what was trained on what, naming only what the configuration says."""
        code = f" with {self.latent} latent dimensions" if self.latent else ""
        code = f" with a code of {self.blocks}" if self.blocks else code
        data = f" on {self.data}" if self.data else ""
        recipe = f" by the recipe {self.recipe}" if self.recipe else ""
        epochs = f" for {self.epochs} epoch{'' if self.epochs == '1' else 's'}" if self.epochs else ""
        seed = f", seed {self.seed}" if self.seed else ""
        trained = f", trained{data}{recipe}{epochs}" if data or recipe or epochs else ""
        return f"A variational autoencoder{code}{trained}{seed}."


def run_summary(config: Mapping[str, Any]) -> RunSummary:
    """What a run's configuration says for its headline; a path is shortened to its last part."""
    flat = dict(flattened(config))
    values = {}
    for name, keys in KEYS.items():
        value = next((flat[key] for key in keys if flat.get(key) not in (None, "")), None)
        values[name] = None if value is None else str(value)
    if values["data"] is not None:
        values["data"] = PurePath(values["data"]).name or values["data"]
    return RunSummary(**values, blocks=_blocks(config))


def _blocks(config: Mapping[str, Any]) -> str | None:
    """The blocks of a code by name, each with its numbers; None of a flat one."""
    blocks = (config.get("model") or {}).get("code") or []
    return ", ".join(f"{block.get('name')} ({block.get('latent')})" for block in blocks) or None


def flattened(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested tables with its dotted path; lists of plain values are leaves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flattened(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping) for inner in value):
        for i, inner in enumerate(value):
            yield from flattened(inner, f"{path}[{i}]")
    else:
        yield path, value
