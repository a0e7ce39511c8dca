"""What is fuzzed, surface by surface: a seed makes a case. Options and arguments are read from the program itself."""

import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer

import termwise as tw
from helpers.ends import Case, End, command, end_of, place_for
from helpers.hostile_files import mutate_file
from helpers.hostile_values import NUMBERS, TEXTS, as_text, mutated, of_python, plain, short
from termwise.cli.commands import app
from termwise.objectives import RECIPES
from termwise.terms.estimators import ESTIMATORS
from termwise.verify import CHECK_FAMILIES

EXAMPLES = 240
"""In data.npz: images of 6 x 6 of two kinds, labelled."""


def make_run(beside: Path) -> None:
    """A small data set and two runs in a folder: all that a run's folder can hold is in the first."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, EXAMPLES)
    x = rng.random((2, 1, 6, 6))[labels] + 0.3 * rng.random((EXAMPLES, 1, 6, 6)) > 0.7
    np.savez(beside / "data.npz", x=x.astype("float32"), labels=labels)
    data = str(beside / "data.npz")
    for name, recipe in (("run", "vae"), ("other", "beta-vae")):
        tables = {
            "data": {"source": data, "test": 0.5, "attributes": "labels"},
            "model": {"latent": 2, "options": {"hidden": [8]}},
            "objective": {"recipe": recipe},
            "training": {"epochs": 2, "batch_size": 60},
        }
        tw.train(tables, out=beside / name, progress=False)
    run = beside / "run"
    tw.sample_quality(run, folder=run, steps=2, neighbours=1)
    tw.attributes(run, folder=run, classifier_steps=2, limit=9)
    tw.write_report(tw.load_run(run))


@dataclass(frozen=True)
class Surface:
    """What takes input from outside: its name, and from (seed, a fresh folder) a case.

    Attributes:
        name: Such as "files".
        subjects: What of it is fuzzed, each by seeds of its own.
        case: From (subject, random numbers, the folder `work`) to a case.
    """

    name: str
    subjects: Callable[[Path], list[str]]
    case: Callable[[str, random.Random, Path], Case]

    def ends(self, beside: Path, seeds: range, room: Path, every: int = 1) -> Iterator[tuple[str, End]]:
        """How the cases of all subjects, or of one in so many, and of all seeds end, each with its story."""
        for subject in self.subjects(beside)[::every]:
            for seed in seeds:
                rng = random.Random(f"{self.name} {subject} {seed}")
                number = len(list(room.iterdir()))
                place = place_for(number, room, beside / "run", beside / "other", beside / "data.npz")
                case = self.case(subject, rng, place / "work")
                yield f"{self.name}, {subject}, seed {seed}: {case.story}", end_of(case, place)


def _files(beside: Path) -> list[str]:
    return sorted(str(file.relative_to(beside / "run")) for file in (beside / "run").rglob("*") if file.is_file())


def _file_case(subject: str, rng: random.Random, work: Path) -> Case:
    """A file of a run is another, and a command or a function reads the run."""
    story = mutate_file(work / "run" / subject, rng)
    readers: dict[str, Callable[[], object]] = {
        "report": lambda: command("report", "run", run="run"),
        "measure": lambda: command("measure", "run", "--json"),
        "compare": lambda: command("compare", "run", "other", "--json"),
        "train --resume": lambda: command("train", "--resume", "--out", "run", run="run"),
        "train --resume --epochs 3": lambda: command("train", "--resume", "--out", "run", "--epochs", "3", run="run"),
        "train --overwrite": lambda: command("train", "--config", "run/config.toml", "--overwrite", "--out", "run"),
        "load_run": lambda: tw.load_run("run"),
        "metrics": lambda: tw.load_run("run").metrics(),
        "from_pretrained": lambda: tw.VAE.from_pretrained("run/model") and None,
    }
    reader = rng.choice(list(readers))
    return Case(f"{story}; {reader}", readers[reader])


def _objectives() -> dict[str, dict[str, Any]]:
    """Tables of every recipe with its options at their defaults, and of a walk by every estimator."""
    tables: dict[str, dict[str, Any]] = {}
    for name, recipe in RECIPES.items():
        tables[name] = {"recipe": name, **_defaults(recipe)}
    for name, row in ESTIMATORS.items():
        ends = {"from": "aggregate", "to": "prior"}
        tables[f"walk by {name}"] = {"links": [{**ends, "weight": 1.0, "estimator": {"name": name, **_defaults(row)}}]}
    return tables


def _defaults(row: tw.Row) -> dict[str, Any]:
    return {
        name: one.default for name, one in row.options.items() if isinstance(one.default, int | float | str | tuple)
    }


def _configurations(_: Path) -> list[str]:
    return ["data", "model", "training", *_objectives()]


def _configuration_case(subject: str, rng: random.Random, work: Path) -> Case:
    """A configuration with one key changed is trained by."""
    tables = tw.training.Config().to_json()
    tables["data"] = {"source": "data.npz", "validation": 0.1, "test": 0.5, "seed": 0, "binarize": "threshold"}
    tables["training"] |= {"epochs": 1, "gradient_clip": 1.0, "patience": 3, "checkpoint_steps": 5}
    tables["training"]["average"] = {"decay": 0.9}
    tables["model"] |= {"latent": 2, "options": {"hidden": [8]}}
    if subject in _objectives():
        story, part = mutated(_objectives()[subject], rng)
        tables["objective"] = part
    else:
        story, tables[subject] = mutated(tables[subject], rng)
    return Case(story, lambda: tw.train(tables, out="new", progress=False))


def _commands() -> dict[str, Any]:
    return typer.main.get_command(app).commands


SHORT: dict[str, list[str]] = {
    "train": [
        "--data=four-points",
        "--recipe=vae",
        "--epochs=1",
        "--latent=2",
        "--set=model.options.hidden=[8]",
        "--out=new",
    ],
    "attributes": ["--classifier-steps=2", "--limit=9"],
    "frontier": ["--limit=9"],
    "quality": ["--classifier-steps=2", "--neighbours=1"],
}
"""What makes a command take a second, and not minutes."""


def _command_case(subject: str, rng: random.Random, work: Path) -> Case:
    """A command with one or two options that nobody meant."""
    options = _commands()[subject].params
    given = list(SHORT.get(subject, ()))
    positional: list[str] = []
    for one in options:
        if one.param_type_name == "argument" and "RUN" in (one.metavar or ""):
            positional += ["run", "other"] if one.nargs == -1 else ["run"]
    for one in rng.sample(options, min(len(options), rng.choice((1, 1, 2)))):
        value = as_text(rng.choice((plain(rng), rng.choice(_near(one)))))
        value = HARMLESS.get(value, value) if one.name in OWN else value
        if one.param_type_name == "argument":
            positional = [value] if value and not value.startswith("-") else positional
        elif one.is_flag:
            given += [one.opts[0]]
        else:
            value = f"{rng.choice(SETTINGS)}={value}" if one.name == "setting" and rng.random() < 0.8 else value
            given += [f"{one.opts[0]}={value}"]
    if "--critic" in given:  # the usual 3000 moves take longer than a case may; a later --critic-steps counts
        given.insert(0, "--critic-steps=2")
    arguments = [subject, *positional, *given]
    out = next((one.partition("=")[2] for one in reversed(given) if one.startswith("--out=")), "")

    def act() -> End:
        _check_little()
        return command(*arguments, run=out or None)

    return Case(short(" ".join(arguments)), act)


OWN = {"model", "run", "samples", "f"}
"""Where MODULE:FUNCTION names a function of the user's own, which is then called, whatever it does."""

