"""Trainings in several processes end where one process ends, and lose nothing when one of them dies."""

import warnings

import pytest
import torch

import termwise as tw
from helpers.parallel_ranks import end_the_second, in_ranks, train_in_rank, trained
from termwise.errors import ProcessEnded, Refused
from termwise.objectives import RECIPES
from termwise.training.processes import OtherNumberOfProcesses, in_processes, warn_of_another_number


def are_as_one(recipes, folder, ranks, **training):
    """Whether `ranks` processes come to the weights, the critics and the metrics of one, within float64's rounding."""
    in_ranks(train_in_rank, folder, ranks, recipes, training)
    for recipe in recipes:
        alone = trained(recipe, folder / f"alone-{recipe}", **training)
        for rank in range(ranks):
            mine = torch.load(folder / f"{recipe}-{rank}.pt", weights_only=False)
            torch.testing.assert_close(mine["weights"], alone["weights"], rtol=1e-10, atol=1e-10, msg=recipe)
            torch.testing.assert_close(mine["game"], alone["game"], rtol=1e-10, atol=1e-10, msg=recipe)
            assert len(mine["metrics"]) == len(alone["metrics"]), recipe
            for here, there in zip(mine["metrics"], alone["metrics"], strict=True):
                assert here["loss"] == pytest.approx(there["loss"], rel=1e-9), recipe
    made = {path.name for path in folder.iterdir() if path.is_dir()}
    assert made == {f"{way}-{recipe}" for way in ("run", "alone") for recipe in recipes}  # others' folders are apart


def test_two_processes_train_as_one_does(tmp_path):
    are_as_one(["beta-tcvae", "vae-gan"], tmp_path, 2)


@pytest.mark.slow
def test_of_every_recipe_two_processes_train_as_one_does(tmp_path):
    are_as_one(list(RECIPES), tmp_path, 2)


@pytest.mark.slow
def test_so_do_four_whose_batches_are_uneven(tmp_path):
    are_as_one(["vae", "beta-tcvae", "info-vae", "avb-ac", "vae-gan", "m2"], tmp_path, 4)


@pytest.mark.slow
def test_they_stop_early_together(tmp_path):
    are_as_one(["vae"], tmp_path, 2, epochs=30, patience=1, optimizer={"learning_rate": 0.1})


@pytest.mark.slow
def test_two_hundred_steps_end_where_those_of_one_process_do(tmp_path):
    are_as_one(["beta-tcvae"], tmp_path, 2, epochs=67)


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 3, 7])
def test_where_one_dies_it_is_named_and_resuming_ends_where_the_whole_run_does(tmp_path, at):
    x = tw.load_data("digits").tensor(150)
    given = {
        "data": x, "recipe": "beta-tcvae", "latent": 3, "epochs": 3, "batch_size": 31, "progress": False,
        "config": {"training": {"checkpoint_steps": 2, "measure_limit": 20}},
    }  # fmt: skip
    whole = tw.train(**given, devices=2, out=tmp_path / "whole")
    with pytest.raises(ProcessEnded, match="Process 1 of 2 was ended by SIGKILL"):
        in_processes(end_the_second, 2, **given, out=tmp_path / "cut", at=at)
    going_on = {"data": x, "out": tmp_path / "cut", "resume": True, "progress": False}
    cut = tw.train(**going_on, devices=2)
    assert cut.metrics() == whole.metrics() and cut.account == whole.account
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tw.train(**going_on).metrics() == whole.metrics()  # ended, by as many: nothing is left to do


@pytest.mark.slow
def test_an_error_of_ours_arrives_as_it_was_raised(tmp_path):
    with pytest.raises(Refused, match="say device='cuda'"):
        tw.train(data="four-points", recipe="vae", device="cuda:0", devices=2, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_more_processes_than_cores_are_refused_before_anything_is_begun(tmp_path):
    for ask in (
        lambda: tw.train(data="four-points", recipe="vae", devices=10_000, out=tmp_path / "run", progress=False),
        lambda: tw.measure(tw.VAE.build((1, 8, 8)), "digits", devices=10_000),
    ):
        with pytest.raises(Refused, match=r"This machine has \d+ (core|GPU)s?, a process each; got devices=10000"):
            ask()
    assert not (tmp_path / "run").exists()


def test_going_on_with_another_number_is_said():
    with pytest.warns(OtherNumberOfProcesses, match="trained by 2 processes, and goes on with 1: sums round otherwise"):
        warn_of_another_number(2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("posterior", ["diagonal-normal", "full-normal", "categorical", "of a world"])
def test_two_processes_measure_what_one_does(posterior):
    """To float32's rounding, by which a network takes fewer rows otherwise; of a world without one, 1e-9."""
    torch.manual_seed(0)
    prior = "uniform" if posterior == "categorical" else "standard-normal"
    if posterior == "of a world":
        model = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        x, near = model.data(301, seed=0), 1e-9
    else:
        model = tw.VAE.build((1, 8, 8), 4, options={"hidden": [16]}, posterior=posterior, prior=prior)
        x, near = tw.load_data("digits").tensor(301), 1e-5
    alone, together = (tw.measure(model, x, devices=devices, batch_size=100) for devices in (1, 2))
    assert alone.keys() == together.keys() and len(alone) > 8
    for name, reading in alone.items():
        assert together[name].value == pytest.approx(reading.value, rel=near, abs=near, nan_ok=True), name
