"""Train: from a configuration to a run."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from termwise.account import Account
from termwise.api.from_config import check_fit, configured_data, configured_model, settled
from termwise.api.measure import measure
from termwise.api.own_objects import own_objective, parts_in_words
from termwise.api.run import Run, load_run
from termwise.api.write_report import pictures_of_run, write_page
from termwise.content import exists
from termwise.data import Dataset, load_data
from termwise.data.beside import name_of
from termwise.data.generators import generators_as_they_were, seed_all
from termwise.data.pixel_cache import caches_as_they_are
from termwise.data.side_names import side_names
from termwise.errors import BadData, Refused
from termwise.files import remove, write_whole
from termwise.models import VAE
from termwise.models.data_pass import Progress, with_side_of
from termwise.models.missing import Filler
from termwise.models.networks.table import check_network
from termwise.models.pretrained import AnyLikelihood, AnyPosterior, AnyPrior
from termwise.models.scaler import Scaler
from termwise.models.side_input import begin_side
from termwise.models.user_function import Trust, check_trust
from termwise.objectives import RECIPES, Game, Objective, Weighted, solo
from termwise.report.figures import figures_of
from termwise.report.game_diagnosis import diagnose_claims
from termwise.report.model_card import model_card
from termwise.report.progress_bar import terminal_bar
from termwise.trackers import Tracking
from termwise.training import Config, RunFolder, Trainer, resolve
from termwise.training.callbacks import Callbacks, warn_of_never_called
from termwise.training.outweighed import diagnose_prior, diagnose_weight
from termwise.training.overfitting import diagnose_overfitting
from termwise.training.processes import folder_of_this_process, in_processes, join_from_environment
from termwise.training.resolve import OWN
from termwise.training.watchers import Bar, Silent, Watcher, Watchers
from termwise.values import Count, Name, check_keywords, checked


@generators_as_they_were()
@checked
def train(
    config: Mapping[str, Any] | Config | None = None,
    *,
    data: Any = None,
    recipe: str | None = None,
    objective: Game | Objective | Weighted | None = None,
    model: VAE | None = None,
    network: Name | None = None,
    latent: int | None = None,
    posterior: AnyPosterior | None = None,
    likelihood: AnyLikelihood | None = None,
    prior: AnyPrior | None = None,
    side: str | Sequence[str] | None = None,
    side_to: Sequence[str] | None = None,
    target: Name | None = None,
    shape: Sequence[Count] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    device: str | None = None,
    devices: int | None = None,
    measure_limit: int | None = None,
    track: str | Sequence[str] | None = None,
    callbacks: Callbacks = (),
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    trust: Trust = (),
    progress: bool = True,
    **options: Any,
) -> Run:
    """Train a VAE, measure it on the test split, and write a run folder with a report.

    The caller's random state is left as it was. Trainings and measurings in several threads take turns.

    Args:
        config: Tables as in a TOML file (data, model, objective, training); the keywords below have the say.
        data: A source's name, a path, or an object that `load_data` takes: an array, a data frame, a Dataset.
        recipe: A named objective; its options, such as `beta=6`, are given beside it.
        objective: An objective or game of your own, in place of a recipe.
        model: A VAE of your own, in place of `network`, `latent`, `posterior`, `likelihood`, `prior` and `shape`.
        network: A network by name, such as "mlp", or a builder of your own as "module:function".
        latent: The number of the code's dimensions.
        posterior: q(z|x) by name, such as "full-normal"; its options stand in the configuration, as
            model.posterior_options. (`termwise train --help` lists all networks, posteriors, likelihoods and priors.)
        likelihood: p(x|z) by name, such as "bernoulli" or "normal:0.1".
        prior: p(z) by name, such as "standard-normal"; its options stand in model.prior_options. Each of the three may
            be an object of yours, too, which files call "given": `load_run` and `resume` must be given it again.
        side: What stands beside x, by name: "labels", "factors", "attributes", or names of them or of columns.
        side_to: The parts of the model that take it, of "encoder", "decoder" and "prior"; none, but by recipes such as
            "cvae".
        target: What the decoder says in the place of x, by its name among what can stand beside x; of x where left
            out, but by recipes such as "vib".
        shape: How the positions of a code of categories or codewords are laid out, such as (7, 7).
        epochs, batch_size, learning_rate, seed, device: Of the training.
        devices: How many processes of this machine train together: each has its own device, or its share of the cores,
            and its rows of every batch. A script that asks for several is read by each of them: let it begin under
            `if __name__ == "__main__":`. Processes that torchrun has started need not be asked for.
        measure_limit: At most so many test examples, drawn at random, are measured at the end; 50,000 where left out.
        track: Trackers that are told of the run, by name: "tensorboard", "wandb", "mlflow", "trackio". One that fails
            while the training goes on is left out, with a warning.
        callbacks: Watchers of yours, who are told how the training goes (`Watcher`); what they raise ends it.
        out: The run folder; runs/DATA-RECIPE-seedS where left out.
        resume: Go on with the run in `out`; with more `epochs` than it was given, beyond its end.
        overwrite: Begin anew where `out` holds a run, which stays until the new one has ended.
        trust: With `resume`: modules whose code may be run, by name, where the run's network or divergence is a
            function of yours and is not named again; all where True.
        progress: Show a bar.
        **options: The recipe's.

    Raises:
        TermwiseError: Something cannot be as asked; the message says what to do.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = mkdtemp()
        >>> run = train(data="four-points", recipe="beta-vae", beta=2.0, epochs=1, out=folder, progress=False)
        >>> run.metrics()[0]["weights"]
        {'distortion': 1.0, 'rate': 2.0}
        >>> longer = train(resume=True, epochs=3, out=folder, progress=False)
        >>> [line["epoch"] for line in longer.metrics() if line["split"] == "train"]
        [1, 2, 3]
    """
    arguments = dict(locals())
    if resume and overwrite:
        raise Refused("A run is resumed, or begun anew; got both resume and overwrite. Choose one.")
    check_keywords("train", train, options, (name for row in RECIPES.values() for name in row.options))
    warn_of_never_called(callbacks, stacklevel=4)
    optimizer = {"learning_rate": learning_rate}
    training: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "device": device}
    training |= {"devices": devices, "optimizer": optimizer, "measure_limit": measure_limit}
    training["track"] = track if track is None or isinstance(track, str) else list(track)
    made = {"posterior": posterior, "likelihood": likelihood, "prior": prior}
    parts = {kind: part for kind, part in made.items() if part is not None and not isinstance(part, str)}
    recipe, objective, options = own_objective(recipe, objective, options)
    keywords = {
        "data": {
            "source": str(data) if isinstance(data, str | PathLike) else None,
            "side": [side] if isinstance(side, str) else None if side is None else list(side),
        },
        "model": {
            "network": network,
            "latent": latent,
            "posterior": posterior,
            "likelihood": likelihood,
            "prior": prior,
            **parts_in_words(parts, latent),
            "side_to": None if side_to is None else list(side_to),
            "target": target,
            "shape": None if shape is None else list(shape),
        },
        "objective": {"recipe": recipe, **options},
        "training": training,
    }
    own_data = None if data is None or isinstance(data, str | PathLike) else _own_data(data, side, target)
    own: dict[str, Any] = {"data": own_data, "objective": objective, "model": model}
    settings = resolve(config, keywords, **own)
    folder = RunFolder(out or Path("runs") / _run_name(settings, own_data))
    rank, ranks = join_from_environment()
    if rank == 0:
        _check_folder(folder, resume, overwrite)
    processes = settings if devices or not resume else resolve(config, keywords, **own, resumed=folder.current)
    if ranks == 1 < processes.training.devices:
        in_processes(train, processes.training.devices, **_as_given(arguments, folder))
        return load_run(folder, model=model, data=own_data, trust=trust, **parts)
    if rank:  # whatever is said or shown, the first says and shows
        progress, callbacks = False, ()
    folder = folder_of_this_process(folder)
    with ExitStack() as held:
        if folder.exists:
            held.enter_context(folder.locked())
        asked = settings
        if resume:
            settings = resolve(config, keywords, **own, resumed=folder.current)
            if model is None and settings.model.network not in (asked.model.network, OWN):
                check_network(settings.model.network, trust, folder.current.config_file)
            for function in sorted(settings.objective.functions - asked.objective.functions):
                check_trust(function, trust, folder.current.config_file)
        trackers = settings.training.trackers if rank == 0 else []
        tracking = Tracking(trackers)
        named = trust is True or not resume or asked.data == settings.data
        with nullcontext() if named else caches_as_they_are():
            dataset = configured_data(settings) if own_data is None else _with_side(own_data, settings)
        chosen = settings.model.likelihood
        settings = settled(settings, dataset, model, resume, parts)
        seed_all(settings.training.seed)
        vae = model or configured_model(settings, dataset, parts)
        _prepare(vae, dataset, settings)
        game = settings.objective.build() if objective is None else _as_game(objective)
        place = _place(folder, settings, resume)
        watchers = Watchers([_watcher(settings, dataset, progress), *callbacks, tracking])
        trainer = Trainer(vae, game, dataset, settings.training, place, watchers)
        if place.path == folder.path and not folder.exists:
            held.enter_context(folder.locked())
            _check_folder(folder, resume, overwrite)  # again: another process may have begun meanwhile
        if progress and not resume:
            _say(dataset, settings, chosen)
        _begin(trainer, folder, settings, resume)
        with watchers.to_the_end():
            watchers.began(place, settings, vae)
            trained = trainer.run().to(dtype=torch.float32)
            with terminal_bar() if progress else nullcontext() as bar:
                run = _measured(Run(place, settings, trained, dataset, Account({})), trainer, bar)
            trainer.shared.undo()
            watchers.measured(run.account)
            if trackers:
                tracking.drew(figures_of(pictures_of_run(run)))
        if place.path == folder.path:
            return run
        folder.adopt()
        return replace(run, folder=folder)


def _as_given(arguments: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    """The same arguments, for every process of a training in this folder."""
    options = arguments.pop("options")
    return {**arguments, **options, "out": folder.path}


def _own_data(data: Any, side: str | Sequence[str] | None, target: str | None) -> Dataset:
    """Data made in Python, of which a table is read with what stands beside its x."""
    beside = [*([side] if isinstance(side, str) else side or ()), *(() if target is None else (target,))]
    return data if isinstance(data, Dataset) else load_data(data, side=beside or None)


def _with_side(data: Dataset, settings: Config) -> Dataset:
    """Data made in Python, with what the configuration says stands beside x."""
    asked = side_names(settings.data.side, ()) if settings.data.side else []
    there = set() if data.side is None else {str(name_of(one)) for one in data.side.variables} | set(data.side.names)
    return data if all(str(one) in there for one in asked) else data.with_side([str(one) for one in asked])


def _run_name(settings: Config, own_data: Dataset | None) -> str:
    """DATA-RECIPE-seedS, where no folder is named."""
    name = own_data.name if own_data is not None else Path(settings.data.source or "data").stem
    return f"{name}-{settings.objective.recipe or 'walk'}-seed{settings.training.seed}"


def _check_folder(folder: RunFolder, resume: bool, overwrite: bool) -> None:
    """Raise Refused where a run that is there already would be lost, or where there are other files."""
    if folder.exists and not (resume or overwrite):
        raise Refused(
            f"{folder} holds a run already. Resume it (resume, --resume), or begin anew (overwrite, --overwrite)."
        )
    if not folder.exists and not resume:
        folder.check_free()


def _prepare(model: VAE, dataset: Dataset, settings: Config) -> None:
    """Give the model a scaler and a filler, where it is to have them, the names of the columns of x, and the
    frequencies of what stands beside it.

    Raises:
        BadData: The model cannot be trained, or not be measured, on these examples.
    """
    if settings.data.standardize and model.scaler is None:
        model.scaler = Scaler.of(dataset)
    if model.target is not None or (model.side is not None and not len(model.side.rows)):
        taken = with_side_of(model, dataset.train).side
        assert taken is not None
        begin_side(model, taken)
    if dataset.has_missing and model.filler is None:
        model.filler = Filler.of(dataset)
    model.likelihood.begin(dataset)
    model.columns = tuple(column.name for column in dataset.columns)
    check_fit(model, dataset)
    if len(dataset.test) < 2:
        raise BadData(
            f"{dataset.name}: expected a test part of two examples or more, got {len(dataset.test)}. Bring more, or "
            "test on a greater part: test=0.5 (--set data.test=0.5)."
        )


def _say(dataset: Dataset, settings: Config, likelihood: str | None) -> None:
    """What the data are taken for, in three lines on standard error."""
    about, target = replace(dataset, standardize=bool(settings.data.standardize)).describe(), settings.model.target
    likelihood = likelihood if target is None else f"{settings.model.likelihood} of {target}"
    for line in about.in_three_lines(likelihood):
        print(line, file=sys.stderr)


def _watcher(settings: Config, dataset: Dataset, progress: bool) -> Watcher:
    """A bar as long as the training, or nobody."""
    steps_per_epoch = len(dataset.train) // min(settings.training.batch_size, len(dataset.train))
    return Bar(settings.training.epochs * steps_per_epoch, settings.training.epochs) if progress else Silent()


def _place(folder: RunFolder, settings: Config, resume: bool) -> RunFolder:
    """Where the training writes: within the folder, wherever it holds results that another model would replace."""
    if not resume:
        return folder.unfinished if folder.exists else folder
    other = settings != folder.current.config()
    return folder.unfinished if other and folder.current.model_folder.exists() else folder.current


def _begin(trainer: Trainer, folder: RunFolder, settings: Config, resume: bool) -> None:
    """Make the trainer ready: at the start of a run, or where the last checkpoint has it.

    config.toml is written last, so that whoever finds one finds a checkpoint.
    """
    place, current = trainer.folder, folder.current
    if resume and place.path == current.path:
        trainer.resume()
        if settings != place.config():  # more epochs: what was measured is another model's
            remove(place.report_file)
            remove(place.checksums_file)
            place.write_config(settings)
        return
    if place.path != folder.path:
        remove(place.path)
    if resume:
        trainer.resume(beyond=current)
        if exists(current.tracking_file):  # which the trackers go on by
            write_whole(place.tracking_file, current.tracking_file.read_bytes())
    else:
        place.clear()
        trainer.start()
    place.write_config(settings)


def _measured(run: Run, trainer: Trainer, progress: Progress | None) -> Run:
    """The same run with its account, once its folder has the model, the account, the card and, last, the report."""
    folder = run.folder
    if folder.report_file.exists():  # nothing was left to do
        return replace(run, model=run.model.to("cpu"), account=Account.load(folder.account_file, folder.values_file))
    run.model.save_pretrained(folder.model_folder)
    limit, device = run.config.training.measure_limit, trainer.engine.device
    account = measure(run.model, run.data, split="test", limit=limit, device=device, progress=progress)
    further = (*diagnose_claims(folder.metrics(), account.to_json()), *_outweighed(run.config, trainer, account))
    account = replace(account, diagnosis=(*further, *account.diagnosis, *_overfitting(trainer, account)))
    run = replace(run, model=run.model.to("cpu"), account=account)
    account.save(folder.account_file, folder.values_file)
    write_whole(folder.model_folder / "README.md", model_card(run.config.to_json(), account.to_json()).encode())
    folder.write_checksums(run.data.fingerprint())
    write_page(run)
    return run


def _outweighed(config: Config, trainer: Trainer, account: Account) -> list[str]:
    """What is to be said of a weight under which the code died, or stayed away from the prior."""
    objective = trainer.game.players[0].objective
    rate, mmd2 = account.get("rate"), account.get("marginal_mmd2")
    died = [] if rate is None else diagnose_weight(config.objective, objective, rate.value)
    return died + ([] if mmd2 is None else diagnose_prior(config.objective, objective, mmd2))


def _overfitting(trainer: Trainer, account: Account) -> list[str]:
    """What the curves of the training say of it."""
    elbo = account.get("elbo")
    waited = 0 if trainer.stopping.best_weights is None else trainer.stopping.waited
    return diagnose_overfitting(
        trainer.folder.metrics(), trainer.held_out_name, None if elbo is None else elbo.stderr, waited
    )


def _as_game(objective: Game | Objective | Weighted) -> Game:
    """The game that an objective is, be it one already, a sum of terms, or a term."""
    if isinstance(objective, Game):
        return objective
    return solo(Objective((objective,)) if isinstance(objective, Weighted) else objective)
