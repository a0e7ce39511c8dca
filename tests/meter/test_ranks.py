"""What several processes have seen is one account, each example once."""

import pytest
import torch
from torch import multiprocessing

import termwise as tw
from helpers.metered_ranks import N, process, told
from termwise.meter.kept_rows import KeptRows, NewestRows


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(process, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["by index", "in turn", "one alone", "laws"])
def test_two_processes_read_what_one_reads_of_all(found, how):
    expected = told(tw.Meter(dataset_size=N), torch.arange(N), law=how == "laws").compute().to_json()["readings"]
    for mine in found:
        account, diagnosis = mine[how]
        assert account["data"]["n"] == N and diagnosis == found[0][how][1]
        for name in ("rate", "index_code_mi", "total_correlation", "side_information"):
            assert account["readings"][name]["value"] == pytest.approx(expected[name]["value"], rel=1e-5), name


@pytest.mark.slow
def test_where_they_are_not_put_together_each_has_its_own(found):
    assert [mine["apart"][0]["data"]["n"] for mine in found] == [151, 150 + 1]


def test_of_rows_of_several_processes_the_newest_of_each_example_counts():
    one, other = (KeptRows(dataset_size=9, size=9) for _ in range(2))
    one.write({"z": torch.tensor([10.0, 11.0, 12.0])}, torch.tensor([1, 4, 2]), step=1)
    other.write({"z": torch.tensor([20.0, 21.0])}, torch.tensor([4, 7]), step=2)
    other.write({"z": torch.tensor([22.0])}, torch.tensor([0]), step=3)
    one.write({"z": torch.tensor([13.0])}, torch.tensor([7]), step=3)
    rows = NewestRows.newest([one.rows(), other.rows()])
    assert rows.example.tolist() == [0, 1, 2, 4, 7]
    assert rows.tensors["z"].tolist() == [22.0, 10.0, 12.0, 20.0, 13.0]
    assert rows.steps == (1, 3)


def test_examples_without_an_index_are_dealt_to_processes_in_turn():
    kept = [KeptRows(dataset_size=10, size=10) for _ in range(2)]
    for rank, one in enumerate(kept):
        one.write({"z": torch.arange(rank, 10, 2.0)}, None, step=1, rank=rank, ranks=2)
    assert NewestRows.newest([one.rows() for one in kept]).tensors["z"].tolist() == list(map(float, range(10)))


def test_of_one_example_twice_in_a_batch_one_alone_is_written_whichever_device_writes_last():
    kept = KeptRows(dataset_size=9, size=9)
    assert kept._won(torch.tensor([3, 3, 1]), step=1).tolist() == [9, 3, 1]  # row 9 is never read
