"""scvi-tools' SCVI on real cells, against scvi-tools' own loss."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

import termwise as tw
from helpers import blood_cells as blood
from helpers.agreement import account_and_codes, assert_terms_agree, unchanged
from termwise.errors import BadData, Refused, UnknownName

if find_spec("scvi") is None or find_spec("scanpy") is None:
    pytest.skip("scvi-tools is not installed", allow_module_level=True)

import scvi

from termwise.models import Draw
from termwise.models.ready.scvi import counts

scvi.settings.verbosity = 40


@pytest.fixture(scope="module")
def cells():
    return blood.cells()


def trained(cells, epochs=2, setup=(), **options):
    cells = cells.copy()
    scvi.model.SCVI.setup_anndata(cells, **dict(setup))
    scvi.settings.seed = 0
    model = scvi.model.SCVI(cells, n_hidden=32, n_latent=options.pop("n_latent", 3), **options)
    model.train(max_epochs=epochs, accelerator="cpu", enable_progress_bar=False, logger=False, batch_size=64)
    return model


def own_losses(model, z):
    """scvi-tools' loss on its own tensors, at these codes: reconstruction and KL by cell."""
    tensors = next(iter(model._make_data_loader(adata=model.adata, batch_size=len(z))))
    module = model.module.eval()
    with torch.no_grad():
        inferred = module.inference(**module._get_inference_input(tensors))
        inferred["z"] = module.z_encoder.z_transformation(z)
        generated = module.generative(**module._get_generative_input(tensors, inferred))
        loss = module.loss(tensors, inferred, generated)
    return loss.reconstruction_loss["reconstruction_loss"], loss.kl_local["kl_divergence_z"]


@pytest.mark.parametrize(
    ("columns", "setup", "options"),
    [
        (0, {}, {}),
        (0, {}, {"gene_likelihood": "nb", "latent_distribution": "ln", "dispersion": "gene-cell"}),
        (1, {"batch_key": "half"}, {"gene_likelihood": "nb", "dispersion": "gene-batch", "encode_covariates": True}),
        (1, {"batch_key": "half"}, {"batch_representation": "embedding"}),
        (1, {"labels_key": "bulk_labels"}, {"dispersion": "gene-label"}),
        (0, {"labels_key": "bulk_labels"}, {"gene_likelihood": "normal"}),
        (1, {"size_factor_key": "n_counts"}, {"gene_likelihood": "poisson"}),
        (
            4,
            {
                "batch_key": "half",
                "categorical_covariate_keys": ["phase", "bulk_labels"],
                "continuous_covariate_keys": ["percent_mito"],
            },
            {"encode_covariates": True},
        ),
    ],
)
def test_every_term_is_scvis_own_at_the_same_codes(cells, columns, setup, options):
    model = trained(cells[:240, :80], setup=setup.items(), **options)
    rows = counts(model)
    assert rows.shape == (80 + columns,)
    with unchanged(model.module):
        account, z = account_and_codes(tw.adapt(model), rows, batch_size=100)
    reconstruction, kl = own_losses(model, z)
    assert account["distortion"].value == pytest.approx(float(reconstruction.mean()), rel=1e-5)
    assert account["rate"].value == pytest.approx(float(kl.mean()), rel=1e-4)
    mean, variance = model.get_latent_representation(return_dist=True)
    assert_terms_agree(account, z, torch.as_tensor(mean), torch.as_tensor(variance).sqrt())


def test_the_elbo_is_scvis_own_but_for_the_noise_of_the_codes(cells):
    model = trained(cells, epochs=10)
    account = tw.measure(tw.adapt(model), counts(model), samples=4)
    theirs = model.get_elbo(return_mean=False).double().cpu()
    difference = account.per_example["elbo"] - theirs
    error = float(difference.std()) / len(difference) ** 0.5
    assert abs(float(difference.mean())) < 4 * error
    assert error < 0.2 * account["elbo"].stderr  # paired by cell, so a sharp test
    assert account["rate"].value > 1


