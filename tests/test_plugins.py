"""Another package brings a thing of every kind with one file, and by its entry points alone it is known everywhere."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import termwise

ONE_FILE = Path(__file__).parent / "helpers" / "outside_package.py"
KINDS = {
    "likelihoods": ("LIKELIHOOD", "shifted:0.3"),
    "posteriors": ("POSTERIOR", "wide"),
    "priors": ("PRIOR", "double"),
    "estimators": ("ESTIMATOR", "halved"),
    "recipes": ("RECIPE", "two-rates"),
    "readings": ("READING", "code_length"),
    "sources": ("SOURCE", "ramp"),
}
TRAINING = {
    "data": {"source": "ramp", "n": 40},
    "model": {
        "latent": 2,
        "likelihood": "shifted:0.2",
        "posterior": "wide",
        "posterior_options": {"times": 3.0},
        "prior": "double",
        "options": {"hidden": [4]},
    },
    "objective": {"recipe": "two-rates", "weight": 0.5},
    "training": {"epochs": 1, "batch_size": 8},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package, as an installer leaves it: one module, and what says which rows it brings."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ONE_FILE, folder / "outside_package.py")
    about = folder / "outside_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-package\nVersion: 1.0\n")
    groups = [f"[termwise.{group}]\nrow = outside_package:{row}\n" for group, (row, _) in KINDS.items()]
    (about / "entry_points.txt").write_text("\n".join(groups))
    return folder


WALK = {
    "data": {"source": "ramp"},
    "model": {"latent": 2, "likelihood": "shifted:0.2", "options": {"hidden": [4]}},
    "objective": {"links": [{"from": "posterior", "to": "prior", "estimator": {"name": "halved"}}]},
    "training": {"epochs": 1, "batch_size": 8},
}
ONE_PROCESS = f"""
import io, json, sys
from contextlib import redirect_stdout
from rich.console import Console
import termwise as tw
from termwise.cli import main
from termwise.report.account_table import account_table

found = {{"shown": {{n: getattr(tw, n).shown() for n in tw.__all__ if isinstance(getattr(tw, n), tw.Registry)}}}}

tw.train({TRAINING!r}, out="run", progress=False)
run = tw.load_run("run")
import outside_package
more = run.account.and_also(outside_package.code_length(run.model, run.data.test))
more.save("run/account.json", "run/account.npz")
tw.write_report(tw.load_run("run"))
found["run"] = {{
    "config": run.config.to_json(),
    "terms": run.metrics()[0]["terms"],
    "model": run.model.config(),
    "prior": run.model.prior_law().stddev.tolist(),
    "rate": run.account["rate"].value,
    "code_length": more["code_length"].value,
}}
console = Console(width=120, file=io.StringIO())
console.print(account_table(tw.load_run("run").account.to_json()))
found["table"] = console.file.getvalue()
found["walk"] = tw.train({WALK!r}, out="walk", progress=False).metrics()[0]["weights"]

found["near"] = []
for table, name in ((tw.LIKELIHOODS, "shiftd:0.3"), (tw.POSTERIORS, "wid"), (tw.SOURCES, "rampp")):
    try:
        table.from_spec(name) if table is tw.LIKELIHOODS else table[name]
    except tw.TermwiseError as error:
        found["near"].append(str(error))

found["commands"] = {{}}
for words in ("train --help", "data", "recipes", "report run"):
    sys.argv = ["termwise", *words.split()]
    with redirect_stdout(io.StringIO()) as said:
        try:
            main()
        except SystemExit as end:
            assert not end.code, words
    found["commands"][words] = said.getvalue()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def found(installed, folder):
    """What one process, which imports torch once, finds of the package; a run whose data, network's ends and objective
    are all the package's is read back from its folder."""
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ONE_PROCESS]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_one_file_is_all_that_the_package_has(installed):
    assert sorted(path.name for path in installed.rglob("*.py")) == ["outside_package.py"]


def test_every_registry_has_the_row_and_shows_it_last(found):
    for group, (_, form) in KINDS.items():
        assert found["shown"][group.upper()][-1] == form
    assert all(form not in getattr(termwise, group.upper()).shown() for group, (_, form) in KINDS.items())


def test_it_trains_is_measured_saved_and_read_back(found):
    trained = found["run"]
    model, settings = trained["model"], trained["config"]["model"]
    assert (model["likelihood"], model["posterior"], model["prior"]) == ("shifted:0.2", "wide", "double")
    assert model["posterior_options"] == settings["posterior_options"] == {"times": 3.0}
    assert trained["prior"] == [2.0, 2.0]
    assert "rate_half_kl" in trained["terms"]
    assert trained["code_length"] == pytest.approx(trained["rate"] / math.log(2))


def test_its_estimator_and_its_memory_go_by_name_in_a_walk(found):
    assert found["walk"]["rate_half_kl"] == 1.0


def test_commands_know_it(found):
    options, data, recipes = (found["commands"][words] for words in ("train --help", "data", "recipes"))
    assert all(KINDS[group][1] in options for group in ("likelihoods", "posteriors", "priors"))
    assert "numbers from 0 to 1" in data
    assert "two-rates" in recipes and "Nothing New (Nobody, 2026, eq. 1)." in recipes and "weight=1.0" in recipes


def test_its_reading_has_its_title_unit_and_meaning_wherever_readings_are_shown(found, folder):
    page, table = (folder / "run" / "report.html").read_text(), found["table"]
    assert "code length" in page and "what the code costs, in bits" in page and "bits" in page
    row = next(line for line in table.splitlines() if line.strip().startswith("code length"))
    assert "bits" in row
    order = [name for name in ("distortion", "sigma", "active units", "code length") if name in table]
    assert [table.index(name) for name in order] == sorted(table.index(name) for name in order)


def test_what_is_near_is_said_of_it_too(found):
    for said, form in zip(found["near"], ("shifted:0.3", "wide", "ramp"), strict=True):
        assert f"Did you mean '{form}'" in said
