"""The public face: what goes into train, measure, compare and export, and what comes out."""

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import termwise as tw
from termwise.errors import BadData, Refused
from termwise.terms import ClosedForm, Kernel, MonteCarlo

TINY = {"model": {"options": {"hidden": [8]}, "latent": 2}, "training": {"epochs": 2, "batch_size": 32}}


def vectors(count=200) -> torch.Tensor:
    return (torch.rand(count, 6, generator=torch.Generator().manual_seed(1)) > 0.5).float()


def train(path, data, **options) -> tw.Run:
    return tw.train(options.pop("config", TINY), data=data, out=path, progress=False, **options)


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> tw.Run:
    path = tmp_path_factory.mktemp("api") / "digits"
    return train(path, "digits", recipe="vae", config=TINY | {"training": {"epochs": 1}})


FORMS = {"tensor": lambda x: x, "array": lambda x: x.double().numpy(), "data set": tw.load_data}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_tensors_arrays_and_data_sets_train_alike(tmp_path, make):
    run = train(tmp_path / "run", make(vectors()), recipe="vae")
    other = train(tmp_path / "other", vectors(), recipe="vae")
    assert run.folder.metrics_file.read_bytes() == other.folder.metrics_file.read_bytes()
    assert run.account["elbo"].value == other.account["elbo"].value
    assert len(run.data.train) == 160
    assert run.account["elbo"].n == 40


def own_model() -> tw.VAE:
    encoder = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
    return tw.VAE(encoder, nn.Linear(2, 6), shape=(6,), latent=2)


def test_a_model_of_ones_own_modules_is_trained_and_loaded_with_the_same_modules(tmp_path):
    model = own_model()
    before = model.decoder.weight.detach().clone()
    run = train(tmp_path / "run", vectors(), model=model)
    assert run.model is model
    assert not torch.equal(model.decoder.weight, before)
    fresh = own_model()
    again = tw.VAE.from_pretrained(run.folder.model_folder, encoder=fresh.encoder, decoder=fresh.decoder)
    x = vectors(8)
    assert torch.equal(again.encode(x).mean, model.encode(x).mean)


def test_a_run_of_ones_own_model_says_so_and_resumes_with_it_alone(tmp_path):
    run = train(tmp_path / "run", vectors(), model=own_model())
    section = run.config.model
    assert (section.network, section.latent, section.options) == ("own", 2, {})
    with pytest.raises(Refused, match="made in Python"):
        train(tmp_path / "run", vectors(), resume=True, config=None)
    again = train(tmp_path / "run", vectors(), model=own_model(), resume=True, config=None)
    assert again.account["elbo"].value == run.account["elbo"].value


def test_an_objective_of_ones_own_is_what_its_recipe_is(tmp_path):
    o, kl = tw.objectives, MonteCarlo()
    parts = (("posterior", "aggregate", 1.0), ("aggregate", "marginals", 6.0), ("marginals", "prior", 1.0))
    objective = o.distortion()
    for left, right, weight in parts:
        objective = objective + weight * o.link(left, right, kl)
    run = train(tmp_path / "run", vectors(), objective=objective)
    recipe = train(tmp_path / "recipe", vectors(), recipe="beta-tcvae")
    assert run.folder.metrics_file.read_bytes() == recipe.folder.metrics_file.read_bytes()
    assert run.config.objective.recipe is None, "the file must not name a recipe that was not played"
    assert "recipe" not in run.folder.config_file.read_text()
    with pytest.raises(Refused, match="objective made in Python"):
        train(tmp_path / "run", vectors(), resume=True, config=None)


@pytest.mark.parametrize("form", ["weighted", "objective", "game"])
def test_an_objective_may_be_a_term_a_sum_or_a_game(tmp_path, form):
    o = tw.objectives
    weighted = o.distortion()
    made = {"weighted": weighted, "objective": o.Objective((weighted,)), "game": o.solo(o.Objective((weighted,)))}
    run = train(tmp_path / "run", vectors(), objective=made[form])
    assert run.metrics()[0]["weights"] == {"distortion": 1.0}


def test_a_recipe_beside_an_objective_is_refused(tmp_path):
    for also in ({"recipe": "vae"}, {"beta": 2.0}):
        with pytest.raises(Refused, match="pass one or the other"):
            train(tmp_path / "run", vectors(), objective=tw.objectives.distortion(), **also)


