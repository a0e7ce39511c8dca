"""Missing entries: the likelihood is that of the entries that are there, and nothing that is nan reaches a network."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Independent, MultivariateNormal, Normal

import termwise as tw
from termwise.data import load_data
from termwise.errors import BadData, Refused
from termwise.models.distributions import innermost
from termwise.models.likelihoods import LIKELIHOODS, likelihood_from
from termwise.models.likelihoods.likelihood import Likelihood
from termwise.models.missing import Filler, observed
from termwise.models.scaler import ScaledLaw, Scaler

NAN = math.nan
THERE = torch.tensor([[True, False, True], [False, True, True], [True, True, True]])


def with_gaps(x):
    return x.where(THERE, torch.full_like(x, NAN))


NO_PRODUCT = {"autoregressive": (1, 2, 3), "poisson:observed": (3,), "negative-binomial:observed": (3,)}
NO_PRODUCT |= {f"zero-inflated-{name}:observed": (3,) for name in ("poisson", "negative-binomial")}
VALUES = {"beta": (0.2, 0.9), "discretized-logistic": (0.2, 1.0)}
OF_EACH_ENTRY = ["normal:0.7", "normal:learned", "discretized-logistic:256", "columns:number,count,binary"]
OF_EACH_ENTRY += [spec for row in LIKELIHOODS.values() for spec in row.examples or (row.name,)]
OF_EACH_ENTRY = [
    spec for spec in dict.fromkeys(OF_EACH_ENTRY) if spec not in (*NO_PRODUCT, "columns", "normal:optimal")
]
OF_EACH_ENTRY = [spec for spec in OF_EACH_ENTRY if not spec.startswith(("autoregressive", "columns:number*2"))]


@pytest.mark.parametrize("spec", OF_EACH_ENTRY)
def test_log_p_of_what_is_there_is_that_of_each_entry_alone(spec):
    likelihood = likelihood_from(spec)
    likelihood.for_examples((3,))
    low, high = VALUES.get(spec.partition(":")[0], (0.0, 1.0))
    x = torch.tensor([[low, high, high], [high, low, high], [low, low, high]], dtype=torch.float64)
    decoded = torch.rand(3, *likelihood.decoded_shape((3,)), dtype=torch.float64).requires_grad_()
    whole = innermost(likelihood(decoded)).log_prob(x)
    values = observed(likelihood(decoded)).log_prob(with_gaps(x))
    expected = whole.where(THERE, torch.tensor(0.0)).sum(1)
    assert values.tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    values.sum().backward()
    seen = decoded.grad.abs().flatten(1, -2).sum(1) if decoded.dim() > 2 else decoded.grad.abs()
    assert torch.equal(seen > 0, THERE) and all(bool(one.grad.isfinite().all()) for one in likelihood.parameters())


@pytest.mark.parametrize("spec", NO_PRODUCT)
def test_what_needs_all_of_x_cannot_leave_entries_out(spec):
    likelihood, shape = likelihood_from(spec), NO_PRODUCT[spec]
    likelihood.for_examples(shape)
    with pytest.raises(Refused, match=r'no product over the entries of x.*missing="mean"'):
        observed(likelihood(torch.rand(2, *likelihood.decoded_shape(shape))))


def test_the_optimal_sigma_is_that_of_the_residuals_that_are_there():
    likelihood, x = likelihood_from("normal:optimal"), torch.randn(3, 3, dtype=torch.float64)
    decoded = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    sigma = x[THERE].square().mean().sqrt().item()
    values = observed(likelihood.train()(decoded)).log_prob(with_gaps(x))
    expected = [stats.norm(0, sigma).logpdf(x[row, THERE[row]].numpy()).sum() for row in range(3)]
    assert values.tolist() == pytest.approx(expected)
    values.sum().backward()
    assert torch.equal(decoded.grad != 0, THERE)
    likelihood.fit([(decoded.detach(), with_gaps(x))])
    assert likelihood.mean_square.item() == pytest.approx(sigma**2)


def test_a_scaled_density_counts_the_scales_of_what_is_there():
    scaler = Scaler(torch.tensor([5.0, 0.0, -1.0]), torch.tensor([100.0, 1.0, 0.1]), (3,))
    x, mean = torch.randn(3, 3) * scaler.scale + scaler.mean, torch.randn(3, 3)
    law = ScaledLaw(observed(Independent(Normal(mean, 0.5), 1)), scaler, gaps=True)
    own = Normal(scaler.back(mean), 0.5 * scaler.scale).log_prob(x)
    assert torch.allclose(law.log_prob(with_gaps(x)), own.where(THERE, torch.tensor(0.0)).sum(1), atol=1e-4)


def test_a_likelihood_that_is_no_product_is_refused():
    with pytest.raises(Refused, match=r'no product over the entries.*missing="mean" \(--set data.missing=mean\)'):
        observed(MultivariateNormal(torch.zeros(2, 3), torch.eye(3)))


def test_the_filler_has_the_means_of_what_trains():
    x = torch.tensor([[1.0, NAN, NAN], [3.0, 4.0, NAN], [NAN, 6.0, NAN], [2.0, 5.0, 9.0]])
    data = load_data(x, missing="mask", test=0.25, seed=1)
    train = data.train.tensor()
    filler = Filler.of(data)
    for entry in range(3):
        there = train[:, entry][~train[:, entry].isnan()]
        assert filler.mean[entry].item() == pytest.approx(there.mean().item() if len(there) else 0.0)
    assert torch.equal(filler(x).isnan(), torch.zeros(4, 3, dtype=torch.bool))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps")
    generator = torch.Generator().manual_seed(0)
    size, weight = torch.randn(80, generator=generator), torch.randn(80, generator=generator)
    lines = [
        ",".join(
            (
                "" if i % 7 == 3 else str(100 * size[i].item()),
                "NA" if i % 5 == 0 else str((weight[i] + size[i]).item() / 50),
                "?" if i % 11 == 2 else "xyz"[i % 3],
            )
        )
        for i in range(80)
    ]
    (folder / "gaps.csv").write_text("size,weight,word\n" + "\n".join(lines) + "\n")
    config = {"data": {"source": str(folder / "gaps.csv"), "missing": "mask", "labels": False}}
    return tw.train(config, epochs=2, batch_size=16, latent=2, out=folder / "run", progress=False)


def test_a_table_with_gaps_trains_is_measured_and_comes_back(run):
    assert all(math.isfinite(run.account[name]) for name in ("rate", "distortion", "elbo"))
    assert not run.account.withheld
    again = tw.load_run(run.folder.path)
    assert torch.equal(again.model.filler.mean, run.model.filler.mean)
    x = run.data.test.tensor()
    assert x.isnan().any()
    assert (
        torch.equal(again.model.reconstruct(x), run.model.reconstruct(x))
        and not again.model.reconstruct(x).isnan().any()
    )
    assert tw.measure(again)["distortion"].value == pytest.approx(run.account["distortion"].value)


def test_the_distortion_is_that_of_the_cells_that_are_there(run):
    model, x = run.model.double(), run.data.test.tensor().double()
    try:
        z = model.encode(x).mean
        law = model.decode(z)
        by_hand = Normal(law.mean, model.likelihood.scale() * model.scaler.scale.double()).log_prob(x.nan_to_num())
        assert torch.allclose(law.log_prob(x), by_hand.where(~x.isnan(), 0.0).sum(1))
    finally:
        model.float()


def test_data_with_gaps_are_refused_by_a_model_that_knows_none():
    model = tw.VAE.build((3,), latent=2, likelihood="normal")
    x = torch.randn(20, 3)
    x[3, 1] = NAN
    with pytest.raises(BadData, match=r'has missing entries.*missing="mean"'):
        tw.measure(model, load_data(x, missing="mask"))


class OfRows(Likelihood):
    spec = "rows"

    def forward(self, decoded):
        return MultivariateNormal(decoded, torch.eye(decoded.shape[1]))


def test_a_likelihood_that_cannot_leave_entries_out_is_refused_before_training(tmp_path):
    model = tw.VAE(torch.nn.Linear(3, 4), torch.nn.Linear(2, 3), shape=(3,), latent=2, likelihood=OfRows())
    x = torch.randn(20, 3)
    x[3, 1] = NAN
    with pytest.raises(Refused, match="no product over the entries"):
        tw.train(data=load_data(x, missing="mask"), model=model, epochs=1, out=tmp_path / "run", progress=False)


def test_quality_and_classifiers_ask_for_whole_examples(run):
    with pytest.raises(BadData, match=r"Quality is of whole examples.*--set data.missing=mean"):
        tw.sample_quality(run)


@pytest.mark.parametrize("recipe", ["ali", "vae-gan"])
def test_who_tells_data_from_decoded_examples_asks_for_whole_ones(recipe, tmp_path):
    x = torch.rand(40, 1, 16, 16).where(torch.rand(40, 1, 16, 16) > 0.1, torch.nan)
    data = load_data(x, missing="mask")
    with pytest.raises(BadData, match=r"of whole examples.*has some with missing entries.*--set data.missing=mean"):
        tw.train(data=data, recipe=recipe, latent=2, epochs=1, out=tmp_path / "run", progress=False)


@pytest.mark.parametrize("kind", ["masked pixels", "mask of a tensor", "nan", ".npz with a mask"])
def test_images_with_gaps_are_images_and_are_filled(kind, tmp_path):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (24, 8, 8)).astype(np.uint8)
    gone = generator.random(pixels.shape) < 0.2
    if kind == "masked pixels":
        data = load_data(np.ma.array(pixels, mask=gone), missing="mask")
    elif kind == "mask of a tensor":
        data = load_data(torch.from_numpy(pixels), mask=torch.from_numpy(gone))
    elif kind == "nan":
        data = load_data(np.where(gone, np.nan, pixels / 255)[:, None], missing="mask")
    else:
        np.savez(tmp_path / "gaps.npz", x=pixels, gone=gone)
        data = load_data(tmp_path / "gaps.npz", mask="gone")
    x = data.tensor()
    assert data.shape == (1, 8, 8) and torch.equal(x.isnan(), torch.from_numpy(gone)[:, None])
    assert torch.allclose(x.nan_to_num(0), torch.from_numpy(np.where(gone, 0, pixels / 255))[:, None].float())
    config = {"model": {"network": "conv", "options": {"channels": 4}}}
    run = tw.train(config, data=data, recipe="miwae", codes=2, latent=2, epochs=1, out=tmp_path / "run", progress=False)
    found = tw.impute(run.model, data, samples=20)
    assert not found.filled.isnan().any() and torch.equal(found.filled[~x.isnan()], x[~x.isnan()])


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(BadData, match=r"mask of the shape of x, \(4, 3\), true where an entry is missing; got bool of"):
        load_data(torch.zeros(4, 3), mask=torch.zeros(4, dtype=torch.bool))


@pytest.mark.parametrize(
    "options", [{"pad": 12}, {"binarize": "threshold"}, {"binarize": "dynamic"}, {"binarize": "fixed"}]
)
def test_what_is_missing_stays_so_where_x_is_padded_or_made_binary(options, tmp_path):
    x = torch.rand(20, 1, 8, 8)
    gone = torch.rand(20, 1, 8, 8) < 0.2
    data = load_data(x.where(~gone, NAN), missing="mask", **options)
    seen = data.tensor()[..., 2:10, 2:10] if "pad" in options else data.tensor()
    assert data.has_missing and torch.equal(seen.isnan(), gone)
    if "pad" not in options:
        assert bool(((seen == 0) | (seen == 1) | gone).all())
        with pytest.raises(BadData, match="from 0 to 1; got 0"):
            load_data((2 * x).where(~gone, NAN), missing="mask", **options).tensor()
    run = tw.train(data=data, epochs=1, latent=2, out=tmp_path / "run", progress=False)
    assert math.isfinite(run.account["elbo"].value) and not tw.impute(run.model, data, samples=10).filled.isnan().any()
