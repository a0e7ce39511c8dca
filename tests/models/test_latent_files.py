"""Codes are written of every kind of code."""

import numpy as np
import torch

import termwise as tw


def test_codes_of_a_block_that_is_given_another_are_written(tmp_path):
    code = [
        {"name": "kind", "latent": 3, "posterior": "categorical"},
        {"name": "style", "latent": 2, "given": ["kind"]},
    ]
    model = tw.VAE.build((4,), code=code, options={"hidden": [4]})
    written = np.load(tw.export_latents(model, tw.load_data(torch.rand(20, 4)), tmp_path / "codes.npz"))
    assert written["mean"].shape == written["stddev"].shape == (20, 5) and np.isfinite(written["mean"]).all()