def test_recipe_options_stand_beside_the_recipe_as_numbers_or_schedules(tmp_path):
    beta = tw.objectives.Linear(end=8.0, steps=10)
    run = train(tmp_path / "run", vectors(), recipe="beta-vae", beta=beta)
    assert run.metrics()[0]["weights"]["rate"] == beta(5)
    again = train(tmp_path / "run", vectors(), recipe="beta-vae", beta=beta, resume=True, config=None)
    assert again.config == run.config


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"data": None, "recipe": "vae"}, Refused, "No data"),
        ({"data": tw.load_data(vectors(), test=0.0), "recipe": "vae"}, BadData, "no test part"),
        ({"data": vectors(5), "recipe": "vae"}, BadData, "test part of two examples"),
        ({"data": tw.load_data(vectors(), test=0.0, validation=0.2), "recipe": "vae"}, BadData, "no test part"),
        ({"data": 3 * vectors(), "likelihood": "bernoulli"}, BadData, r"values in \[0, 1\]"),
        ({"data": torch.rand(50, 7), "model": own_model()}, BadData, r"shape \(6,\).*shape \(7,\)"),
        ({"data": vectors(), "recipe": "vae", "config": {"data": 5}}, Refused, "data: .*got 5"),
    ],
    ids=["no data", "no test", "short test", "validation alone", "range", "shape", "hidden mistake"],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_begun(tmp_path, options, error, match):
    with pytest.raises(error, match=match):
        train(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_all_ways_of_naming_a_run_measure_the_same(digits):
    expected = digits.account["elbo"]
    assert tw.measure(digits)["elbo"] == expected
    assert tw.measure(digits.folder.path)["elbo"] == expected
    assert tw.measure(str(digits.folder))["elbo"] == expected
    assert tw.measure(digits.model, digits.data)["elbo"] == expected
    assert tw.measure(digits.model, digits.data.test)["elbo"] == expected
    assert tw.measure(digits.model, "digits")["elbo"] == expected
    assert tw.load_run(digits.folder.path).account["elbo"] == expected
    assert tw.measure(digits, split="train")["elbo"].n == len(digits.data.train) == 1438


def test_a_tensor_is_measured_whole_and_two_functions_are_a_model(digits):
    x = digits.data.test.tensor()
    whole = tw.measure(digits.model, x)
    assert whole["elbo"] == digits.account["elbo"]
    assert tw.measure(digits.model, x.numpy())["elbo"] == whole["elbo"]

    def encode(images):
        return digits.model.encoder(images).chunk(2, dim=1)

    adapted = tw.adapt(encode=encode, decode=digits.model.decoder, likelihood="bernoulli-logits")
    measured = tw.measure(adapted, x)
    for name in ("distortion", "rate", "index_code_mi", "total_correlation"):
        assert measured[name].value == pytest.approx(whole[name].value, rel=1e-5, abs=1e-6), name


def test_measuring_is_of_its_own_seed_and_leaves_the_mode_alone(digits):
    digits.model.train()
    one, same, other = (tw.measure(digits, seed=seed)["distortion"].value for seed in (1, 1, 2))
    assert digits.model.training
    digits.model.eval()
    assert one == same != other


def test_measuring_leaves_the_random_state_alone(digits):
    before = torch.get_rng_state()
    tw.measure(digits)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
def test_more_samples_average_the_noise_of_the_code(digits):
    """Values by example over 16 codes are the mean of as many noisy ones: their spread over seeds falls fourfold."""

    def spread(samples):
        values = [tw.measure(digits, seed=s, samples=samples).per_example["distortion"] for s in range(8)]
        return float(torch.stack(values).std(0).mean())

    assert spread(16) / spread(1) == pytest.approx(0.25, rel=0.15)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"seed": -1}, "seed = -1"), ({"device": "warp"}, "device 'warp' cannot be used"), ({"samples": 0}, "samples"),
        ({"data": torch.rand(10, 4)}, r"shape \(1, 8, 8\).*shape \(4,\)"), ({"split": "validation"}, "no validation"),
        ({"data": -torch.rand(10, 1, 8, 8)}, r"values in \[0, 1\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(digits, options, match):
    with pytest.raises((Refused, BadData), match=match):
        tw.measure(digits, **options)


def test_a_model_without_data_is_not_measured(digits):
    with pytest.raises(Refused, match="Nothing to measure on"):
        tw.measure(digits.model)


def test_accounts_of_the_same_examples_are_compared_in_pairs(tmp_path, digits):
    other = train(tmp_path / "other", "digits", recipe="beta-vae", config=TINY)
    rows = {row.name: row for row in tw.compare(digits, other.folder.path)}
    a, b = (run.account.per_example["distortion"].numpy() for run in (digits, other))
    row, d = rows["distortion"], b - a
    assert row.paired
    assert row.difference == pytest.approx(d.mean(), rel=1e-9)
    assert row.difference_stderr == pytest.approx(d.std(ddof=1) / math.sqrt(len(d)), rel=1e-9)
    assert row.z == pytest.approx(d.mean() * math.sqrt(len(d)) / d.std(ddof=1), rel=1e-9)


def test_accounts_are_compared_in_a_list_or_a_dict_as_one_by_one(digits):
    each = tw.compare(digits, digits.account)
    assert each.names == ("digits", "account 2")
    assert list(tw.compare([digits, digits.account])) == list(each) == list(tw.compare((digits, digits.account)))
    named = tw.compare({"VAE": digits, "again": digits.account})
    assert named.names == ("VAE", "again") and list(named) == list(each)
    for wrong in ([digits, 3], {"VAE": digits, "three": 3}):
        with pytest.raises(tw.TermwiseError, match="Expected runs, paths of run folders or accounts; got 3"):
            tw.compare(wrong)


def test_accounts_of_other_examples_are_compared_by_their_own_errors(digits):
    halves = [tw.measure(digits.model, half) for half in digits.data.test.tensor()[:358].chunk(2)]
    row = next(row for row in tw.compare(*halves) if row.name == "distortion")
    a, b = (half.per_example["distortion"].numpy() for half in halves)
    stderr = math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    assert not row.paired
    assert row.difference_stderr == pytest.approx(stderr, rel=1e-9)
    assert row.z == pytest.approx((b.mean() - a.mean()) / stderr, rel=1e-9)


def test_exported_latents_are_what_the_model_encodes(tmp_path, digits):
    test = digits.data.test
    with torch.no_grad():
        law = digits.model.encode(test.tensor())
    held = np.load(tw.export_latents(digits.model, test, tmp_path / "codes.npz", batch_size=100))
    np.testing.assert_allclose(held["mean"], law.mean.numpy(), atol=1e-6)
    np.testing.assert_allclose(held["stddev"], law.variance.sqrt().numpy(), atol=1e-6)
    assert (held["label"] == test.labels.numpy()).all()

    with tw.export_latents(digits.model, test, tmp_path / "codes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["mean_0", "mean_1", "stddev_0", "stddev_1", "label"]
    assert len(rows) == len(test)
    for j in range(2):
        np.testing.assert_allclose([float(row[f"mean_{j}"]) for row in rows], held["mean"][:, j], atol=1e-6)
        np.testing.assert_allclose([float(row[f"stddev_{j}"]) for row in rows], held["stddev"][:, j], atol=1e-6)
    assert [int(row["label"]) for row in rows] == test.labels.tolist()


def test_latents_of_data_without_labels_have_none(tmp_path, digits):
    unlabelled = tw.load_data(digits.data.test.tensor(), test=0.0)
    assert set(np.load(tw.export_latents(digits.model, unlabelled, tmp_path / "z.npz"))) == {"mean", "stddev"}
    with pytest.raises(Refused, match=r"\.npz, \.csv or \.parquet"):
        tw.export_latents(digits.model, unlabelled, tmp_path / "z.txt")


def test_a_walk_with_a_kernel_and_a_closed_form_trains(tmp_path):
    o = tw.objectives
    objective = o.distortion() + 0.5 * o.link("posterior", "prior", ClosedForm())
    objective = objective + 10.0 * o.link("aggregate", "prior", Kernel("rbf"))
    terms = train(tmp_path / "run", vectors(), objective=objective).metrics()[0]
    loss = terms["terms"]["distortion"] + 0.5 * terms["terms"]["rate"] + 10 * terms["terms"]["marginal_mmd2"]
    assert terms["loss"] == pytest.approx(loss, rel=1e-5)


def test_where_no_folder_is_named_the_run_names_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tw.train(TINY, data=vectors(), recipe="vae", seed=3, progress=False)
    assert run.folder.path.as_posix() == "runs/tensor-vae-seed3"
    assert SimpleNamespace(**run.metrics()[-1]).split == "test"


def test_a_critic_learns_on_the_training_part_or_on_the_other_half(digits):
    account = tw.measure(digits, critic=True, critic_steps=2)
    assert account["rate_nwj"].lower < account["rate"].value and account["rate_nwj"].n == len(digits.data.test)
    assert "2 steps on 1,438 other examples" in account.diagnosis[-1]
    assert account["rate"].value == digits.account["rate"].value
    halves = tw.measure(digits, digits.data.test.tensor(), critic=("total_correlation",), critic_steps=2)
    assert "2 steps on 180 other examples" in halves.diagnosis[-1]
    assert "total_correlation_nwj" in halves and "rate_nwj" not in halves
    with pytest.raises(Refused, match="critic_steps = 0 cannot be"):
        tw.measure(digits, critic="rate", critic_steps=0)
