import pytest
import torch

from termwise.errors import NoDensity
from termwise.models.draw import Draw
from termwise.terms.laws import AggregateLaw, MarginalsLaw, PriorLaw
from termwise.worlds import LinearGaussian


def draws():
    world = LinearGaussian.random(0)
    other = Draw(world, world.data(500, seed=1))
    return Draw(world, world.data(500), independent=lambda: other), other


def test_marginals_are_an_independent_batch_with_every_dimension_permuted_on_its_own():
    draw, other = draws()
    z = MarginalsLaw().sample(draw)
    for j in range(z.shape[1]):
        assert torch.equal(z[:, j].sort().values, other.z[:, j].sort().values)
    assert not torch.equal(z, other.z) and torch.corrcoef(z.T).fill_diagonal_(0).abs().max() < 0.2
    assert torch.corrcoef(other.z.T).fill_diagonal_(0).abs().max() > 0.3


def test_the_prior_gives_as_many_codes_as_there_are_examples():
    draw, _ = draws()
    assert PriorLaw().sample(draw).shape == draw.z.shape


@pytest.mark.parametrize("law", [AggregateLaw(), MarginalsLaw()])
def test_a_law_of_q_without_a_memory_has_no_density(law):
    draw, _ = draws()
    with pytest.raises(NoDensity, match="memory"):
        law.log_prob(draw.z, draw)
