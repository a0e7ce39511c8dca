"""A meter's account is that of `measure`, of the same posteriors and codes."""

import pytest
import torch

import termwise as tw

FROM_THE_DECODER = {"code_use", "distortion", "elbo"}
"""What is read of codes that the meter did not have, or has no decoder for."""


def digits_model():
    """A VAE whose code carries something, and data of two kinds of parts."""
    torch.manual_seed(0)
    model = tw.VAE.build((1, 8, 8), latent=3, options={"hidden": [16]}).eval()
    with torch.no_grad():
        for weight in model.encoder.parameters():
            weight.mul_(3.0)
    return model, tw.load_data("digits").test


def told(model, data, batch_size=100, index=True, meter=None, **options):
    """A meter that was told of every example, in an order of its own."""
    meter = meter or tw.Meter(dataset_size=len(data), **options)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(3)) if index else torch.arange(len(data))
    for part in order.split(batch_size):
        posterior, _ = model.infer(data.tensor()[part])
        meter.update(posterior, index=part if index else None)
    return meter


def assert_same(one, other, names):
    for name in names:
        assert one[name] == other[name], name
        assert one[name].interval == other[name].interval, name


@pytest.mark.parametrize("index", [True, False])
def test_an_account_is_that_of_measure_to_the_last_digit_where_codes_are_drawn_alike(index):
    model, data = digits_model()
    account, measured = told(model, data, index=index).compute(), tw.measure(model, data)
    assert set(measured) - set(account) == FROM_THE_DECODER
    assert_same(account, measured, set(account))
    assert account["rate"].value > 1


def pairs(count, seed=0, size=2):
    mean = 2 * torch.randn(count, size, generator=torch.Generator().manual_seed(seed))
    return mean, torch.full_like(mean, -2.0)


def test_an_example_that_comes_again_replaces_its_old_posterior():
    (old, new), meter = (pairs(300, seed) for seed in (0, 1)), tw.Meter(dataset_size=300)
    for mean, log_variance in (old, new):
        for index in torch.arange(300).split(77):
            meter.update((mean[index], log_variance[index]), index=index)
    expected = tw.Meter(dataset_size=300)
    expected.update(new)
    assert_same(meter.compute(), expected.compute(), {"rate", "index_code_mi", "total_correlation"})


def test_without_an_index_the_newest_round_of_the_data_is_held_however_uneven_its_batches():
    means = torch.cat([pairs(300, seed)[0] for seed in range(3)])
    meter = tw.Meter(dataset_size=300)
    for mean in means.split(77):
        meter.update((mean, torch.full_like(mean, -2.0)))
    rows = meter._kept.rows()
    assert rows.tensors["law 0"].sort(0).values.equal(means[-300:].sort(0).values)


def test_of_more_examples_than_are_held_a_random_sample_is_and_their_bias_is_said():
    meter = tw.Meter(dataset_size=2000, size=200)
    mean, log_variance = pairs(2000)
    mean[:, 0] += torch.arange(2000) / 500  # in order: the newest 200 would not do
    for index in torch.arange(2000).split(128):
        meter.update((mean[index], log_variance[index]), index=index)
    account = meter.compute()
    assert len(meter) == account.data["n"] == 200 and account.data["of"] == 2000
    exact = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    assert abs(account["rate"].value - exact) < 4 * account["rate"].stderr
    assert "aggregate of the 200 points" in account["index_code_mi"].bias
    assert account["population_mi"].lower <= account["population_mi"].value <= account["population_mi"].upper


def test_where_not_all_have_come_the_account_is_of_those_that_have():
    meter, (mean, log_variance) = tw.Meter(dataset_size=1000), pairs(300)
    meter.update((mean, log_variance), index=torch.arange(0, 900, 3))
    account = meter.compute()
    assert (account.data["n"], account.data["of"]) == (300, 1000)
    assert account["index_code_mi"].value <= torch.tensor(300.0).log()
    assert "exact aggregate of the 300 points" in account["marginal_kl"].bias


def test_of_one_example_twice_in_a_batch_the_last_counts():
    meter = tw.Meter(dataset_size=50)
    mean, log_variance = pairs(60)
    meter.update((mean, log_variance), z=mean + 1, index=torch.cat([torch.arange(50), torch.arange(10)]))
    rows = meter._kept.rows().tensors
    assert rows["law 0"][:10].equal(mean[50:]) and rows["z"][:10].equal(mean[50:] + 1)


