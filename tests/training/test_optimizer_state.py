"""An optimizer's state from a checkpoint is laid out as the parameters are, which a fused optimizer does not check."""

import pytest
import torch

import termwise as tw
from helpers.short_runs import StopAt, Stopped, trainer
from termwise.training.checkpoint import TrainerState
from termwise.training.optimizer_state import take_state
from termwise.training.run_folder import RunFolder

CHANNELS_LAST = torch.channels_last


def moved(layout_of_state):
    """A weight after two steps of fused Adam, its state saved and laid out in between."""
    generator = torch.Generator().manual_seed(0)
    numbers = [torch.randn(4, 3, 2, 2, generator=generator).to(memory_format=CHANNELS_LAST) for _ in range(3)]
    weight = torch.nn.Parameter(numbers[0])
    one, other = (torch.optim.Adam([weight], lr=0.1, fused=True) for _ in range(2))
    weight.grad = numbers[1]
    one.step()
    saved = one.state_dict()
    for name in ("exp_avg", "exp_avg_sq"):
        saved["state"][0][name] = saved["state"][0][name].contiguous(memory_format=layout_of_state)
    take_state(other, saved)
    weight.grad = numbers[2]
    other.step()
    return weight.detach()


def test_the_layout_of_a_saved_state_does_not_matter():
    assert torch.equal(moved(torch.contiguous_format), moved(CHANNELS_LAST))


@pytest.mark.parametrize("options", [{"channels": 3, "hidden": 8}, {"channels": 3, "grid": 2}])
def test_a_run_of_networks_that_lay_in_rows_goes_on(tmp_path, options):
    """As an earlier version wrote it: weights and averages without a layout of their own."""
    data = tw.load_data(torch.rand(40, 1, 16, 16, generator=torch.Generator().manual_seed(0)).round(), test=0.2)

    def model():
        torch.manual_seed(0)
        return tw.VAE.build((1, 16, 16), 16, "conv", options=options)

    def whole(path, rows):
        one = trainer(path, tw.recipe("vae"), data, model(), StopAt(1))
        one.start()
        with pytest.raises(Stopped):
            one.run()
        one.save()
        if rows:
            state = TrainerState.last(RunFolder(path))
            layouts = set()
            for entries in (state.model, *(of for o in state.optimizers.values() for of in o["state"].values())):
                for key, value in entries.items():
                    layouts.add(value.is_contiguous())
                    entries[key] = value.contiguous()
            assert layouts == {True, False}
            state.save(RunFolder(path))
        again = trainer(path, tw.recipe("vae"), data, model())
        again.resume()
        return again.run().state_dict()

    kept, of_rows = whole(tmp_path / "a", rows=False), whole(tmp_path / "b", rows=True)
    assert all(torch.equal(kept[key], of_rows[key]) for key in kept)
