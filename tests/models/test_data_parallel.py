"""Networks whose rows are dealt among processes make what they make in one, with the same gradients."""

import pytest
import torch

from helpers.parallel_ranks import in_ranks, look_in_rank, looked_at, networks
from termwise.models.data_parallel import SharedRows, gathered_rows, rank_and_ranks, shares_of

ROWS = [8, 5, 1]
"""Even, uneven, and fewer than there are processes."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    in_ranks(look_in_rank, folder, 2, ROWS)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize(
    ("name", "count"), [("plain", 8), ("plain", 5), ("plain", 1), ("normalised", 8), ("normalised", 5)]
)
def test_values_and_gradients_of_both_orders_are_those_of_one_process(found, name, count):
    network = networks()[name]
    for before in ROWS[: ROWS.index(count)]:  # so that its running moments have seen the same
        torch.manual_seed(1)
        looked_at(network, torch.randn(before, 3, dtype=torch.float64))
        network(torch.ones(before, 3, dtype=torch.float64))
    torch.manual_seed(1)
    alone = looked_at(network, torch.randn(count, 3, dtype=torch.float64))
    alone |= {f"to {of}": parameter.grad for of, parameter in network.named_parameters()}
    network(torch.ones(count, 3, dtype=torch.float64))
    alone["drawn after"] = torch.rand(3)  # the state that all share is not moved by sharing
    for mine in found:
        for what, value in alone.items():
            torch.testing.assert_close(mine[name, count][what], value, rtol=1e-10, atol=1e-12, msg=f"{what}, {count}")


def test_noise_within_a_network_differs_by_process_and_by_call_and_follows_from_the_seed(found):
    one, other = (of["noisy", 8] for of in found)
    assert torch.equal(one["again"], other["again"])  # gathered: all have the whole
    first, second = one["again"][:4] == 0, one["again"][4:] == 0
    assert not torch.equal(first, second)  # of the same rows, dropped by different processes
    assert not torch.equal(one["y"] == 0, one["again"] == 0)  # and at the next call
    assert torch.equal(one["drawn after"], other["drawn after"])


def test_what_has_no_row_for_each_row_is_refused(found):
    assert "must be tensors of a row for each" in found[0]["refused"]


def test_rows_come_out_even_or_the_first_have_one_more():
    assert [shares_of(10, 4), shares_of(3, 3), shares_of(7, 2)] == [[3, 3, 2, 2], [1, 1, 1], [4, 3]]


def test_in_one_process_nothing_is_changed():
    network = networks()["plain"]
    with SharedRows([network], ranks=1):
        assert not network._forward_hooks and not network._forward_pre_hooks
    assert rank_and_ranks() == (0, 1)
    assert torch.equal(gathered_rows(torch.arange(3), [3]), torch.arange(3))
