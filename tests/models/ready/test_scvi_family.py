"""scvi-tools' other models on synthetic cells, against scvi-tools' own losses at the same codes."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, LogNormal

import termwise as tw
from helpers.agreement import account_and_codes, unchanged
from termwise.errors import Refused

if find_spec("scvi") is None:
    pytest.skip("scvi-tools is not installed", allow_module_level=True)

import scvi

from termwise.models.ready.scvi import counts

scvi.settings.verbosity = 40
SIZES = {"batch_size": 60, "n_genes": 20, "n_proteins": 6, "n_regions": 15, "n_batches": 2, "n_labels": 3}


def cells(**options):
    scvi.settings.seed = 0
    return scvi.data.synthetic_iid(**SIZES, **options)


def trained(model, tmp_path_factory=None):
    options = {"logger": False} if not isinstance(model, scvi.model.TOTALVI) else {}
    model.train(max_epochs=1, accelerator="cpu", enable_progress_bar=False, batch_size=64, **options)
    return model


def made(kind, of, setup, **options):
    getattr(kind, "setup_mudata" if hasattr(of, "mod") else "setup_anndata")(of, **setup)
    scvi.settings.seed = 0
    return trained(kind(of, n_latent=3, **options))


def inferred_and_tensors(model):
    tensors = next(iter(model._make_data_loader(adata=model.adata, batch_size=200)))
    module = model.module.eval()
    with torch.no_grad():
        return tensors, module.inference(**module._get_inference_input(tensors))


def lost(model, tensors, inferred, change=lambda generated: None):
    """scvi-tools' loss, once what it infers and generates was replaced by what an account was taken at."""
    module = model.module
    with torch.no_grad():
        generated = module.generative(**module._get_generative_input(tensors, inferred))
        change(generated)
        return module.loss(tensors, inferred, generated)


def blocks(account, name="rate_by_block", of="blocks"):
    return dict(zip(account.data[of], account.by_dimension[name].value, strict=True))