HARMLESS = {"os:abort": "os:getpid"}
"""What is named there, in place of a function that ends the process; anywhere else it must not be called."""


def _check_little() -> None:
    """In a case's own process: of all checks, which take half a minute, leave one family."""
    for family in [name for name in CHECK_FAMILIES if name != "KL appendix"]:
        del CHECK_FAMILIES[family]


SETTINGS = (
    "training.epochs",
    "model.latent",
    "objective.beta",
    "data.test",
    "data.seed",
    "model.options.hidden",
    "a",
    "",
)
"""Paths for --set."""


def _near(one: Any) -> tuple[object, ...]:
    """Values that an option would take, or nearly: its default, and numbers where its own type is one."""
    return (one.default, *(NUMBERS if one.type_descriptor.annotation in (int, float) else ("run", "four-points")))


def _functions(_: Path) -> list[str]:
    return sorted(name for name, one in _public().items() if inspect.signature(one).parameters)


def _public() -> dict[str, Callable[..., object]]:
    """The public functions and classes of the package and of its rooms, by name."""
    homes = {"tw": tw} | {f"tw.{name}": getattr(tw, name) for name in ROOMS}
    found: dict[str, Callable[..., object]] = {}
    for home, module in homes.items():
        for name in module.__all__:
            one = getattr(module, name)
            if inspect.isfunction(one) and one not in found.values():
                found[f"{home}.{name}"] = one
    return found | {"tw.VAE": tw.VAE, "tw.VAE.build": tw.VAE.build, "tw.VAE.from_pretrained": tw.VAE.from_pretrained}


