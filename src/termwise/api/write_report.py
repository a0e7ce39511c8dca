"""A report, one HTML file: a run's configuration, curves, account, pictures and other accounts; any account's."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, model_and_data
from termwise.api.run import Run
from termwise.errors import Refused
from termwise.files import checked_place, write_whole
from termwise.report.page import page
from termwise.report.pictures import Pictures, pictures_of
from termwise.report.walks import standard_links
from termwise.values import checked

PAGE_ENDINGS = (".html", ".htm")


@checked
def write_report(
    report_of: Run | Account,
    path: str | PathLike[str] | None = None,
    *,
    model: Measurable | None = None,
    data: Data | None = None,
    split: str | None = None,
) -> Path:
    """Write the report of a run, or of any account, as one HTML file; returns its path.

    Args:
        report_of: A run, of which all that its folder holds is shown; or an account, also of a model that termwise did
            not train.
        path: The file to write, .html or .htm; a run's own report.html where left out.
        model: With an account: the model, whose pictures are shown; none where left out.
        data: With an account and a model: the data.
        split: Of the data: "train", "validation" or "test"; else as `measure` has it.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> x = world.data(500)
        >>> write_report(tw.measure(world, x), f"{mkdtemp()}/world.html", model=world, data=x).name
        'world.html'
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> write_report(tw.load_run(folder)).name
        'report.html'
    """
    if isinstance(report_of, Run):
        if path is not None and not _is_one(path, report_of.folder.report_file):
            return _written(checked_place(path, "Pages are", PAGE_ENDINGS), _run_page(report_of))
        with report_of.folder.locked():
            return write_page(report_of)
    if path is None:
        raise Refused('An account has no folder of its own: say where to, as in write_report(account, "report.html").')
    path = checked_place(path, "Pages are", PAGE_ENDINGS)
    account, pictures = report_of.to_json(), Pictures()
    if model is not None:
        measured = model_and_data(model, data, split, seed=0)
        pictures = pictures_of(measured.model, measured.data, _rates(account))
    name = report_of.data.get("name", "An account")
    return _written(path, page(title=str(name), config={}, metrics=[], account=account, links=[], pictures=pictures))


def write_page(run: Run) -> Path:
    """The same, for who is the one that writes in the folder."""
    return _written(run.folder.report_file, _run_page(run))


def _is_one(path: str | PathLike[str], file: Path) -> bool:
    return Path(path).resolve() == file.resolve()


def _written(path: Path, content: str) -> Path:
    write_whole(path, content.encode())
    return path


def pictures_of_run(run: Run) -> Pictures:
    """What a run's report shows of its model: reconstructions, samples, traversals."""
    return pictures_of(run.model, run.data.test, _rates(run.account.to_json()))


def _rates(account: Mapping[str, Any]) -> list[float] | None:
    """The rate of each dimension, where it was measured."""
    value = account["readings"].get("rate_by_dimension", {}).get("value")
    return value if isinstance(value, list) else None


def _run_page(run: Run) -> str:
    """A run's page, as text."""
    account, folder = run.account.to_json(), run.folder
    edits = Account.load(folder.attributes_file).to_json() if folder.attributes_file.exists() else None
    figures = {method: folder.edits_figure(method) for method in edits["data"]["methods"]} if edits else {}
    return page(
        title=f"{run.data.name}, {run.config.objective.recipe or 'a walk of its own'}",
        config=run.config.to_json(),
        metrics=run.metrics(),
        account=account,
        links=standard_links(account),
        pictures=pictures_of_run(run),
        quality=[Account.load(file).to_json() for file in folder.quality_files if file.exists()],
        attributes=edits,
        figures={method: file.read_bytes() for method, file in figures.items() if file.exists()},
    )
