"""The run folder: what it refuses, and what it is after a start that was cut short."""

import pytest

import termwise as tw
from helpers.killed_runs import differences
from helpers.short_runs import examples, small
from termwise.errors import BadData, Refused
from termwise.training import RunFolder, config_from


def train(path, **options):
    given = {"epochs": 1, "latent": 2, "recipe": "vae", "data": examples()} | options
    return tw.train(out=path, progress=False, **{k: v for k, v in given.items() if v is not None})


def content(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def names(path):
    return {str(name) for name in content(path)}


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(Refused, match="holds files that are no run's"):
            train(tmp_path, overwrite=overwrite)
    assert content(tmp_path).keys() == {(tmp_path / "thesis.tex").relative_to(tmp_path)}


def test_a_run_is_not_overwritten_unasked_and_begins_anew_when_asked(tmp_path):
    path = tmp_path / "run"
    first = train(path)
    held = content(path)
    with pytest.raises(Refused, match=r"holds a run already\. Resume it"):
        train(path, latent=3)
    assert content(path) == held
    again = train(path, latent=3, overwrite=True)
    assert again.model.latent == 3
    assert len(again.metrics()) == len(first.metrics())


def test_a_finished_run_that_is_resumed_stays_as_it_was(tmp_path):
    path = tmp_path / "run"
    train(path)
    held = content(path)
    train(path, resume=True)
    assert content(path) == held


@pytest.fixture(scope="module")
def of_two_epochs(tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "run"
    train(path, epochs=2)
    return path


@pytest.mark.parametrize(
    "other",
    [
        {"epochs": 1},
        {"epochs": 3, "latent": 3},
        {"latent": 3},
        {"recipe": "beta-vae"},
        {"seed": 9},
        {"learning_rate": 0.5},
        {"likelihood": "normal"},
        {"recipe": None, "objective": tw.objectives.distortion()},
        {"latent": None, "model": small(likelihood="normal:0.1")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_run_is_not_resumed_with_another_setting(of_two_epochs, other):
    held = content(of_two_epochs)
    with pytest.raises(Refused, match="begun with another configuration"):
        train(of_two_epochs, resume=True, **other)
    assert content(of_two_epochs) == held


def test_a_run_goes_on_beyond_its_end_as_if_it_had_been_longer_from_the_start(tmp_path):
    longer, path = tmp_path / "longer", tmp_path / "run"
    train(longer, epochs=3)
    train(path)
    for stale in (*RunFolder(path).quality_files, RunFolder(path).attributes_file):
        stale.write_text("{}")
    run = train(path, epochs=3, resume=True)
    assert not differences(path, longer)
    assert run.config.training.epochs == RunFolder(path).config().training.epochs == 3


def test_a_longer_run_that_cannot_go_on_keeps_what_was_found(tmp_path):
    path = tmp_path / "run"
    train(path)
    (path / "metrics.jsonl").write_bytes(b"")
    held = content(path)
    with pytest.raises(BadData, match=r"metrics\.jsonl must have"):
        train(path, epochs=3, resume=True)
    assert content(path) == held


def test_there_is_nothing_to_resume_where_nothing_was_begun(tmp_path):
    with pytest.raises(BadData, match=r"no run folder: it has no config\.toml"):
        train(tmp_path / "run", resume=True)


def test_a_start_that_was_cut_short_can_be_made_again(tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "run"
    train(whole)
    (path / "checkpoints").mkdir(parents=True)
    for half in (".config.toml.1234.part", "checkpoints/.last.pt.1234.part"):
        (path / half).write_text("[da")
    train(path)
    assert content(path) == content(whole)


def test_a_run_without_a_checkpoint_is_not_begun_again_in_silence(tmp_path):
    path = tmp_path / "run"
    train(path)
    (path / "checkpoints" / "last.pt").unlink()
    (path / "checkpoints" / "previous.pt").unlink()
    held = content(path)
    with pytest.raises(BadData, match=r"last\.pt is no checkpoint that can be read: No such file.*--overwrite"):
        train(path, resume=True)
    assert content(path) == held


def test_beginning_anew_leaves_nothing_of_the_old_run(tmp_path):
    train(tmp_path)
    RunFolder(tmp_path).create(config_from({}))
    assert names(tmp_path) == {"config.toml", ".lock"}


@pytest.mark.parametrize("path", ["a" * 5000, "a" * 5000 + ":b", "a/" * 2500, "a\0b", "a:b\0", "file/run", "loop/run"])
def test_what_can_be_no_folder_is_refused(tmp_path, monkeypatch, path):
    """For its length, its characters, or what it leads through."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for read in (tw.load_run, tw.VAE.from_pretrained, lambda path: tw.compare(path, path), tw.account.Account.load):
        with pytest.raises(BadData):
            read(path)
    with pytest.raises(Refused if path.endswith(":b") else BadData) as told:  # a function is sought
        tw.measure(path)
    assert len(str(told.value)) < 1500
    with pytest.raises(Refused, match="is no folder to write in"):
        train(path)