def test_other_cells_are_coded_as_those_that_the_model_was_set_up_with(cells):
    model = trained(cells[:200, :50], setup={"batch_key": "half"}.items())
    second = cells[200:300, :50][cells.obs["half"][200:300] == "two"].copy()
    rows = counts(model, second)
    assert (rows.tensor()[:, -1] == 1).all()
    account = tw.measure(tw.adapt(model), rows)
    mean, variance = model.get_latent_representation(second, return_dist=True)
    kl = 0.5 * (variance + mean**2 - 1 - np.log(variance)).sum(1)
    assert account["rate"].value == pytest.approx(float(kl.mean()), rel=1e-4)


def test_counts_drawn_from_the_model_keep_what_it_was_told(cells):
    model = trained(cells[:100, :30], setup={"batch_key": "half"}.items())
    draw = Draw(tw.adapt(model), counts(model).tensor())
    rows = draw.likelihood.sample((200,))
    assert rows.shape == (200, 100, 31)
    assert torch.equal(rows[7, :, 30], draw.x[:, 30])
    expected, spread = draw.likelihood.genes.mean, rows[..., :30].std(0) / 200**0.5
    assert ((rows[..., :30].mean(0) - expected).abs() < 4 * spread + 0.1).float().mean() > 0.99


@pytest.fixture(scope="module")
def plain(cells):
    return trained(cells[:100, :30], epochs=1)


def test_rows_that_are_no_cells_are_refused(plain):
    adapted, rows = tw.adapt(plain), counts(plain).tensor()
    for wrong, reason in (
        (rows[:, :9], r"rows of 30 numbers \(X: 30\).*measure\(adapted, adata\)"),
        (rows.log1p(), "zinb likelihood needs counts"),
        (-rows, "zinb likelihood needs counts"),
        (torch.cat([rows, 0 * rows[:2]]), "2 of 102 cells have no counts"),
    ):
        with pytest.raises(BadData, match=reason):
            tw.measure(adapted, wrong)


def test_what_an_scvi_may_not_be_is_refused(cells, plain):
    with pytest.raises(Refused, match=r"has its own likelihood \(zinb\)"):
        tw.adapt(plain, likelihood="bernoulli")
    minified = trained(cells[:100, :30], epochs=1)
    minified.adata.obsm["m"], minified.adata.obsm["v"] = minified.get_latent_representation(return_dist=True)
    minified.minify_adata(use_latent_qzm_key="m", use_latent_qzv_key="v")
    with pytest.raises(Refused, match="minified"):
        tw.adapt(minified)


def test_what_the_code_knows_of_a_batch_is_read_with_and_without_the_batch_key(cells):
    cells = cells[:400, :120].copy()
    random = np.random.default_rng(0)
    donor, deeper = random.integers(2, size=cells.n_obs), random.integers(2, size=cells.n_vars).astype(bool)
    x = np.asarray(cells.X.todense() if hasattr(cells.X, "todense") else cells.X).copy()
    x[np.ix_(donor == 1, deeper)] = np.floor(0.3 * x[np.ix_(donor == 1, deeper)])  # half of the genes, of one donor
    cells.X, cells.obs["donor"] = x, np.where(donor == 1, "b", "a")
    known = {}
    for key in (None, "donor"):
        model = trained(cells, epochs=30, setup={"batch_key": key}.items(), n_latent=2)
        account = tw.measure(tw.adapt(model), side="donor")
        known[key] = account["population_side_information"].value
        assert account["side_entropy"].value == pytest.approx(np.log(2), abs=0.01)
    assert known[None] > known["donor"] + 0.1


def test_an_adapted_model_reads_its_own_cells_and_others_with_what_obs_knows(cells, plain):
    adapted, others = tw.adapt(plain), cells[100:160, :30].copy()
    own = tw.measure(adapted, side="phase")
    assert own.data["n"] == 100 and own.data["side"] == ["phase"]
    assert own["rate"].value == tw.measure(adapted, counts(plain))["rate"].value
    kinds = others.obs["bulk_labels"]
    account = tw.measure(adapted, others, side=["bulk_labels", "percent_mito:number"])
    shares = kinds.value_counts(normalize=True)
    shares = shares[shares > 0]
    entropy = account.by_dimension["side_entropy_by_variable"].value[0]
    assert entropy == pytest.approx(float(-(shares * np.log(shares)).sum()), abs=1e-6)
    assert tw.group_aggregates(adapted, others, side="phase").names == tuple(sorted(others.obs["phase"].unique()))
    with pytest.raises(UnknownName, match="Did you mean 'phase'"):
        tw.measure(adapted, side="phse")
