import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from termwise.terms.aggregate.parallel import WORTH_A_THREAD, one_by_one, threads_for


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def threads_of_a_new_thread():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def test_results_come_in_order_from_two_threads_that_have_one_thread_each(two_threads):
    meet = threading.Barrier(2, timeout=10)  # passed only by two tasks at once

    def task(name):
        meet.wait()
        return name, torch.get_num_threads()

    results = list(one_by_one([lambda name=name: task(name) for name in "abcd"], threads=2))
    assert results == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]
    assert torch.get_num_threads() == threads_of_a_new_thread() == 2


def test_an_error_comes_through_and_leaves_the_threads_as_they_were(two_threads):
    with pytest.raises(ZeroDivisionError):
        list(one_by_one([lambda: 1 // 0, lambda: 1], threads=2))
    assert threads_of_a_new_thread() == 2


def test_little_work_and_one_thread_stay_with_the_caller(two_threads):
    assert threads_for(WORTH_A_THREAD, torch.device("cpu")) == 1
    assert threads_for(10 * WORTH_A_THREAD, torch.device("cpu")) == 2
    assert threads_for(10 * WORTH_A_THREAD, torch.device("cuda")) == 1
    here = threading.get_ident()
    assert list(one_by_one([threading.get_ident] * 3, threads=1)) == [here] * 3
