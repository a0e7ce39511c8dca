"""The commands: one JSON object or a table on standard output, one clear line on standard error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import termwise as tw
from termwise.models.likelihoods.table import LIKELIHOODS
from termwise.models.networks.table import NETWORKS
from termwise.models.posteriors.table import POSTERIORS
from termwise.models.priors.table import PRIORS
from termwise.training.checkpoint import TrainerState

COMMANDS = ("train", "sweep", "measure", "compare", "frontier", "report", "generate", "traverse", "interpolate",
            "aggregates", "attributes", "impute", "quality", "tokenizer", "recipes", "data", "verify")  # fmt: skip
SMALL = ["--epochs", "1", "--latent", "2", "--set", "model.options.hidden=[8]"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("cli")
    config = {"model": {"options": {"hidden": [8]}, "latent": 2}, "training": {"epochs": 1}}
    for recipe in ("vae", "beta-tcvae"):
        tw.train(config, data="digits", recipe=recipe, out=root / recipe, progress=False)
    return [root / "vae", root / "beta-tcvae"]


def in_a_process(*arguments, **options) -> subprocess.CompletedProcess:
    program = [sys.executable, "-m", "termwise", *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, timeout=120, **options)


def test_help_comes_without_torch_and_so_at_once():
    listed = (done := in_a_process("--help")).stdout.partition("Commands:")[2].splitlines()
    assert done.returncode == 0 and tuple(line.split()[0] for line in listed if line.strip()) == COMMANDS


HELP = """
import io, json, sys, time
from contextlib import redirect_stdout, suppress
from termwise.cli import main

begun, found = 0.0, []
for command in sys.argv[1:]:
    sys.argv = ["termwise", *command.split(), "--help"]
    with redirect_stdout(io.StringIO()) as said, suppress(SystemExit):
        main()
    found.append([time.process_time() - begun, [*{"torch", "numpy"} & {*sys.modules}], said.getvalue()])
    begun = time.process_time()
print(json.dumps(found))
"""


def test_help_imports_nothing_heavy_and_is_quick():
    done = subprocess.run([sys.executable, "-c", HELP, "", *COMMANDS], capture_output=True, text=True, timeout=60)
    for command, (seconds, heavy, said) in zip(("", *COMMANDS), json.loads(done.stdout), strict=True):
        assert heavy == [], command
        assert seconds < 1.0  # of the processor, on a slow machine; typer, at the first, takes a quarter of it
        assert f"Usage: termwise {command}".rstrip() in said


def test_the_help_of_train_lists_the_rows_of_the_tables(call):
    _, out, _ = call("train", "--help")
    words = "".join(out.split())  # lines break at hyphens too
    for table in (NETWORKS, LIKELIHOODS, POSTERIORS, PRIORS):
        assert ",".join(table.shown()) in words


def test_a_prior_is_chosen_by_name_and_an_unknown_one_refused(call, tmp_path):
    few = ["--data", "four-points", "--recipe", "vae", *SMALL]
    assert call("train", *few, "--prior", "standard-normal", "--out", tmp_path / "run")[0] == 0
    assert tw.load_run(tmp_path / "run").config.model.prior == "standard-normal"
    status, _, err = call("train", *few, "--prior", "standard-norml", "--out", tmp_path / "other")
    assert status == 2 and "Did you mean 'standard-normal'" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(call, command):
    status, out, err = call(command, "--help")
    assert (status, err) == (0, "")
    assert "Usage: termwise" in out


def test_json_is_one_object_and_nothing_else(call, runs, tmp_path):
    for command, key in (
        (["measure", runs[0]], "readings"),
        (["measure", runs[0], "--latents", tmp_path / "z.npz"], "readings"),
        (["measure", runs[0], "--log-likelihood", "iwae", "--limit", "9", "--disentanglement"], "readings"),
        (["compare", *runs], "comparison"),
        (["recipes"], "recipes"),
        (["data"], "sources"),
        (["data", "digits"], "examples"),
    ):
        status, out, err = call(*command, "--json")
        assert (status, err) == (0, "")
        assert key in json.loads(out)


def test_measured_json_is_the_account_that_the_api_gives(call, runs):
    _, out, _ = call("measure", runs[1], "--json", "--samples", "2", "--seed", "4", "--split", "train")
    assert json.loads(out) == tw.measure(runs[1], samples=2, seed=4, split="train").to_json()
    entry = json.loads(out)["readings"]["total_correlation"]
    assert set(entry) == {
        "value", "stderr", "interval", "lower", "upper", "unit", "estimator", "bias", "n",
    }  # fmt: skip


def test_groups_are_measured_where_they_are_named(call, runs):
    _, out, _ = call("measure", runs[1], "--json", "--groups", "1")
    account = json.loads(out)
    of = {name: reading["value"] for name, reading in account["readings"].items()}
    assert of["group_correlation"] == pytest.approx(of["total_correlation"], abs=1e-4)
    assert account["data"]["groups"][0] == [0]


def test_without_json_there_are_tables(call, runs):
    for command, words in (
        (["measure", runs[0]], ["distortion", "nats", "Diagnosis"]),
        (["compare", *runs], ["vae", "beta-tcvae", "distortion"]),
        (["recipes"], ["beta-tcvae", "Chen et al., 2018"]),
        (["data"], ["digits", "sprites"]),
        (["data", "digits"], ["1,797", "(1, 8, 8)", "10 labels"]),
    ):
        status, out, err = call(*command)
        assert (status, err) == (0, "")
        missing = [word for word in words if word not in out.replace("[1, 8, 8]", "(1, 8, 8)")]
        assert missing == []
        assert not out.startswith("{")


def test_latents_are_written_beside_the_table(call, runs, tmp_path):
    status, out, _ = call("measure", runs[0], "--latents", tmp_path / "z.csv")
    assert status == 0
    assert f"The codes are in {tmp_path / 'z.csv'}" in out.replace("\n", "")
    assert len((tmp_path / "z.csv").read_text().splitlines()) == 1 + 359


def test_a_report_is_written_again(call, runs):
    file = runs[0] / "report.html"
    held = file.read_bytes()
    file.write_text("torn")
    status, out, _ = call("report", runs[0])
    assert (status, out.strip()) == (0, str(file))
    assert file.read_bytes() == held


WALK = """
[data]
source = "digits"

