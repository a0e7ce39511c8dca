import json
from dataclasses import replace

import pytest

from termwise.verify import Scatter

POINTS = Scatter((0.0, 1.0), (0.1, 0.9), "log ratio, nats", "the critic's T, nats")


@pytest.fixture
def call_verify(call, monkeypatch, checks):
    """Run the command on checks that were run already: its status, standard output and standard error."""

    def run(*arguments, spoiled=(), drawn=()):
        outcomes = [replace(one, residual=1e3) if one.name in spoiled else one for one in checks.values()]
        outcomes = [replace(one, scatter=POINTS) if one.name in drawn else one for one in outcomes]
        monkeypatch.setattr("termwise.verify.verify", lambda seed, progress, names: outcomes)
        return call("verify", *arguments)

    return run


def test_the_table_names_every_check_with_both_sides_and_ends_well(call_verify, checks):
    status, out, err = call_verify()
    assert (status, err) == (0, "")
    for one in checks.values():
        assert (
            one.name in out and f"{one.left:.5f}".replace("-0.00000", "0.00000") in out and f"{one.residual:.1e}" in out
        )
    assert f"All {len(checks)} checks hold." in out and "✗" not in out and "-0.00000" not in out


def test_one_that_fails_is_named_and_makes_the_status_1(call_verify, checks):
    status, out, _ = call_verify(spoiled=["info-vae"])
    assert status == 1
    assert f"1 of {len(checks)} checks fail: info-vae" in " ".join(out.split())
    assert out.count("✗") == 1


@pytest.mark.parametrize("spoiled", [(), ("evidence", "noise-basis-variance")])
def test_json_is_one_object_and_nothing_else(call_verify, checks, spoiled):
    status, out, _ = call_verify("--json", "--seed", "0", spoiled=spoiled)
    found = json.loads(out)
    assert status == (1 if spoiled else 0)
    assert found["seed"] == 0 and found["passed"] is not bool(spoiled)
    assert [row["name"] for row in found["checks"]] == list(checks)
    assert [row["name"] for row in found["checks"] if not row["passed"]] == list(spoiled)
    keys = {
        "name",
        "equation",
        "statement",
        "left",
        "right",
        "residual",
        "allowed",
        "note",
        "as_printed",
        "passed",
        "sampled",
        "own_terms",
    }
    assert all(row.keys() == keys for row in found["checks"])


def test_figures_are_drawn_for_the_checks_that_have_points_and_json_stays_alone(call_verify, checks, tmp_path):
    folder, drawn = tmp_path / "new" / "figures", ("evidence", "info-vae")
    status, out, err = call_verify("--figures", str(folder), "--json", drawn=drawn)
    with_points = {*drawn, *(one.name for one in checks.values() if one.scatter is not None)}
    assert status == 0 and json.loads(out)["passed"] and str(tmp_path) in err
    assert {path.name for path in folder.iterdir()} == {f"{name}.svg" for name in with_points}
    if "trained-critic-implicit-correlation" in checks:
        assert {"trained-critic-implicit-correlation", "equilibrium-trained-critic"} <= with_points


def test_a_folder_for_figures_that_is_a_file_is_said_before_anything_is_run(call_verify, tmp_path):
    (tmp_path / "taken").write_text("")
    status, out, err = call_verify("--figures", str(tmp_path / "taken"))
    assert status == 2 and out == "" and "taken" in err and "Traceback" not in err
