"""Before step 0: a scale of x that cannot train is refused, with what mends it, and so are batches that cannot be."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from torch import nn

import termwise as tw
from termwise.data import Column, InMemory
from termwise.errors import BadData, NonFiniteLoss, Refused
from termwise.models.data_pass import DataPass
from termwise.models.scaler import Scaler
from termwise.training.first_look import check_batches, check_scale, far_off, scale_at_fault


def numbers(scale, columns=5, count=200, offset=0.0):
    return offset + scale * torch.randn(count, columns, generator=torch.Generator().manual_seed(0))


def passes(x, seed=0, **options):
    torch.manual_seed(seed)
    data = tw.load_data(x, test=0.0)
    return DataPass(tw.VAE.build(data.shape, likelihood="normal", latent=4, **options), data)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "x",
    [
        load_wine().data,
        load_breast_cancer().data,
        numbers(1.0, offset=1e3),
        numbers(torch.tensor([1.0, 1.0, 1.0, 1.0, 1e4])),
        (255 * torch.rand(100, 3, 8, 8)).round(),
    ],
    ids=["wine", "breast cancer", "far from zero", "one large column", "pixels to 255"],
)
def test_a_scale_that_cannot_train_is_refused_with_what_mends_it(x, seed):
    with pytest.raises(BadData, match=r"cannot be trained on at this scale.*standardize=true"):
        check_scale(passes(x, seed))


@pytest.mark.parametrize("x", [numbers(1.0), numbers(30.0), numbers(1e-6), 16 * torch.rand(50, 64)])
def test_a_scale_that_can_train_is_not(x):
    check_scale(passes(x))


def test_a_network_that_normalises_by_itself_takes_any_scale():
    looked = passes(numbers(1e4))
    looked.model.encoder = nn.Sequential(nn.BatchNorm1d(5, momentum=None), looked.model.encoder).train()
    looked.model.encoder(looked.data.tensor())  # the batch's moments are those of the data
    check_scale(looked)


def test_a_model_with_a_scaler_takes_any_scale():
    looked = passes(numbers(1e6))
    looked.model.scaler = Scaler.of(looked.data)
    check_scale(looked)


def test_the_column_at_fault_is_named_and_pixels_may_be_divided():
    wine = load_wine()
    data = tw.load_data(wine.data, test=0.0)
    named = tw.Dataset("wine", data.examples, columns=tuple(Column(name) for name in wine.feature_names))
    torch.manual_seed(0)
    model = tw.VAE.build((13,), likelihood="normal")
    assert "column 'proline' has numbers from 278 to 1,680" in scale_at_fault(DataPass(model, named))
    assert "divide pixels by 255" in scale_at_fault(passes((255 * torch.rand(9, 1, 8, 8)).round()))


@pytest.mark.parametrize("recipe", ["vae", "avb", "beta-tcvae", "factor-vae"])
def test_a_training_is_refused_before_its_first_step_whatever_its_posterior(recipe, tmp_path):
    with pytest.raises(BadData, match="standardize=true"):
        tw.train(data=load_wine().data, recipe=recipe, epochs=1, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_is_put_down_to_the_scale_and_not_to_the_learning_rate(tmp_path):
    """A rare row, which the first look, at every third, does not see."""
    x = numbers(1.0, count=3010)
    x[4] = 1e30
    parts = {"train": torch.arange(3000), "test": torch.arange(3000, 3010)}
    data = tw.Dataset("rare", InMemory(x), splits=parts)
    with pytest.raises(NonFiniteLoss, match=r"The scale of x is the likely cause.*standardize=true") as found:
        tw.train(data=data, likelihood="normal:1", epochs=1, out=tmp_path, progress=False)
    assert "learning rate" not in str(found.value)


def test_a_loss_of_small_numbers_is_still_put_down_to_the_learning_rate(tmp_path):
    with pytest.raises(NonFiniteLoss, match="Lower the learning rate"):
        tw.train(data=numbers(1.0), likelihood="normal:1", learning_rate=1e18, epochs=9, out=tmp_path, progress=False)


def test_batch_normalisation_on_batches_of_one_is_refused_in_one_message(tmp_path):
    images = torch.rand(20, 1, 16, 16)
    with pytest.raises(Refused, match=r"cannot be trained on batches of 1.*batch_size to 2 or more"):
        tw.train(data=images, network="conv-bn", batch_size=1, epochs=1, out=tmp_path, progress=False)


def test_batches_of_one_are_fine_where_nothing_is_normalised_over_one_number():
    torch.manual_seed(0)
    data = tw.load_data(torch.rand(6, 1, 4, 4), test=0.0)
    encoder = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(16, 4))
    decoder = nn.Sequential(nn.Linear(2, 16), nn.Unflatten(1, (1, 4, 4)))
    model = tw.VAE(encoder, decoder, shape=(1, 4, 4), latent=2).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    check_batches(DataPass(model, data), 1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and encoder[0].training


def test_a_short_last_batch_of_one_example_is_no_trouble(tmp_path):
    """21 examples by tens: what is left over of an epoch is one, and is dropped."""
    parts = {"train": torch.arange(21), "test": torch.arange(21, 25)}
    data = tw.Dataset("images", InMemory(torch.rand(25, 1, 16, 16)), splits=parts)
    small = {"model": {"network": "conv-bn", "options": {"channels": [4], "hidden": 8}}}
    run = tw.train(small, data=data, batch_size=10, epochs=1, out=tmp_path, progress=False)
    assert np.isfinite(run.account["elbo"].value)


def test_a_column_that_hardly_varied_in_training_is_named_with_the_line_that_leaves_it_out():
    x = torch.randn(100, 3)
    x[:, 1] = 0.001 * x[:, 1] + 5
    data = tw.load_data(x, split=None, test=0.5, standardize=True)
    model = tw.VAE.build((3,), 2, likelihood="normal:1", scaler=Scaler.of(data))
    assert far_off(model, data.test) == ""
    away = x.clone()
    away[7, 1] = 5 + 0.001 * 4000
    said = far_off(model, tw.load_data(away))
    deviations = (4.0 + 5 - float(model.scaler.mean[1])) / float(model.scaler.scale[1])
    assert said.startswith(f"Column '1' lies up to {deviations:,.0f} standard") and "--set data.drop=1;" in said
    away[8, 2] = -1e6
    said = far_off(model, tw.load_data(away))
    assert said.startswith("Column '2'") and "So with 1 more." in said and "--set data.drop=2,1;" in said
    assert far_off(tw.VAE.build((3,), 2, likelihood="normal:1"), tw.load_data(away)) == ""
