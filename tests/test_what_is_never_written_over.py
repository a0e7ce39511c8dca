"""No command and no function that writes a file does so over one of a run's own, or over data."""

import pytest
import torch
from typer.testing import CliRunner

import termwise as tw
from termwise.cli.commands import app
from termwise.files import checked_place


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a table is, and a run that was trained on it."""
    folder = tmp_path_factory.mktemp("written")
    rows = "".join(f"{a + 0.5:.2f},{b:.2f},{'ab'[int(a > b)]}\n" for a, b in torch.rand(40, 2).tolist())
    (folder / "table.csv").write_text("size,age,kind\n" + rows)
    tables = {"data": {"source": str(folder / "table.csv"), "side": ["kind"]}, "model": {"options": {"hidden": [8]}}}
    tw.train(tables, recipe="cvae", epochs=1, latent=2, out=folder / "run", progress=False)
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


OPTIONS = {
    "generate": ("--out", ".csv", []),
    "traverse": ("--out", ".csv", []),
    "interpolate": ("--out", ".csv", ["--from", "0", "--to", "1"]),
    "impute": ("--out", ".csv", []),
    "aggregates": ("--out", ".csv", ["--side", "kind"]),
    "compare": ("--html", ".html", ["run"]),
    "report": ("--out", ".html", []),
}
"""What says where to, how its file ends, and what else is said."""


@pytest.mark.parametrize("command", OPTIONS)
@pytest.mark.parametrize("place", ["run/config.toml", "run/metrics.jsonl", "run/account.npz", "table.csv", "gone/x"])
def test_no_command_writes_over_a_run_or_its_data(command, place, folder, monkeypatch):
    monkeypatch.chdir(folder)
    option, ending, more = OPTIONS[command]
    before, place = contents(folder), place if "." in place else f"{place}{ending}"
    done = CliRunner().invoke(app, [command, "run", *more, option, place])
    said = str(done.exception)
    assert done.exit_code != 0 and isinstance(done.exception, tw.TermwiseError), done.output
    assert any(words in said for words in ("written to", "would be lost. Choose another name", "mkdir -p gone")), said
    assert contents(folder) == before


def test_files_beside_the_named_one_are_not_written_over_data(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    (tmp_path / "filled-spread.csv").write_text("precious")
    done = CliRunner().invoke(
        app, ["impute", "run", "--data", str(tmp_path / "filled-spread.csv"), "--out", str(tmp_path / "filled.csv")]
    )
    assert "would be lost. Choose another name, such as" in str(done.exception)
    assert (tmp_path / "filled-spread.csv").read_text() == "precious"


def test_all_files_of_a_run_are_its_own_and_no_other(folder):
    run = folder / "run"
    (run / "samples.png").touch()
    own = {path for path in contents(run) if path.name not in (".lock", "samples.png")}
    for path in own | {run / "attributes-side.png", run / "quality.json", run / "unfinished" / "config.toml"}:
        if path.parent.is_dir():
            with pytest.raises(tw.TermwiseError, match=f"is a file of the run in .*such as .*made-{path.name}"):
                checked_place(path, "Pages are", [path.suffix])
    for free in (run / "samples.png", run / "mine.html", folder / "report.html"):
        assert checked_place(free, "Pages are", [free.suffix]) == free


def test_functions_refuse_the_same(folder, tmp_path):
    run, two = tw.load_run(folder / "run"), [folder / "run"] * 2
    before = contents(folder)
    for write in (
        lambda: tw.write_comparison(two, folder / "run" / "config.toml"),
        lambda: tw.write_comparison(two, folder / "run" / "report.html"),
        lambda: tw.write_report(run.account, folder / "run" / "report.html"),
        lambda: tw.export_latents(run.model, run.data.test, folder / "run" / "account.npz"),
        lambda: tw.write_comparison(two, tmp_path / "gone" / "x.html"),
        lambda: tw.write_comparison(two, tmp_path),
        lambda: run.account.save(tmp_path / "gone" / "x.json"),
        lambda: run.account.save(tmp_path),
    ):
        with pytest.raises(tw.TermwiseError, match=r"\.html or \.htm|would be lost|mkdir -p|is a folder"):
            write()
    assert contents(folder) == before
    assert tw.write_report(run, folder / "run" / "report.html") == tw.write_report(run)
