"""Random numbers of one's own: they follow their seed and their use, and disturb no one else's."""

import torch

from termwise.models.randomness import own_randomness, seed_for


def test_own_randomness_follows_its_seed_and_leaves_the_generator_alone():
    before = torch.random.get_rng_state()
    drawn = []
    for seed in (5, 5, 6):
        with own_randomness(seed):
            drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_codes_do_not_share_their_noise_with_examples_made_from_the_same_seed():
    torch.manual_seed(0)
    theirs = torch.randn(1000)
    with own_randomness(0):
        ours = torch.randn(1000)
    assert abs(float(torch.corrcoef(torch.stack([theirs, ours]))[0, 1])) < 4 / 1000**0.5


def test_seeds_of_one_use_are_as_many_as_the_seeds_and_another_use_s_are_others():
    codes = {seed_for(seed, "codes") for seed in range(1000)}
    examples = {seed_for(seed, "examples") for seed in range(1000)}
    assert len(codes) == len(examples) == 1000 and codes.isdisjoint(examples)
