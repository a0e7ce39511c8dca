import pytest
import torch

from helpers.short_runs import examples, small
from termwise.measuring.critic_bounds.train_critics import train_critics
from termwise.models.data_pass import DataPass
from termwise.objectives import Objective, rate, solo
from termwise.terms import Critic, DensityRatio


@pytest.mark.parametrize(("batch_size", "seen"), [(7, 7), (1000, 160)])
def test_a_critic_sees_a_batch_at_every_step_and_no_more_than_there_are(monkeypatch, batch_size, seen):
    sizes, draw = [], DataPass.draw

    def counted(self, batch, **options):
        sizes.append(len(batch.x))
        return draw(self, batch, **options)

    monkeypatch.setattr(DataPass, "draw", counted)
    torch.manual_seed(0)
    game = solo(Objective((rate(DensityRatio("kl", Critic((4,)))),)))
    train_critics(game, small(), examples(), steps=3, batch_size=batch_size, seed=0)
    assert sizes[-3:] == [seen] * 3
