"""Workers share a sweep's runs; one that is killed is noticed, and so is a run in which they all die."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import termwise as tw
from helpers.swept import differences_without_paths
from termwise.fast_paths import SWITCH
from termwise.sweeps import SweepFolder, sweep_config_from
from termwise.sweeps.plan import Plan
from termwise.sweeps.workers import MOST_DEATHS, Workers, WorkersFailed, threads_for

BASE = {
    "data": {"source": "digits"},
    "model": {"latent": 2, "options": {"hidden": [8]}, "likelihood": "normal:optimal"},
    "objective": {"recipe": "beta-vae"},
    "training": {"epochs": 3, "checkpoint_steps": 5},
}


def planned(folder, **sweep):
    place = SweepFolder(folder)
    place.begin(sweep_config_from({"base": BASE, "sweep": sweep}))
    return Plan(place)


def program(tmp_path, code):
    (tmp_path / "worker.py").write_text(code)
    return [sys.executable, str(tmp_path / "worker.py")]


def test_threads_share_the_cores():
    cores = len(os.sched_getaffinity(0))
    assert threads_for(1) == cores and threads_for(cores) == 1 and threads_for(2 * cores) == 1


def test_workers_that_never_take_up_a_run_are_an_error(tmp_path):
    plan = planned(tmp_path / "s", seeds=1)
    with pytest.raises(WorkersFailed, match=r"\(with status 3\).*workers=1"):
        Workers(plan, program(tmp_path, "raise SystemExit(3)"), 1, 1).run()
    assert [path.name for path in (tmp_path / "s" / "logs").iterdir()] == ["worker-1.txt"]


FATAL = """
import os, signal, sys
from pathlib import Path
from termwise.sweeps.carry_out import carry_out
from termwise.sweeps.plan import Plan
from termwise.sweeps.sweep_folder import SweepFolder

def train(tables, folder, resume, callbacks):
    if tables["objective"]["beta"] == 4:
        os.kill(os.getpid(), signal.SIGKILL)

plan = Plan(SweepFolder(sys.argv[1]))
while carry_out(plan, train):
    pass
"""


@pytest.mark.parametrize("most", [0, pytest.param(MOST_DEATHS, marks=pytest.mark.slow)])
def test_a_run_that_kills_its_workers_counts_as_failed_and_the_others_finish(tmp_path, monkeypatch, most):
    monkeypatch.setattr("termwise.sweeps.workers.MOST_DEATHS", most)
    plan = planned(tmp_path / "s", grid={"objective.beta": [1, 4, 9]})
    Workers(plan, program(tmp_path, FATAL), 1, 1).run()
    rows = {row.settings["objective.beta"]: row for row in plan.folder.record().runs}
    assert [rows[beta].state for beta in (1, 4, 9)] == ["finished", "failed", "finished"]
    assert rows[4].starts == most + 1 and "SIGKILL" in rows[4].reason and "memory" in rows[4].reason


def test_a_worker_ends_with_who_began_it():
    code = "from termwise.sweeps.workers import end_with_the_parent as e; import time; e(); print(1); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-uc", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n" and process.poll() is None
    process.stdin.close()  # as the system does for a process that is gone
    assert process.wait(timeout=20) == 1
    process.stdout.close()


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(tmp_path, monkeypatch):
    """Two workers, one killed in the middle of a run: as many results, each bit for bit."""
    monkeypatch.setenv(SWITCH, "off")  # else a trial of speed says in each process how sums are rounded
    sweep = {
        "base": BASE,
        "grid": {"objective.beta": [1, 4]},
        "seeds": 3,
        "progress": False,
        "workers": 2,
        "threads": 1,
    }
    tw.sweep(**sweep, out=tmp_path / "alone")
    folder, killed = SweepFolder(tmp_path / "killed"), []

    def kill_one():
        while not killed:
            rows = folder.record().runs if folder.exists else []
            for row in rows:
                run = folder.run(row)
                if sum(one.ended for one in rows) and not row.ended and run.metrics_file.exists():
                    os.kill(int(row.worker.rpartition(":")[2]), signal.SIGKILL)
                    killed.append(Path(row.folder))
                    return
            time.sleep(0.005)

    killer = threading.Thread(target=kill_one)
    killer.start()
    tw.sweep(**sweep, out=folder.path)
    killer.join()
    rows = folder.record().runs
    assert {row.state for row in rows} == {"finished"} and len(rows) == 6
    assert sum(row.starts for row in rows) == 7
    for row in rows:
        assert differences_without_paths(tmp_path / "alone" / row.folder, folder.path / row.folder) == []