ROOMS = ("models", "objectives", "training", "worlds", "verify")
"""Those whose functions take what a user writes."""


def _meant(of: str) -> dict[str, Any]:
    """Arguments of a function that are as they should be, by their names; short."""
    x = (torch.arange(24 * 36).view(24, 1, 6, 6) * 7919 % 64 > 31).float()
    vae = tw.VAE.build((1, 6, 6), latent=2, options={"hidden": [8]}).eval()
    known: dict[str, Any] = {
        "model": vae, "data": tw.load_data(x, labels=[0, 1] * 12, attributes="labels", test=0.5), "run": "run",
        "runs": "run", "path": "run", "folder": None, "samples": 1, "source": x, "shape": (1, 6, 6), "latent": 2,
        "encode": lambda b: (b.flatten(1)[:, :2], torch.zeros(len(b), 2)), "name": "beta-vae", "out": "new",
        "encoder": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 4)),
        "decoder": torch.nn.Sequential(torch.nn.Linear(2, 36), torch.nn.Unflatten(1, (1, 6, 6))), "recipe": "vae",
        "log_likelihood": lambda z: -z.square().sum(-1), "config": {"model": {"options": {"hidden": [8]}}},
        "classifier_steps": 2, "critic_steps": 2, "steps": 2, "epochs": 1, "limit": 9, "seed": 0,
        "values": {}, "setting": "training.epochs=3", "below": {}, "above": {}, "share": 0.3, "draws": 1,
        "dataset_size": 24, "start": 0, "end": 1,
        "objective": tw.objectives.distortion(), "left": "posterior", "right": "prior",
        "p": torch.arange(24.0).view(24, 1), "q": torch.arange(24.0).view(24, 1) % 7, "f": "kl", "stop_gradient": None,
        "groups": [[0], [1]], "target": 3.0, "estimator": tw.terms.ClosedForm(), "likelihood": None, "progress": None,
    }  # fmt: skip
    special: dict[tuple[str, str], Any] = {
        ("tw.train", "model"): None, ("tw.train", "objective"): None,
        ("tw.push_to_hub", "repo"): "", ("tw.from_hub", "repo"): "",  # refused before any hub is asked
        ("tw.write_comparison", "runs"): ["run", "other"], ("tw.write_comparison", "path"): "both.html",
        ("tw.export_latents", "path"): "codes.npz", ("tw.sample_quality", "samples"): vae,
        ("tw.train", "progress"): False, ("tw.divergence_of", "f"): lambda r: (r - 1) ** 2,
        ("tw.models.expected_example", "likelihood"): torch.distributions.Normal(torch.zeros(2), 1.0),
        ("tw.VAE.from_pretrained", "folder"): "run/model", ("tw.train", "data"): "four-points",
        ("tw.objectives.solo", "objective"): tw.objectives.Objective((tw.objectives.distortion(),)),
        ("tw.VAE", "likelihood"): "bernoulli", ("tw.VAE.build", "likelihood"): "bernoulli",
        ("tw.VAE", "target"): None, ("tw.VAE.build", "target"): None, ("tw.train", "target"): None,
        ("tw.sweep", "config"): None, ("tw.sweep", "base"): _of_a_second(), ("tw.sweep", "data"): None,
        ("tw.sweep", "grid"): {"model.latent": [1, 2]}, ("tw.sweep", "search"): None, ("tw.sweep", "seeds"): 1,
        ("tw.sweep", "maximize"): "elbo", ("tw.sweep", "minimize"): "rate", ("tw.sweep", "workers"): 1,
        ("tw.sweep", "threads"): 1, ("tw.sweep", "ray"): None, ("tw.sweep", "progress"): False,
        ("tw.load_sweep", "folder"): "run",
        ("tw.worlds.four_points", "mean"): torch.zeros(4, 2), ("tw.worlds.four_points", "scale"): torch.ones(4, 2),
    }  # fmt: skip
    if of == "tw.write_report":
        known |= {"report_of": tw.load_run("run"), "path": None, "model": None, "data": None}
    if of == "tw.write_frontier":
        known |= {"found": tw.frontier(["run", "other"]), "path": "both.html"}
    return known | {name: value for (function, name), value in special.items() if function == of}


