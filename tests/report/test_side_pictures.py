"""Pictures at values beside x: of a decoder that writes down what it is given, so that every pixel is known."""

import numpy as np
import pytest
import torch
from torch import nn

import termwise as tw
from termwise.data.side import SideVariable
from termwise.report.galleries import side_gallery, traversal_gallery
from termwise.report.pictures import pictures_of
from termwise.report.side_pictures import MOST_SHOWN, values_shown

KINDS = ["a", "b", "q<c>"]


class Encoder(nn.Module):
    """The code's mean is the first pixel, whatever stands beside it."""

    def forward(self, x, side=None):
        return torch.cat([x.flatten(1)[:, :1], torch.full((len(x), 1), -20.0)], 1)


class Decoder(nn.Module):
    """An image whose first row is the code, and whose second and third are what it is told."""

    def forward(self, z, side):
        kind = side[:, :3] @ torch.tensor([0.1, 0.2, 0.3])
        return torch.stack([z[:, 0], kind, side[:, 3]], 1)[:, None, :, None].expand(-1, 1, 3, 4)


def data(count=60, side=None):
    torch.manual_seed(0)
    x = torch.rand(count, 1, 3, 4)
    kinds = [KINDS[k % 3] for k in range(count)]
    beside = {"kind": kinds, "age": torch.arange(count) / 10.0} if side is None else side
    return tw.load_data(x, test=0.0).with_side(beside)


def model(of, side_to=("decoder",)):
    own = Decoder() if "decoder" in side_to else nn.Sequential(nn.Linear(1, 12), nn.Unflatten(1, (1, 3, 4)))
    return tw.VAE(Encoder(), own, shape=(1, 3, 4), latent=1, likelihood="normal:0.1", side=of.side.variables,
                  side_to=side_to)  # fmt: skip


def test_a_grid_has_a_row_a_value_and_the_other_variables_as_they_are():
    of = data()
    found = pictures_of(model(of), of, None).side
    kinds, ages = of.side.values[:12].T
    quantiles = np.quantile(of.side.values[:, 1], [0.05, 0.25, 0.5, 0.75, 0.95])
    assert [row.label for row in found.rows[:3]] == ["kind a", "kind b", "kind q<c>"] and len(found.rows) == 8
    assert [row.value for row in found.rows[3:]] == pytest.approx(quantiles)
    codes = of.tensor(12).flatten(1)[:, 0]
    for r, row in enumerate(found.rows):
        kind = torch.full((12,), row.value) if row.place == 0 else kinds
        age = torch.full((12,), row.value) if row.place == 1 else ages
        told = torch.stack([0.1 + 0.1 * kind, age], 1)
        np.testing.assert_allclose(found.carried[r, :, 0, 0, 0], codes, atol=1e-6)  # their own codes
        np.testing.assert_allclose(found.carried[r, :, 0, 1:, 0], told, atol=1e-6)
        np.testing.assert_allclose(found.made[r, :, 0, 1:, 0], told, atol=1e-6)
        np.testing.assert_array_equal(found.made[r, :, 0, 0], found.made[0, :, 0, 0])  # the same codes in every row
    assert abs(found.made[0, :, 0, 0, 0].std() - 1) < 4 / np.sqrt(2 * 12)  # of the prior


def test_a_traversal_of_a_number_goes_between_its_quantiles_while_the_code_rests():
    of = data()
    found = pictures_of(model(of), of, None)
    kind, age = found.along_side.values()
    low, high = np.quantile(of.side.values[:, 1], [0.025, 0.975])
    np.testing.assert_allclose(age[:, 0, 2, 0], np.linspace(low, high, 9), atol=1e-6)
    np.testing.assert_allclose(age[:, 0, 0, 0], float(of.tensor(1)[0, 0, 0, 0]), atol=1e-6)
    assert next(iter(found.along_side)) == "kind, a to q<c>"
    np.testing.assert_allclose(kind[[0, 4, 8], 0, 1, 0], [0.1, 0.2, 0.3], atol=1e-6)
    html = traversal_gallery(found, {"readings": {}})
    assert "the code rests, and age, 0.1475 to 5.753" in html and "a to q&lt;c&gt;" in html and "<c>" not in html


def test_the_page_shows_both_grids_and_says_of_what():
    of = data()
    html = side_gallery(pictures_of(model(of), of, None))
    assert html.count("<img") == 17 and html.count("alt=") == 17 and "<c>" not in html
    assert 'alt="12 held-out examples decoded at kind q&lt;c&gt;"' in html
    assert "12 codes drawn from the prior, one a column, decoded at every value of kind, age." in html


@pytest.mark.parametrize("case", ["encoder", "constant", "nothing"])
def test_where_no_value_can_be_another_there_is_no_section(case):
    of = data(side={"kind": ["a"] * 60, "age": [1.5] * 60} if case == "constant" else None)
    if case == "nothing":
        one = tw.VAE.build((1, 3, 4), 1, options={"hidden": [4]})
    elif case == "encoder":
        one = model(of, side_to=("encoder",))
    else:
        one = tw.VAE.build((1, 3, 4), 1, options={"hidden": [4]}, side=of.side)
    found = pictures_of(one, of, None)
    assert not found.along_side and found.side is None and side_gallery(found) == ""


def test_of_many_values_the_most_frequent_are_shown_and_the_others_counted():
    names = tuple(f"k{k}" for k in range(30))
    column = torch.cat([torch.arange(30), torch.arange(20, 30)]).double()
    rows, left_out = values_shown([SideVariable("batch", names)], column[:, None])
    assert {row.label for row in rows} >= {f"batch k{k}" for k in range(20, 30)} and len(rows) == 12 and left_out == 18
    several = [SideVariable(f"v{k}", ("no", "yes")) for k in range(20)]
    rows, left_out = values_shown(several, torch.zeros(5, 20))
    assert len(rows) == MOST_SHOWN and left_out == 16
