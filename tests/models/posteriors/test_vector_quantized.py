"""Vector-quantised posteriors: moving averages by hand, restarts, and nothing of either outside of training."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models.codewords import Codewords
from termwise.models.posteriors import VectorQuantized

K, WIDTH, POSITIONS, DECAY = 6, 2, 3, 0.9


def family(**options):
    torch.manual_seed(0)
    some = {"codewords": K, "positions": POSITIONS, "decay": DECAY, "restarts": 0.0}
    return VectorQuantized(WIDTH * POSITIONS, **{**some, **options}).double()


def batches(count):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(20, WIDTH * POSITIONS, dtype=torch.float64, generator=generator) for _ in range(count)]


def test_moving_averages_are_those_of_the_paper_by_hand():
    """van den Oord et al. (2017, appendix A.1, eqs. 6 to 8), codeword by codeword."""
    one, (first, *others) = family(), batches(6)
    one(first)
    vectors = one.vectors.clone()
    counts, sums = one.use.clone(), one.use.unsqueeze(1) * vectors
    for batch in others:
        points = batch.view(-1, WIDTH)
        nearest = torch.cdist(points, vectors).argmin(1)
        law = one(batch)
        assert torch.equal(law.indices.flatten(), nearest)
        for k in range(K):
            came = points[nearest == k]
            counts[k] = DECAY * counts[k] + (1 - DECAY) * len(came)
            sums[k] = DECAY * sums[k] + (1 - DECAY) * came.sum(0)
        vectors = sums / counts.unsqueeze(1)
        torch.testing.assert_close(one.vectors, vectors, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(one.use, counts, rtol=1e-12, atol=1e-12)


def test_it_begins_at_points_of_the_first_batch():
    one = family(codebook="gradient")
    (batch,) = batches(1)
    one(batch)
    points = batch.view(-1, WIDTH)
    assert all((points == vector).all(1).any() for vector in one.vectors)
    assert len(one.vectors.unique(dim=0)) == K


@pytest.mark.parametrize("codebook", ["average", "gradient"])
def test_nothing_moves_in_evaluation_nor_without_gradients(codebook):
    one = family(codebook=codebook, restarts=0.5)
    for batch in batches(3):
        one(batch)
    before = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    with torch.no_grad():
        one(batches(1)[0])
    one.eval()(batches(1)[0])
    assert all(torch.equal(tensor, before[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize("codebook", ["average", "gradient"])
def test_a_codeword_that_hardly_comes_begins_anew_at_a_point_of_the_batch(codebook):
    one, some = family(codebook=codebook, restarts=0.3), batches(40)
    one(some[0])
    with torch.no_grad():
        one.vectors[2] = 1e3  # where nothing comes
    for batch in some[1:]:
        one(batch)
    assert one.vectors.abs().max() < 10 and one.use.min() > 0.3 * one.use.mean()
    never = family(codebook=codebook)
    never(some[0])
    with torch.no_grad():
        never.vectors[2] = 1e3
    for batch in some[1:]:
        never(batch)
    assert (never.vectors[2] > 999).all() and never.use[2] < 0.2


def test_a_law_keeps_the_codewords_that_it_was_made_of():
    one, (first, second) = family(), batches(2)
    law = one(first)
    z = law.sample().clone()
    one(second)
    assert torch.equal(law.sample(), z) and torch.equal(law.log_prob(z), torch.zeros(20, dtype=torch.float64))


def test_a_prior_is_asked_of_the_codewords_that_the_codes_were_made_of():
    """In training as well, where the codebook has moved on: several codes are bounded by the ELBO of their one."""
    options = {"codewords": 8, "positions": 2}
    model = tw.VAE.build((4,), 4, posterior="vector-quantized", posterior_options=options, prior="uniform")
    for _ in range(3):
        draw = tw.Draw(model, torch.rand(16, 4).round())
        rate = tw.terms.Link("posterior", "prior", tw.terms.MonteCarlo("full"))(draw)
        torch.testing.assert_close(rate.sum(-1), torch.full((16,), 2 * math.log(8)))
    bound = tw.recipe("iwae").players[0].objective(tw.Draw(model, torch.rand(16, 4).round())).total
    assert bound.isfinite()


def test_positions_that_do_not_divide_the_code_are_refused():
    with pytest.raises(Refused, match="7 numbers are not 3 positions"):
        VectorQuantized(7, positions=3)


@pytest.mark.parametrize("codebook", ["average", pytest.param("gradient", marks=pytest.mark.slow)])
def test_a_run_resumed_is_the_run_that_was_not_interrupted(tmp_path, codebook):
    options = {"codewords": 8, "positions": 2, "codebook": codebook, "decay": 0.8, "restarts": 0.5}
    parts = {"posterior": "vector-quantized", "posterior_options": options, "options": {"hidden": [8]}}
    tables = {"model": {"latent": 4, **parts}, "training": {"batch_size": 32, "audit": False}}
    x = (torch.rand(200, 6, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    whole = tw.train(tables, data=x, recipe="vq-vae", epochs=6, out=tmp_path / "whole", progress=False)
    tw.train(tables, data=x, recipe="vq-vae", epochs=3, out=tmp_path / "parts", progress=False)
    again = tw.train(resume=True, data=x, epochs=6, out=tmp_path / "parts", progress=False)
    state, parts = whole.model.state_dict(), again.model.state_dict()
    assert {"family.vectors", "family.use", "family.begun"} <= state.keys() and state["family.begun"]
    assert all(torch.equal(tensor, parts[name]) for name, tensor in state.items())
    loaded = tw.load_run(tmp_path / "parts", data=x).model
    law = loaded.encode(x)
    assert isinstance(law, Codewords) and torch.equal(law.sample(), whole.model.encode(x).sample())
    assert (loaded.prior_law().log_prob(law.sample()) > -10).all()  # over the codewords that it was loaded with
