"""A run's report: one HTML file of its configuration, curves, account, pictures, and what else was measured."""

from pathlib import Path

from termwise.account import Account
from termwise.api.run import Run
from termwise.files import write_whole
from termwise.report.page import page
from termwise.report.pictures import pictures_of
from termwise.report.walks import standard_links
from termwise.values import checked


@checked
def write_report(run: Run) -> Path:
    """Write the run's report.html, of all that its folder holds; returns its path.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> write_report(tw.load_run(folder)).name
        'report.html'
    """
    with run.folder.locked():
        return write_page(run)


def write_page(run: Run) -> Path:
    """The same, for who is the one that writes in the folder."""
    account, folder = run.account.to_json(), run.folder
    edits = Account.load(folder.attributes_file).to_json() if folder.attributes_file.exists() else None
    figures = {method: folder.edits_figure(method) for method in edits["data"]["methods"]} if edits else {}
    by_dimension = account["readings"].get("rate_by_dimension", {}).get("value")
    content = page(
        title=f"{run.data.name}, {run.config.objective.recipe or 'a walk of its own'}",
        config=run.config.to_json(),
        metrics=run.metrics(),
        account=account,
        links=standard_links(account),
        pictures=pictures_of(run.model, run.data.test, by_dimension),
        quality=[Account.load(file).to_json() for file in folder.quality_files if file.exists()],
        attributes=edits,
        figures={method: file.read_bytes() for method, file in figures.items() if file.exists()},
    )
    write_whole(folder.report_file, content.encode())
    return folder.report_file