def _of_a_second() -> dict[str, Any]:
    """A configuration that trains in a moment."""
    return {"data": {"source": "four-points"}, "model": {"options": {"hidden": [8]}}, "training": {"epochs": 1}}


MORE: dict[str, dict[str, Any]] = {
    "tw.log_likelihood": {
        "method": "iwae", "limit": 4, "samples": 8, "chains": 2, "temperatures": 3, "simulated": 2, "tolerance": 1.0,
        "split_gap": False, "proposal": "posterior", "base": None, "batch_size": 8,
    },
    "tw.frontier": {
        "betas": [0.5, 1.0], "chains": 2, "temperatures": 3, "simulated": 2, "samples": 8, "batch_size": 8,
        "leapfrogs": 1,
    },
    "tw.disentanglement": {"metrics": ["mig"], "repeats": 2, "limit": 9, "batch_size": 8},
    "tw.sample_quality": {
        "steps": 2, "count": 9, "limit": 200, "neighbours": 1, "noise": False, "reconstructions": False,
        "batch_size": 8,
        "features": torch.nn.Flatten(), "train": None,
    },
    "tw.train": {"beta": 4.0, "lambda_": 1.0},
    "tw.recipe": {"beta": 4.0},
    "tw.load_data": {"in_memory": True},
}  # fmt: skip
"""What a function takes beside its own arguments."""


def _function_case(subject: str, rng: random.Random, _: Path) -> Case:
    """A function with one or two arguments that nobody meant."""
    function = _public()[subject]
    parameters = inspect.signature(function).parameters
    names = [name for name, one in parameters.items() if one.kind is not one.VAR_KEYWORD]
    more = MORE.get(subject, {})
    chosen = rng.sample([*names, *more], rng.choice((1, 1, 1, 2)) if names[1:] else 1)
    hostile = {
        name: _against(str(parameters[name].annotation if name in parameters else type(more[name])), rng)
        for name in chosen
    }
    if callable(hostile.get("progress")):
        hostile["progress"] = None  # what is called may fail in its own way
    for name in OWN & {name for name, value in hostile.items() if isinstance(value, str)}:
        hostile[name] = HARMLESS.get(hostile[name], hostile[name])

    def call() -> object:
        _check_little()
        given = {name: value for name, value in _meant(subject).items() if name in names}
        given |= {name: value for name, value in more.items() if name in hostile}
        given |= hostile
        variable = [name for name, one in parameters.items() if one.kind is one.VAR_POSITIONAL]
        first = [given.pop(name) for name in variable if name in given]
        return function(*first, **given)

    return Case(", ".join(f"{name}={short(value)}" for name, value in hostile.items()), call)


def _against(kind: str, rng: random.Random) -> Any:
    """A value that nobody meant for an argument so annotated; every other time of its own kind."""
    if rng.random() < 0.5:
        return of_python(rng)
    return rng.choice(NUMBERS) if "int" in kind or "float" in kind else rng.choice(TEXTS) if "str" in kind else None


SURFACES = {
    one.name: one
    for one in (
        Surface("files", _files, _file_case),
        Surface("configurations", _configurations, _configuration_case),
        Surface("commands", lambda _: list(_commands()), _command_case),
        Surface("functions", _functions, _function_case),
    )
}
"""All that takes input from outside, by name."""