def near(tensor):
    return pytest.approx(float(tensor.double().mean()), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("kind", [scvi.model.SCVI, scvi.model.LinearSCVI])
@pytest.mark.parametrize("batch", [None, "batch"])
def test_the_size_of_a_cell_is_a_second_code_with_a_prior_for_every_batch(kind, batch):
    model = made(kind, cells(), {"batch_key": batch}, n_hidden=16, use_observed_lib_size=False)
    with unchanged(model.module):
        account, z = account_and_codes(tw.adapt(model), None)
    tensors, inferred = inferred_and_tensors(model)
    inferred |= {"z": z[:, :3], "library": z[:, 3:]}
    loss = lost(model, tensors, inferred)
    assert account["distortion"].value == near(loss.reconstruction_loss["reconstruction_loss"])
    assert blocks(account)["z"] == near(loss.kl_local["kl_divergence_z"])
    assert blocks(account)["library"] == near(loss.kl_local["kl_divergence_l"])
    assert account["rate"].value == near(sum(loss.kl_local.values()))
    assert account.data.get("prior_given") == (["batch"] if batch else None)
    assert ("marginal_kl" in account) != ("marginal_kl_given_side" in account) or batch is None


@pytest.mark.parametrize("observed", [True, False])
def test_a_scanvi_has_its_label_and_both_codes_by_name_and_scvi_tools_elbo(observed):
    setup = {"labels_key": "labels", "unlabeled_category": "label_0", "batch_key": "batch"}
    model = made(scvi.model.SCANVI, cells(), setup, n_hidden=16, use_observed_lib_size=observed)
    account, z = account_and_codes(tw.adapt(model), None, samples=8)
    assert account.data["blocks"] == ["z1", "y", "z2"] + ["library"] * (not observed)
    tensors, inferred = inferred_and_tensors(model)
    theirs = []
    for some in z.split(len(tensors["X"])):
        own = {**inferred, "z": some[:, :3], **({} if observed else {"library": some[:, -1:]})}
        loss = lost(
            model, tensors, own
        )  # at the same z1: what is left is the noise of y and z2, which it sums and draws
        theirs.append(loss.reconstruction_loss["reconstruction_loss"] + loss.kl_local["kl_local"])
    difference = torch.stack(theirs).double().mean(0) + account.per_example["elbo"]
    error = float(difference.std()) / len(difference) ** 0.5
    assert abs(float(difference.mean())) < 4 * error
    assert error < 0.35 * account["elbo"].stderr
    of_label = torch.softmax(model.module.classifier(inferred["z"]), 1)
    prior = model.module.y_prior.expand_as(of_label)
    kl = (of_label * (of_label / prior).log()).sum(1)
    assert blocks(account)["y"] == pytest.approx(float(kl.detach().mean()), rel=0.3)
    errors = account.by_dimension["rate_by_block"].stderr
    assert abs(sum(blocks(account).values()) - account["rate"].value) < 4 * sum(error**2 for error in errors) ** 0.5


@pytest.mark.parametrize("missing", [False, True])
def test_a_totalvi_has_the_background_of_proteins_by_name_and_the_distortion_by_modality(
    missing, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    of = cells()
    if missing:
        proteins = np.array(of.obsm["protein_expression"])
        proteins[np.ix_((of.obs["batch"] == "batch_0").to_numpy(), [0, 1])] = 0
        of.obsm["protein_expression"] = proteins
    setup = {"protein_expression_obsm_key": "protein_expression", "batch_key": "batch"}
    model = made(scvi.model.TOTALVI, of, setup)
    assert (model.module.protein_batch_mask is not None) == missing
    with unchanged(model.module):
        account, z = account_and_codes(tw.adapt(model), None)
    tensors, inferred = inferred_and_tensors(model)
    kept = {}

    def replaced(generated):
        own = generated["py_"]
        own |= {"rate_back": z[:, 3:].exp(), "rate_fore": z[:, 3:].exp() * own["fore_scale"]}
        kept.update(generated)

    loss = lost(model, tensors, {**inferred, "z": z[:, :3]}, replaced)
    assert blocks(account, "distortion_by_part", "parts") == {
        "genes": near(loss.reconstruction_loss["reconst_loss_gene"]),
        "proteins": near(loss.reconstruction_loss["reconst_loss_protein"]),
    }
    mixing, efficiency = kept["py_"]["mixing"], kept["per_batch_efficiency"]
    penalty = -1e-3 * Bernoulli(logits=mixing).log_prob(torch.ones_like(mixing)).sum(1)
    penalty = penalty - LogNormal(0.0, 1.0).log_prob(efficiency).sum(1)
    assert blocks(account) == {
        "z": near(loss.kl_local["kl_div_z"]),
        "background": near(loss.kl_local["kl_div_back_pro"] - penalty.detach()),
    }
    assert account["rate"].value == pytest.approx(sum(blocks(account).values()), rel=1e-5)


def test_a_totalvi_that_infers_sizes_has_three_blocks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = {"protein_expression_obsm_key": "protein_expression", "batch_key": "batch"}
    model = made(scvi.model.TOTALVI, cells(), setup, use_observed_lib_size=False)
    account, z = account_and_codes(tw.adapt(model), None)
    tensors, inferred = inferred_and_tensors(model)
    own = {**inferred, "z": z[:, :3], "library_gene": z[:, 3:4].exp()}
    loss = lost(model, tensors, own)
    assert list(blocks(account)) == ["z", "library", "background"]
    assert blocks(account)["library"] == near(loss.kl_local["kl_div_l_gene"])
    assert blocks(account, "distortion_by_part", "parts")["genes"] == near(
        loss.reconstruction_loss["reconst_loss_gene"]
    )


@pytest.mark.parametrize("options", [{}, {"model_depth": False, "region_factors": False, "latent_distribution": "ln"}])
def test_a_peakvi_agrees_by_cell(options):
    of = cells()
    of.X = of.obsm["accessibility"].copy() if of.obsm["accessibility"].shape == of.X.shape else of.X
    model = made(scvi.model.PEAKVI, of, {"batch_key": "batch"}, n_hidden=16, **options)
    with unchanged(model.module):
        account, z = account_and_codes(tw.adapt(model), None)
    tensors, inferred = inferred_and_tensors(model)
    inferred["z"] = model.module.z_encoder.z_transformation(z)
    loss = lost(model, tensors, inferred)
    assert account["distortion"].value == near(loss.reconstruction_loss["reconstruction_loss"])
    assert account["rate"].value == near(loss.kl_local["kl_local"])
    assert account.data["side"] == ["batch"]


def test_a_multivi_agrees_by_modality_and_leaves_out_what_a_cell_lacks():
    of = cells(return_mudata=True)
    of.mod["rna"].X[:20] = 0
    of.mod["accessibility"].X[20:40] = 0
    layers = {"rna_layer": "rna", "protein_layer": "protein_expression", "atac_layer": "accessibility"}
    model = made(
        scvi.model.MULTIVI, of, {"batch_key": "batch", "modalities": layers}, n_genes=20, n_regions=15, n_hidden=16
    )
    account, z = account_and_codes(tw.adapt(model), None)
    tensors, inferred = inferred_and_tensors(model)
    loss = lost(model, tensors, {**inferred, "z": z})
    found, theirs = blocks(account, "distortion_by_part", "parts"), loss.reconstruction_loss
    assert found["genes"] == near(theirs["reconstruction_loss_expression"])
    assert found["regions"] == near(theirs["reconstruction_loss_accessibility"])
    again = [lost(model, tensors, {**inferred, "z": z}).reconstruction_loss for _ in range(20)]
    proteins = torch.stack([of["reconstruction_loss_protein"].mean() for of in again])  # a background of its own each
    assert abs(found["proteins"] - float(proteins.mean())) < 4 * 1.03 * float(proteins.std())
    assert account["rate"].value == near(loss.kl_local["kl_divergence_z"])


def test_what_a_model_is_told_stands_beside_x_by_its_name_in_obs():
    of = cells()
    of.obs["donor"] = np.where(np.arange(of.n_obs) % 3, "b", "a")
    of.obs["age"] = np.linspace(20.0, 60.0, of.n_obs)
    setup = {"batch_key": "batch", "categorical_covariate_keys": ["donor"], "continuous_covariate_keys": ["age"]}
    model = made(scvi.model.SCVI, of, setup, n_hidden=16)
    account = tw.measure(tw.adapt(model))
    assert account.data["side"] == ["batch", "donor", "age"]
    side = counts(model).side
    assert [variable.is_number for variable in side.variables] == [False, False, True]
    assert side.variables[1].categories == ("a", "b")
    assert side.values[:4, 1].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert side.values[:, 2].tolist() == pytest.approx(of.obs["age"].tolist())


def test_a_likelihood_by_name_is_refused_by_each():
    for kind in (scvi.model.PEAKVI, scvi.model.LinearSCVI):
        model = made(kind, cells(), {}, n_hidden=16)
        with pytest.raises(Refused, match="has its own likelihood"):
            tw.adapt(model, likelihood="bernoulli")