[model]
latent = 2

[model.options]
hidden = [8]

[objective]
[[objective.links]]
from = "posterior"
to = "aggregate"
weight = 0.5
estimator = { name = "monte-carlo", aggregate = "bank" }
[[objective.links]]
from = "aggregate"
to = "prior"
weight = { schedule = "linear", start = 0.0, end = 10.0, steps = 20 }
shape = { name = "gap", target = 2.0 }
estimator = { name = "kernel", kernel = "imq" }

[training]
epochs = 4
"""


@pytest.mark.filterwarnings("always::termwise.training.run_length.RunTooShort")
def test_a_walk_in_toml_is_trained_and_the_other_options_have_the_say(call, tmp_path):
    (tmp_path / "walk.toml").write_text(WALK)
    status, out, err = call(
        "train", "--config", tmp_path / "walk.toml", "--out", tmp_path / "run", "--epochs", 1,
        "--set", "training.batch_size=256",
    )  # fmt: skip
    assert status == 0
    assert "over 20 steps, and this run has 5" in err
    assert "report.html" in out
    run = tw.load_run(tmp_path / "run")
    train = run.metrics()[0]
    assert train["weights"] == {"distortion": 1.0, "index_code_mi": 0.5, "marginal_mmd2": 10.0 * 5 / 20}
    assert (run.config.training.epochs, run.config.training.batch_size, run.config.model.latent) == (1, 256, 2)


def test_a_recipe_takes_the_place_of_the_files_and_settings_are_of_the_recipe(call, tmp_path):
    """An option given by --set belongs to the recipe given by --recipe, whatever the file's objective was."""
    (tmp_path / "walk.toml").write_text(WALK)
    common = ["train", "--config", tmp_path / "walk.toml", "--epochs", 1, "--recipe", "beta-vae"]
    status, _, err = call(*common, "--set", "objective.beta=9", "--out", tmp_path / "run")
    assert status == 0, err
    assert tw.load_run(tmp_path / "run").metrics()[0]["weights"] == {"distortion": 1.0, "rate": 9.0}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("train", "No data"),
        ("train --data nonesuch", "Unknown data source 'nonesuch'"),
        ("train --data digits --recipe beta-tcva", "Did you mean 'beta-tcvae'"),
        ("train --data digits --recipe beta-vae --set objective.beta=abc", "beta"),
        ("train --data digits --recipe beta-vae --set objective.gamma=1", "Unknown option of recipe"),
        ("train --data digits --recipe vae --set objective=6", "objective: "),
        ("train --data digits --recipe vae --set model.options.hidden=[-3]", "mlp"),
        ("train --data digits --recipe vae --device cuda:x", "device 'cuda:x' cannot be used"),
        ("train --data digits --recipe vae --seed -1", "training.seed"),
        ("train --data digits --recipe vae --latent 0", "model.latent: Input should be greater than 0"),
        ("train --data digits --recipe vae --set training.epoch=3", "Did you mean 'training.epochs'"),
        ("train --data digits --recipe vae --set training.optimizer.learning_rate=-1", "learning rate"),
        ("train --data digits --recipe vae --set training.patience=2", "data.validation"),
        ("train --data digits --recipe vae --config .", "no TOML that can be read: it is not a file"),
        ("train --data digits --recipe vae --config none.toml", "no configuration at none.toml"),
        ("train --data digits --recipe vae --out file", "file: Not a directory"),
        ("train --resume --out none", "no run folder"),
        ("train --data digits --out RUN", "holds a run already"),
        ("train --resume --out RUN --latent 7", "another configuration"),
        ("measure none", "no run folder"),
        ("measure RUN --split nonesuch", "Unknown split"),
        ("measure RUN --data four-points", "examples of shape"),
        ("measure RUN --device warp", "device 'warp'"),
        ("measure RUN --latents z.txt", ".npz, .csv or .parquet"),
        ("measure RUN --latents none/z.csv", "There is no folder none: make it, mkdir -p none"),
        ("measure RUN --seed 99999999999999999999", "seed = 99999999999999999999 cannot be"),
        ("measure RUN --groups [0,1", "lists of dimensions, such as"),
        ("measure RUN --groups [[0,0]]", "every dimension of a code once"),
        ("compare RUN", "two accounts or more"),
        ("compare RUN none", "no run folder"),
        ("report none", "no run folder"),
        ("data nonesuch", "Unknown data source"),
        ("train --epochs many", "'--epochs'"),
        ("nonesuch", "No such command 'nonesuch'"),
    ],
)
def test_a_mistake_is_one_message_and_status_two(call, runs, tmp_path, monkeypatch, arguments, match):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    status, out, err = call(*(str(runs[0]) if word == "RUN" else word for word in arguments.split()))
    assert (status, out) == (2, "")
    assert match in err
    assert "Traceback" not in err


