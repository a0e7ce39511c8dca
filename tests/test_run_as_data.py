"""A run folder is data: reading one runs nothing that it names, and writes nothing elsewhere."""

import json
import os
import re
import shutil
import sys
import warnings
from pathlib import Path

import pytest
import torch

import termwise as tw
from helpers.celeba_folder import write_celeba
from helpers.short_runs import examples
from termwise.errors import BadData, Refused
from termwise.training.checkpoint import DamagedCheckpoint

EVIL = """
from pathlib import Path
Path({mark!r}).touch()
def build(*sizes, **options):
    from termwise.models.networks.fully_connected import mlp
    return mlp(*sizes, hidden=[8])
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the network nets_of_a_run:build, which is as mlp, and a mark that its module makes when it is run."""
    place = tmp_path_factory.mktemp("finished")
    mark = place / "was run"
    (place / "nets_of_a_run.py").write_text(EVIL.format(mark=str(mark)))
    held = Path.cwd()
    os.chdir(place)
    try:
        tw.train(
            data="four-points", network="nets_of_a_run:build", latent=2, epochs=1, out=place / "run", progress=False
        )
    finally:
        os.chdir(held)
    assert mark.exists()
    return place


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of it, read by a process that has not seen its module, from the folder in which that lies."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    (tmp_path / "nets_of_a_run.py").write_text(EVIL.format(mark=str(tmp_path / "was run")))
    (tmp_path / "was run").unlink()
    sys.modules.pop("nets_of_a_run", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


WAYS = {
    "from_pretrained": lambda folder, **trust: tw.VAE.from_pretrained(folder / "model", **trust),
    "load_model": tw.api.load_model,
    "load_run": tw.load_run,
    "measure": tw.measure,
    "log_likelihood": lambda folder, **trust: tw.log_likelihood(folder, method="iwae", **trust),
    "sample_quality": lambda folder, **trust: tw.sample_quality(folder, features=torch.nn.Flatten(), **trust),
    "resume": lambda folder, **trust: tw.train(resume=True, out=folder, progress=False, **trust),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_names_code_and_none_is_run_without_a_word(folder, way):
    path, mark = list(sys.path), folder.parent / "was run"
    for trust in ({}, {"trust": ["another", "nets", "nets_of_a_run.inner"]}, {"trust": ()}):
        with pytest.raises(
            Refused, match=r"'nets_of_a_run:build'.*trust=\['nets_of_a_run'\], or --trust nets_of_a_run"
        ):
            WAYS[way](folder, **trust)
        assert not mark.exists()
    assert sys.path == path


@pytest.mark.parametrize("way", ["load_run", "measure", "resume"])
@pytest.mark.parametrize("trust", [True, "nets_of_a_run", ["nets_of_a_run"]])
def test_it_is_run_with_the_callers_word_and_the_python_path_is_left_as_it_was(folder, way, trust):
    path = list(sys.path)
    WAYS[way](folder, trust=trust)
    assert (folder.parent / "was run").exists()
    assert sys.path == path


def test_who_resumes_and_names_the_network_again_has_said_the_word(folder):
    run = tw.train(network="nets_of_a_run:build", resume=True, out=folder, progress=False)
    assert run.config.model.network == "nets_of_a_run:build"


@pytest.mark.parametrize("command", [["measure"], ["report"], ["quality"], ["train", "--resume", "--out"]])
def test_commands_need_the_word_too(folder, call, command):
    status, out, err = call(*command, folder)
    assert (status, out) == (2, "")
    assert "--trust nets_of_a_run" in err
    assert not (folder.parent / "was run").exists()


def test_a_command_takes_the_word(folder, call):
    assert call("report", folder, "--trust", "nets_of_a_run")[0] == 0


def test_a_module_within_the_run_folder_is_nothing_of_the_libraries(folder, monkeypatch):
    """Modules that lie in a run folder shadow none, even for one who stands in it, and trusts the run's network."""
    shutil.copy(folder.parent / "nets_of_a_run.py", folder)
    (folder / "numpy.py").write_text(f"import pathlib; pathlib.Path({str(folder / 'shadowed')!r}).touch()")
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "numpy")
    held = dict(sys.modules)
    tw.models.networks.build_bodies("nets_of_a_run:build", (4,), 4, 2, (4,))
    sys.modules.update(held)
    assert not (folder / "shadowed").exists()


@pytest.mark.parametrize("entry", ["posterior", "likelihood", "prior"])
def test_no_other_entry_of_a_saved_model_names_code(tmp_path, entry):
    folder = tw.VAE.build((6,), 2).save_pretrained(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {entry: "os:getcwd"}))
    with pytest.raises(tw.TermwiseError, match="Unknown"):
        tw.VAE.from_pretrained(folder, trust=True)


