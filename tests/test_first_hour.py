"""What a newcomer types first, and slips of the hand: an answer, or the line that does it."""

import json
import subprocess
import sys

import pytest

import termwise as tw
from termwise.verify import CHECK_FAMILIES, CHECK_NAMES


@pytest.mark.parametrize("arguments", ["-h", "train -h", "verify -h", "--help"])
def test_short_help_is_help(call, arguments):
    status, out, _ = call(*arguments.split())
    assert status == 0 and out.startswith("Usage: termwise")


def test_the_version_and_completion(call):
    assert call("--version")[:2] == (0, f"termwise {tw.__version__}\n")
    assert "--install-completion" in call("-h")[1]


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "termwise", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"termwise {tw.__version__}\n"


@pytest.mark.parametrize("name", tw.RECIPES)
def test_every_recipe_can_be_looked_into(call, name):
    row = json.loads(call("recipes", name, "--json")[1])
    assert list(row["options"]) == list(tw.RECIPES[name].options) and row["players"]
    words = " ".join(call("recipes", name)[1].split())
    for said in (tw.RECIPES[name].formula, *tw.RECIPES[name].options, *(one["name"] for one in row["players"])):
        assert " ".join(said.split()) in words


def test_a_check_is_run_alone_and_a_misspelt_one_is_refused_before_any_runs(call):
    status, out, _ = call("verify", "kl-one-product", "info-vae-proof-sign", "--json")
    assert (status, [one["name"] for one in json.loads(out)["checks"]]) == (
        0,
        ["info-vae-proof-sign", "kl-one-product"],
    )
    status, out, err = call("verify", "kl-one-prod")
    assert (status, out) == (2, "") and "Did you mean 'kl-one-product'" in err


@pytest.mark.parametrize("family", ["information bound", "Info-VAE", "KL appendix", "equilibrium", "decomposition"])
def test_the_checks_that_can_be_asked_for_are_those_that_there_are(family):
    assert tuple(check.name for check in CHECK_FAMILIES[family](0)) == CHECK_NAMES[family]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("--set beta=4", "Did you mean 'objective.beta', an option of vib, beta-vae"),
        ("--set epochs=4", "Did you mean 'training.epochs'?"),
        ("--set objective.beta=4", "'beta' is an option of vib, beta-vae, beta-tcvae, hfvae, vae-gan: name one"),
        ("--set objective.btea=4", "'btea' is an option of no recipe"),
        ("--device gpu", "The device 'gpu' cannot be used at precision '32-true'. Here are: auto, cpu"),
    ],
)
def test_a_setting_in_the_wrong_place_is_told_the_right_one(call, tmp_path, arguments, match):
    recipe = ["--recipe", "vae"] if "device" in arguments else []
    status, out, err = call("train", "--data", "four-points", *recipe, *arguments.split(), "--out", tmp_path / "run")
    assert (status, out) == (2, "") and match in err
    assert not any(word in err for word in ("Lightning", "Fabric", "accelerator", "Traceback"))


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        (lambda out: tw.train(data="four-points", recpe="vae", out=out), "recipe"),
        (lambda out: tw.train(data="four-points", recipe="vae", epcohs=3, out=out), "epochs"),
        (lambda out: tw.train(data="four-points", recipe="beta-vae", bta=3, out=out), "beta"),
        (lambda out: tw.load_data("digits", vaildation=0.1), "validation"),
        (lambda out: tw.load_run(out, encodr=None), "encoder"),
        (lambda out: tw.recipe("beta-vae", bta=3), "beta"),
    ],
)
def test_a_misspelt_keyword_is_refused_with_the_one_that_is_meant(slip, meant, tmp_path):
    with pytest.raises(tw.TermwiseError, match=f"Did you mean '{meant}'"):
        slip(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_table_with_gaps_is_shown_and_the_line_that_trains_on_it_said(call, tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("size,weight\n" + "".join(f"{n / 7},{'' if n == 3 else n**2 / 3}\n" for n in range(20)))
    status, out, err = call("data", path)
    assert status == 2 and "1 missing" in out and "1 cell was missing" in out
    assert "1 cell is missing (weight 1; the first at line 5" in err and "--set data.missing=mean" in err
    status, out, err = call("data", path, "--json", "--set", "data.missing=drop")
    assert (status, err) == (0, "") and json.loads(out)["examples"] == 19


def test_what_is_told_of_a_recipe_is_a_paragraph_a_line(call):
    status, out, _ = call("recipes", "avb", "--json")
    about = json.loads(out)["about"]
    assert status == 0 and "on four points eight did better" in about and "\n" not in about.split("\n\n")[0]


def test_a_folder_of_runs_names_them(call, tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "config.toml").touch()
    for asked, said in ((tmp_path, f"Within are {tmp_path / 'first'}."), (tmp_path / "none", "train --out DIR")):
        status, _, err = call("report", asked)
        assert status == 2 and "is no run folder" in err and said in err