def test_nothing_of_the_users_is_changed_and_no_gradient_is_kept():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    mean, log_variance = (of.requires_grad_() for of in pairs(200))
    law = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    meter = tw.Meter(dataset_size=200)
    meter.update(law, law.rsample(), -mean.square().sum(1))
    assert torch.is_grad_enabled()
    before = torch.get_rng_state()
    meter.compute()
    assert torch.equal(torch.get_rng_state(), before) and not torch.equal(before, state)
    assert mean.grad is None and not any(of.requires_grad for of in meter._kept.tensors.values())


def test_updates_under_any_mode_of_gradients_and_in_any_precision_may_be_mixed_with_accounts():
    mean, log_variance = pairs(300)
    meter, expected = tw.Meter(dataset_size=300), tw.Meter(dataset_size=300)
    expected.update((mean, log_variance), z=mean)
    with torch.inference_mode():
        meter.update((mean.bfloat16()[:100], log_variance.bfloat16()[:100]), z=mean[:100])
        meter.compute()
    meter.reset()
    meter.update((mean[:150].double(), log_variance[:150]), z=mean[:150].half())
    with torch.no_grad():
        meter.update((mean[150:], log_variance[150:]), z=mean[150:])
    account = meter.compute()
    assert account["rate"].value == pytest.approx(expected.compute()["rate"].value, rel=1e-5)
    assert [moment.n for moment in meter.history] == [100, 300]


def test_codes_of_any_shape_and_laws_by_dimension_are_flat_codes():
    mean, log_variance = pairs(100, size=8)
    scale, shape = (0.5 * log_variance).exp(), (100, 2, 2, 2)
    z = mean + scale * torch.randn_like(mean)
    flat, cube, law = (tw.Meter(dataset_size=100) for _ in range(3))
    flat.update((mean, log_variance), z)
    cube.update((mean.view(shape), log_variance.view(shape)), z.view(shape))
    law.update(torch.distributions.Normal(mean.view(shape), scale.view(shape)), z)
    accounts = [one.compute() for one in (flat, cube, law)]
    for other in accounts[1:]:
        assert other["rate"].value == pytest.approx(accounts[0]["rate"].value, rel=1e-6)
        assert other["index_code_mi"].value == pytest.approx(accounts[0]["index_code_mi"].value, abs=1e-5)


def test_what_stands_beside_x_is_read_as_by_measure():
    model, data = digits_model()
    labels = data.labels
    meter = tw.Meter(dataset_size=len(data))
    for part in torch.arange(len(data)).split(100):
        words = [f"digit {one}" for one in labels[part].tolist()]
        meter.update(model.infer(data.tensor()[part])[0], index=part, side={"digit": words})
    account = meter.compute()
    words = [f"digit {one}" for one in labels.tolist()]
    expected = tw.measure(model, data.with_side({"digit": words}))
    assert_same(account, expected, {"side_information", "index_code_mi_given_side"})
    assert account.data["side"] == ["digit"]


def test_a_prior_may_be_a_law_or_a_function_that_gives_it_as_it_is_now():
    wide = torch.distributions.Normal(torch.zeros(2), 3.0)
    fixed, live = tw.Meter(dataset_size=200, prior=wide), tw.Meter(dataset_size=200, prior=lambda: wide)
    for meter in (fixed, live):
        meter.update(pairs(200))
    mean, log_variance = pairs(200)
    exact = torch.distributions.kl_divergence(torch.distributions.Normal(mean, (0.5 * log_variance).exp()), wide)
    assert fixed.compute()["rate"].value == pytest.approx(float(exact.sum(1).mean()), rel=1e-5)
    assert fixed.compute()["rate"] == live.compute()["rate"]


def refused(*given, then=None, **more):
    def act():
        meter = tw.Meter(dataset_size=100)
        meter.update(*given, **more)
        if then is not None:
            then(meter)

    return act


def told_of(meter, posterior):
    meter.update(posterior)
    return meter