def test_a_config_that_was_changed_is_told_and_taken_by_who_trusts_it(tmp_path):
    folder = tw.VAE.build((6,), 2, likelihood="normal:0.1").save_pretrained(tmp_path)
    file = folder / "config.json"
    file.write_text(file.read_text().replace("normal:0.1", "normal:0.2"))
    with pytest.raises(BadData, match=r"config\.json is not the one that was saved with the weights"):
        tw.VAE.from_pretrained(folder)
    assert tw.VAE.from_pretrained(folder, trust=True).likelihood.sigma == 0.2


def plain(path, **options):
    given = {"epochs": 1, "latent": 2, "recipe": "vae", "data": examples(), "progress": False} | options
    return tw.train(out=path, **given)


@pytest.fixture
def precious(tmp_path):
    file = tmp_path / "elsewhere" / "precious"
    file.parent.mkdir()
    file.write_text("mine")
    yield file
    assert file.read_text() == "mine"
    assert [path.name for path in file.parent.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    "name",
    ["report.html", "metrics.jsonl", "model/config.json", "checkpoints/last.pt", *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("account.json", "account.npz", "config.toml", "checksums.json", "model/README.md",
                     "model/model.safetensors", "checkpoints/previous.pt"))],
)  # fmt: skip
def test_what_a_link_in_a_run_folder_leads_to_is_never_written(tmp_path, precious, name):
    """The training that would write a file that is a link replaces the link, or says that it cannot be read."""
    path = tmp_path / "run"
    plain(path)
    (path / name).unlink()
    (path / name).symlink_to(precious)
    for options in ({"resume": True}, {"resume": True, "epochs": 2}, {"overwrite": True}):
        try:
            with warnings.catch_warnings(action="ignore", category=DamagedCheckpoint):
                run = plain(path, **options)
        except tw.TermwiseError:
            continue
        tw.write_report(run)


@pytest.mark.parametrize("name", ["model", "checkpoints", "unfinished", "finished"])
def test_a_folder_in_a_run_folder_that_is_a_link_is_refused(tmp_path, precious, name):
    path = tmp_path / "run"
    run = plain(path)
    shutil.rmtree(path / name, ignore_errors=True)
    (path / name).symlink_to(precious.parent)
    for writes in (lambda: plain(path, overwrite=True), lambda: tw.write_report(run)):
        with pytest.raises(Refused, match=f"{name} is a link"):
            writes()


def test_the_lock_is_no_way_out_either(tmp_path, precious):
    path = tmp_path / "run"
    run = plain(path)
    (path / ".lock").unlink()
    (path / ".lock").symlink_to(precious)
    with pytest.raises(Refused, match="is no folder to write in"):
        tw.write_report(run)


def test_no_cache_is_written_where_a_runs_configuration_says(tmp_path):
    faces, cache = tmp_path / "faces", tmp_path / "cache"
    write_celeba(faces)
    cache.mkdir()
    config = {"data": {"source": str(faces), "size": 8, "cache": str(cache)}}
    tw.train(config, latent=2, epochs=1, out=tmp_path / "run", progress=False)
    (kept,) = cache.iterdir()
    kept.unlink()
    assert len(tw.load_run(tmp_path / "run").data) > 0
    assert list(cache.iterdir()) == []
    tw.load_run(tmp_path / "run", trust=True)
    assert list(cache.iterdir()) == [kept]


HOSTILE = "<img src=x onerror=alert(1)>"


def hostile(value):
    """The same content with every name and every text made hostile."""
    if isinstance(value, dict):
        return {f"{key}{HOSTILE}" if key not in KEPT else key: hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner) for inner in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


KEPT = {"readings", "diagnosis", "data", "value", "stderr", "interval", "unit", "estimator", "bias", "n", "lower",
        "upper", "made", "methods", "name", "withheld"}  # fmt: skip


def test_names_and_texts_in_a_runs_files_are_no_html(tmp_path):
    from termwise.report.model_card import model_card
    from termwise.report.page import page
    from termwise.report.pictures import Pictures

    run = plain(tmp_path / "run")
    account = hostile(run.account.to_json())
    account["readings"] |= run.account.to_json()["readings"]
    lines = [line | {"terms": hostile(line["terms"]) | line["terms"]} for line in run.metrics()]
    config = hostile(run.config.to_json())
    text = page(
        title=HOSTILE, config=config, metrics=lines, account=account, links=[], pictures=Pictures(),
        figures={HOSTILE: b""},
    )  # fmt: skip
    assert "<img src=x" not in text
    card = model_card(config, account)
    prose = re.sub(r"(`+) ?.*? ?\1", "", card)  # what stands between backticks is shown as it is
    assert "<img src=x" not in prose.replace("\\<", "")


def test_a_figure_is_read_from_the_run_folder_alone(tmp_path):
    with pytest.raises(BadData, match="no name of a method"):
        tw.training.RunFolder(tmp_path).edits_figure("/../../secret")