def test_a_training_that_diverges_ends_with_one_line_and_a_checkpoint(call, tmp_path):
    status, out, err = call(
        "train", "--data", "four-points", "--recipe", "vae", *SMALL, "--out", tmp_path / "run", "--epochs", 9,
        "--set", "training.optimizer.learning_rate=1e30",
    )  # fmt: skip
    assert (status, out) == (2, "")
    (line,) = [line for line in err.splitlines()[3:] if not line.startswith("epoch")]
    assert line.startswith("termwise: ")
    assert "finite" in line
    assert str(tmp_path / "run" / "checkpoints" / "last.pt") in line
    state = TrainerState.load(tmp_path / "run" / "checkpoints" / "last.pt")
    assert all(weight.isfinite().all() for weight in state.model.values())


def test_an_interrupted_training_says_how_to_go_on(call, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("termwise.training.loop.Trainer.run", interrupt)
    status, out, err = call("train", "--data", "four-points", "--recipe", "vae", *SMALL, "--out", tmp_path / "run")
    assert (status, out) == (130, "")
    assert "termwise: stopped." in err
    assert "--resume" in err
    monkeypatch.undo()
    assert tw.train(out=tmp_path / "run", resume=True, progress=False).account["elbo"].n == 4


def test_evaluations_are_one_line_each_where_nobody_looks_on(call, tmp_path):
    status, _, err = call(
        "train", "--data", "four-points", "--recipe", "beta-tcvae", *SMALL, "--out", tmp_path / "run", "--epochs", 2
    )
    assert status == 0
    lines = err.splitlines()[3:]  # the first three say what the data are taken for
    assert [line.split("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all("elbo" in line and len(line) > 80 for line in lines)


@pytest.mark.parametrize("command", ["--help", pytest.param("recipes --json", marks=pytest.mark.slow)])
def test_a_reader_who_leaves_early_is_no_error(command):
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, "-m", "termwise", *command.split()]
    done = subprocess.run(program, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(write)
    assert "Traceback" not in done.stderr


THEIRS = """
import torch
import termwise as tw

encoder, decoder = torch.nn.Linear(64, 4), torch.nn.Linear(2, 64)

def model():
    print("loading")
    return tw.adapt(
        lambda x: encoder(x.flatten(1)).chunk(2, dim=1),
        lambda z: decoder(z).view(-1, 1, 8, 8),
        likelihood="normal:0.3",
    )

def bare():
    return lambda x: encoder(x.flatten(1)).chunk(2, dim=1)

def broken():
    raise KeyError("weights")

def nothing():
    pass

def wrong():
    return lambda x: x

def needy(path):
    pass
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A module of the user's, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.py").write_text(THEIRS)
    (tmp_path / "torn.py").write_text("def model(:")
    yield
    for name in ("theirs", "torn"):
        sys.modules.pop(name, None)


def test_a_model_that_a_function_returns_is_measured(call, theirs):
    status, out, err = call("measure", "theirs:model", "--data", "digits", "--samples", 3, "--seed", 4, "--json")
    assert (status, err) == (0, "loading\n")
    model = sys.modules["theirs"].model()
    assert json.loads(out) == tw.measure(model, tw.load_data("digits"), samples=3, seed=4).to_json()
    status, out, _ = call("measure", "theirs:bare", "--data", "digits", "--split", "train")
    assert status == 0
    assert "rate" in out
    assert "distortion" not in out


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("theirs:model", "Nothing to measure on"),
        ("theirs:nonesuch --data digits", "Expected a function 'nonesuch' in a module 'theirs'"),
        ("nonesuch:model --data digits", "Expected a function 'model' in a module 'nonesuch'"),
        ("torn:model --data digits", "torn:model must return a model when it is called alone: SyntaxError"),
        ("theirs:broken --data digits", "KeyError: 'weights'"),
        ("theirs:needy --data digits", "missing 1 required positional argument"),
        ("theirs:nothing --data digits", "got a NoneType"),
        ("theirs:wrong --data digits", "must give (mean, log_var)"),
        ("theirs:model --data four-points", "encode() failed on a batch of shape"),
        ("theirs:model --data digits --device warp", "device 'warp'"),
        ("theirs:model --data digits --latents z.csv", "no run folder"),
        ("runs/none:1/2", "no run folder"),
    ],
)
def test_a_function_that_does_not_do_is_one_message_and_status_two(call, theirs, arguments, match):
    status, out, err = call("measure", *arguments.split())
    assert (status, out) == (2, "")
    assert match in err
    assert "Traceback" not in err


def test_a_run_folder_with_a_colon_in_its_name_is_a_run_folder(call, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").symlink_to(runs[0])
    assert call("measure", "a:b", "--json")[0] == 0


def test_log_likelihood_and_disentanglement_are_added_to_the_account_and_keep_its_own_elbo(call, runs):
    _, out, _ = call("measure", runs[0], "--json")
    _, more, _ = call("measure", runs[0], "--log-likelihood", "iwae", "--limit", "9", "--disentanglement", "--json")
    plain, whole = json.loads(out)["readings"], json.loads(more)["readings"]
    assert {"log_likelihood", "inference_gap", "mig", "gaussian_tc_of_means"} <= set(whole) - set(plain)
    assert whole["elbo"] == plain["elbo"] and whole["log_likelihood"]["n"] == 9


def test_a_limit_without_a_log_likelihood_is_refused(call, runs):
    status, _, err = call("measure", runs[0], "--limit", "9")
    assert status == 2 and "--log-likelihood" in err


def test_a_critic_s_bounds_are_added_and_its_steps_are_its_own(call, runs):
    status, out, _ = call("measure", runs[0], "--critic", "--critic-steps", "2", "--json")
    assert status == 0
    assert json.loads(out) == tw.measure(runs[0], critic=True, critic_steps=2).to_json()
    status, _, err = call("measure", runs[0], "--critic-steps", "2")
    assert status == 2 and "--critic, too" in err