MEAN, LOG_VARIANCE = pairs(10)
NAN = MEAN.clone()
NAN[3, 1] = torch.nan


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (lambda: tw.Meter(dataset_size=100).compute(), tw.errors.BadData, "Call update"),
        (
            lambda: told_of(tw.Meter(1_000_000, size=100), pairs(64)).compute(),
            tw.errors.BadData,
            "64 came, but of dataset_size=1,000,000 examples 100 are held, chosen beforehand",
        ),
        (refused((MEAN.numpy(), LOG_VARIANCE.numpy())), tw.errors.Refused, "two torch Tensors .*a tuple of ndarray"),
        (refused((MEAN, LOG_VARIANCE), log_likelihood=MEAN[0, 0]), tw.errors.Refused, r"Sum .*flatten\(1\)\.sum\(1\)"),
        (lambda: tw.Meter(dataset_size=1), tw.errors.Refused, "two examples or more"),
        (refused((MEAN, LOG_VARIANCE[:, :1])), tw.errors.Refused, "of one shape"),
        (
            refused(pairs(101)),
            tw.errors.Refused,
            r"number of examples, not of batches \(did you pass len\(loader\)\?\)",
        ),
        (refused(MEAN), tw.errors.Refused, r"\(mean, log variance\)"),
        (refused((MEAN[:, 0], LOG_VARIANCE[:, 0])), tw.errors.Refused, r"\(B, D\)"),
        (refused((MEAN, LOG_VARIANCE), MEAN[:, :1]), tw.errors.Refused, "codes of 10 posteriors of 2 dimensions"),
        (refused((MEAN, LOG_VARIANCE), log_likelihood=MEAN), tw.errors.Refused, r"log_likelihood of shape \(10,\)"),
        (refused((MEAN, LOG_VARIANCE), index=torch.arange(9)), tw.errors.Refused, r"index of shape \(10,\)"),
        (refused((MEAN, LOG_VARIANCE), index=torch.rand(10)), tw.errors.Refused, "whole numbers"),
        (refused((MEAN, LOG_VARIANCE), side={"a": [1, 2]}), tw.errors.Refused, "a beside x as 10 values"),
        (
            refused((MEAN, LOG_VARIANCE), then=lambda meter: meter.update((MEAN, LOG_VARIANCE), MEAN)),
            tw.errors.Refused,
            "Every update must be of one kind",
        ),
        (
            refused((MEAN, LOG_VARIANCE), index=torch.arange(95, 105), then=lambda meter: meter.compute()),
            tw.errors.BadData,
            "none of a data set of 100 examples",
        ),
        (refused((NAN, LOG_VARIANCE), then=lambda meter: meter.compute()), tw.errors.NotFinite, "number 3"),
        (refused((MEAN, LOG_VARIANCE), NAN, then=lambda meter: meter.compute()), tw.errors.NotFinite, "codes"),
        (
            refused((MEAN, LOG_VARIANCE), MEAN, NAN[:, 1], then=lambda meter: meter.compute()),
            tw.errors.NotFinite,
            "distortion is nan",
        ),
        (refused((MEAN, LOG_VARIANCE), "z"), tw.errors.Refused, "Expected z as a tensor; got a str"),
        (refused((MEAN, LOG_VARIANCE), 3.0), tw.errors.Refused, "codes of 10 posteriors"),
        (refused((MEAN, LOG_VARIANCE), index=object()), tw.errors.Refused, "Expected index as a tensor"),
        (refused((MEAN, LOG_VARIANCE), side=[1] * 10), tw.errors.Refused, "beside x by name"),
        (refused(torch.distributions.Normal(0.0, 1.0)), tw.errors.Refused, "posteriors of a batch"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(act, kind, words):
    with pytest.raises(kind, match=words):
        act()


FAMILIES = {
    "diagonal-normal": "mixture",
    "full-normal": "standard-normal",
    "laplace": "standard-normal",
    "student-t": "standard-normal",
    "categorical": "learned-categories",
    "vector-quantized:8": "uniform",
    "finite-scalar": "uniform",
    "ladder": "blocks",
}


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [*FAMILIES.items(), pytest.param("flow", "standard-normal", marks=pytest.mark.slow)],
)
def test_posteriors_of_every_family_are_held_and_read_as_by_measure(posterior, prior):
    x = torch.rand(150, 12, generator=torch.Generator().manual_seed(0)).round()
    latent = 6 if posterior.startswith("vector") else 3
    model = tw.VAE.build((12,), latent, posterior=posterior, prior=prior, options={"hidden": [16]}).eval()
    meter = tw.Meter(dataset_size=150, prior=model.prior_law)
    for part in torch.randperm(150).split(97):
        meter.update(model.infer(x[part])[0], index=part)
    account, expected = meter.compute(), tw.measure(model, tw.load_data(x, test=0.0))
    assert set(expected) - set(account) == FROM_THE_DECODER
    assert_same(account, expected, set(account) - {"marginal_mmd2"})  # which draws codes of the prior, too


@pytest.mark.parametrize("posterior", ["noise-input", "noise-basis+normal"])
def test_posteriors_without_a_density_are_refused(posterior):
    model = tw.VAE.build((12,), 3, posterior=posterior, options={"hidden": [16]}).eval()
    with pytest.raises(tw.errors.NoDensity, match=r"tw\.measure"):
        tw.Meter(dataset_size=50).update(model.infer(torch.rand(9, 12))[0])
