"""A run that was carried out, as it is read from its folder."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

from termwise.account import Account
from termwise.account.rounding import with_error
from termwise.api.from_config import data_of_run
from termwise.content import exists
from termwise.data import Dataset
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.models.user_function import Trust, user_function
from termwise.notebook import html_sentences
from termwise.training import Config, RunFolder
from termwise.values import check_keywords, checked


@dataclass(frozen=True)
class Run:
    """A training that was carried out: its folder, its model, its data and its account of the test split.

    Attributes:
        folder: The files of the run.
        config: The configuration that it was trained by.
        model: The trained model.
        data: The data set, with its splits.
        account: The account of the test split.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> run.model.latent, len(run.data.test), run.account["elbo"].n
        (10, 4, 4)
    """

    folder: RunFolder
    config: Config
    model: VAE
    data: Dataset
    account: Account

    def __repr__(self) -> str:
        recipe, elbo = self.config.objective.recipe or "a walk of its own", self.account.get("elbo")
        found = "" if elbo is None else f"; ELBO {with_error(elbo.value, elbo.stderr)} {elbo.unit}"
        length = f"{self.config.training.epochs} epoch{'' if self.config.training.epochs == 1 else 's'}"
        return f"Run({str(self.folder)!r}: {recipe} on {self.data.name}, {length}{found})"

    def _repr_html_(self) -> str:
        return html_sentences([repr(self), f"The report is {self.folder.report_file}."]) + self.account._repr_html_()

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, in the order in which they were written."""
        return self.folder.metrics()


@checked
def load_model(run: str | PathLike[str], *, model: VAE | str | None = None, trust: Trust = (), **parts: Any) -> VAE:
    """The model of a run folder, in evaluation mode.

    Args:
        run: The folder.
        model: Where it was made in Python: such a model again, into which its weights are loaded; or "module:function",
            a function of yours that makes one.
        trust: Modules whose code may be run, by name, where its network is a function of yours; all where True.
        **parts: Your own encoder, decoder, posterior, likelihood or prior, in place of a whole model.

    Raises:
        Refused: A part of your own is lacking, or a module is not trusted.
        BadData: It is no run folder, or a file is damaged.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> load_model(folder).training
        False
    """
    check_keywords("load_model", load_model, parts, ("encoder", "decoder", "posterior", "likelihood", "prior"))
    folder = RunFolder(run)
    folder.config()  # says so where it is no run folder
    folder.check()
    if isinstance(model, str):
        (module, _, function), name = model.partition(":"), model
        model = user_function(module, function)()
        if not isinstance(model, VAE):
            raise Refused(f"{name} must return a VAE, to take the run's weights; it gave {model!r:.80}.")
    return VAE.from_pretrained(folder.model_folder, model=model, trust=trust, **parts)


@checked
def load_run(
    path: str | PathLike[str],
    *,
    model: VAE | str | None = None,
    data: Any = None,
    trust: Trust = (),
    **parts: Any,
) -> Run:
    """The run in a folder, with its model, its data, and the account that is saved there.

    Args:
        path: The folder.
        model, trust, **parts: As `load_model` takes them; `trust=True` also writes a cache of data where the run's
            configuration names one.
        data: Its data, where its configuration cannot name them, since they came from Python.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> load_run(folder).account["elbo"] == run.account["elbo"]
        True
    """
    folder = RunFolder(path)
    vae = load_model(path, model=model, trust=trust, **parts)
    if not exists(folder.account_file):
        raise BadData(f"{folder} has no account: its training has not ended. Go on with it by resume, or --resume.")
    account = Account.load(folder.account_file, folder.values_file)
    return Run(folder, folder.config(), vae, data_of_run(folder, trust, data), account)
