"""Squared error, PSNR and SSIM against torchmetrics where it is there, and against their definition."""

import math

import pytest
import torch

from termwise.measuring.tokenizer.fidelity import psnr, squared_error, ssim

G = torch.Generator().manual_seed(0)
X = torch.rand(4, 3, 20, 24, generator=G)
OTHER = (X + 0.2 * torch.randn(X.shape, generator=G)).clamp(0, 1)


def ssim_by_windows(a, b, value_range, size):
    """The definition: every window that lies within, its moments weighted."""
    line = torch.exp(-0.5 * ((torch.arange(size).double() - size // 2) / 1.5) ** 2)
    weights = line.outer(line) / line.sum() ** 2
    c1, c2, found = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2, []
    for top in range(a.shape[0] - size + 1):
        for left in range(a.shape[1] - size + 1):
            p, q = (of[top : top + size, left : left + size].double() for of in (a, b))
            m, n = (weights * p).sum(), (weights * q).sum()
            v, w, c = (weights * p * p).sum() - m * m, (weights * q * q).sum() - n * n, (weights * p * q).sum() - m * n
            found.append((2 * m * n + c1) * (2 * c + c2) / ((m * m + n * n + c1) * (v + w + c2)))
    return float(torch.stack(found).mean())


@pytest.mark.parametrize(("shape", "size"), [((14, 12), 11), ((8, 8), 7), ((5, 3), 3)])
def test_ssim_is_its_definition_with_the_largest_window_that_fits(shape, size):
    a, b = X[:1, :1, : shape[0], : shape[1]], OTHER[:1, :1, : shape[0], : shape[1]]
    assert float(ssim(a, b, 1.0)) == pytest.approx(ssim_by_windows(a[0, 0], b[0, 0], 1.0, size), rel=1e-9)


def test_ssim_of_colours_and_of_videos_is_the_mean_over_their_planes():
    planes = torch.stack([ssim(X[:, c : c + 1], OTHER[:, c : c + 1], 1.0) for c in range(3)]).mean(0)
    assert torch.allclose(ssim(X, OTHER, 1.0), planes)
    assert torch.allclose(ssim(X.unsqueeze(1), OTHER.unsqueeze(1), 1.0), planes)


def test_the_range_scales():
    assert torch.allclose(ssim(2 * X, 2 * OTHER, 2.0), ssim(X, OTHER, 1.0))
    assert torch.allclose(psnr(squared_error(2 * X, 2 * OTHER), 2.0), psnr(squared_error(X, OTHER), 1.0))


def test_psnr_is_decibels():
    error = squared_error(X, OTHER)
    assert float(error[0]) == pytest.approx(float((X[0] - OTHER[0]).square().mean()), rel=1e-6)
    assert float(psnr(error, 1.0)[0]) == pytest.approx(-10 * math.log10(float(error[0])), rel=1e-9)


def test_they_are_torchmetrics():
    torchmetrics = pytest.importorskip("torchmetrics.functional.image")
    theirs = torchmetrics.structural_similarity_index_measure(OTHER, X, data_range=1.0, reduction="none")
    assert torch.allclose(ssim(X, OTHER, 1.0), theirs.double(), atol=0.02)  # which pads by reflection
    own = psnr(squared_error(X, OTHER), 1.0)
    ratio = torchmetrics.peak_signal_noise_ratio(OTHER, X, data_range=1.0, reduction="none", dim=(1, 2, 3))
    assert torch.allclose(own, ratio.double(), rtol=1e-5)
