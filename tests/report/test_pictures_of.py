import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Cauchy, Independent, Normal

import termwise as tw
from termwise.data.columns import Column
from termwise.report.galleries import sample_gallery, traversal_gallery
from termwise.report.pictures import pictures_of

W = torch.tensor([[1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.5]])


class WithoutMean(Normal):
    """A normal that does not say its mean."""

    @property
    def mean(self):
        raise NotImplementedError


def model(law=Normal, decode=None):
    return tw.adapt(
        encode=lambda x: {"posterior": Independent(law(x @ W.T, 0.01), 1)},
        decode=decode or (lambda z: Independent(Normal(z @ W, 0.1), 1)),
    )


def data(columns=()):
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) @ W
    loaded = tw.load_data(x, test=0.0)
    return tw.Dataset("made", loaded.examples, columns=columns)


@pytest.mark.parametrize("law", [WithoutMean, Cauchy])
def test_a_posterior_without_a_mean_has_its_pictures(law):
    plain, odd = (pictures_of(model(one), data(), None) for one in (Normal, law))
    assert dict(odd.missing) == {}
    # of 256 samples the mean, or the median, has an error of pi/2 sd / 16 at the most
    assert np.abs(odd.reconstructions - plain.reconstructions).max() < 5 * 1.5 * 0.01 * 1.6 / 16
    assert odd.traversals.shape == (2, 9, 4)


def test_a_run_whose_posterior_has_no_mean_ends_with_its_report(tmp_path):
    class Family(nn.Module):
        name = "without-mean"

        def __init__(self, latent):
            super().__init__()
            self.latent, self.options, self.features = latent, {}, 2 * latent

        def forward(self, features):
            mean, log_sd = features.chunk(2, -1)
            return Independent(WithoutMean(mean, log_sd.exp()), 1)

    own = tw.VAE(nn.Linear(4, 4), nn.Linear(2, 4), shape=(4,), latent=2, posterior=Family(2), likelihood="normal:0.5")
    run = tw.train(data=data().tensor(), model=own, epochs=1, out=tmp_path / "run", progress=False)
    html = run.folder.report_file.read_text()
    assert "Row" not in html and 'aria-label="16 examples and their reconstructions"' in html
    assert tw.write_report(tw.load_run(tmp_path / "run", model=own, data=data().tensor())).exists()


def test_a_picture_that_cannot_be_had_is_left_out_with_its_reason():
    def decode(z):
        if len(z) != 16:
            raise RuntimeError("sixteen at a time, and <b>no</b> other")
        return Independent(Normal(z @ W, 0.1), 1)

    pictures = pictures_of(model(decode=decode), data(), None)
    assert pictures.reconstructions is not None and set(pictures.missing) == {"samples", "traversals"}
    for html in (sample_gallery(pictures), traversal_gallery(pictures, {})):
        assert "RuntimeError: sixteen at a time, and &lt;b&gt;no&lt;/b&gt; other" in html


def test_a_table_s_draws_have_their_noise_and_its_rows_are_in_deviations():
    pictures = pictures_of(model(), data(tuple(Column(f"c{j}") for j in range(4))), None)
    table = pictures.table
    real, drawn = table.real.std(0), table.drawn.std(0)
    assert len(table.drawn) == 1024 and drawn == pytest.approx(np.hypot(real, 0.1), rel=4 * (1 / 500 + 1 / 1024) ** 0.5)
    assert table.misses() == pytest.approx([0.0, 0.0, 0.0, 0.0], abs=1.3)
    in_deviations = (table.real[:16] - table.real.mean(0)) / table.real.std(0)
    assert pictures.originals == pytest.approx(in_deviations)


def test_the_same_model_and_data_have_the_same_pictures():
    one, two = (pictures_of(model(WithoutMean), data(), [1.0, 2.0]) for _ in range(2))
    assert np.array_equal(one.samples, two.samples) and one.traversal_dimensions == [1, 0]
