"""What is shown at a prompt is a screen at the most, and in a notebook no text from outside is markup."""

import pytest
import torch

import termwise as tw
from helpers.html import Tags
from termwise.data.columns import Column

SCREEN = 24 * 80


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook") / "run"
    return tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)


def table(columns):
    data = tw.load_data(torch.rand(20, columns))
    names = tuple(Column(f"<b>column {k}</b>") for k in range(columns))
    return tw.Dataset("<i>name</i>", data.examples, columns=names, notes=("<script>",))


SHOWN = {
    "run": lambda run: run,
    "account": lambda run: run.account,
    "reading": lambda run: run.account["elbo"],
    "comparison": lambda run: tw.compare(run, run),
    "configuration": lambda run: run.config,
    "folder": lambda run: run.folder,
    "dataset": lambda run: run.data,
    "table": lambda run: table(4000),
    "batch": lambda run: next(tw.load_data("digits").batches(500)),
    "annotations": lambda run: tw.load_data("digits").annotations,
    "model": lambda run: tw.VAE.build((3, 64, 64), network="conv"),
    "own model": lambda run: tw.VAE(
        torch.nn.Sequential(*[torch.nn.Linear(6, 6) for _ in range(300)], torch.nn.Linear(6, 4)),
        torch.nn.Linear(2, 6), shape=(6,), latent=2,
    ),
    "world": lambda run: tw.worlds.LinearGaussian.random(seed=0, latent=60, dimension=90),
    "recipes": lambda run: tw.RECIPES,
    "readings": lambda run: tw.READINGS,
    "recipe": lambda run: tw.recipe("avb-ac"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_each_object_is_shown_in_a_screen_at_the_most(run, name):
    shown = repr(SHOWN[name](run))
    assert len(shown) <= SCREEN and shown.count("\n") < 24


@pytest.mark.parametrize("name", ["run", "account", "reading", "comparison", "dataset", "table"])
def test_a_notebook_has_tables_of_text(run, name):
    tags = Tags(SHOWN[name](run)._repr_html_())
    assert "table" in tags.names and set(tags.names) <= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


def test_a_table_names_its_first_columns_and_counts_the_others():
    text = " ".join(Tags(table(4000)._repr_html_()).text)
    assert "<b>column 0</b> (number)" in text and "and 3988 more" in text and "<script>" in text


def test_a_run_says_what_it_is(run):
    assert repr(run).startswith("Run(") and ": vae on four-points, 1 epoch; ELBO -" in repr(run)
    assert repr(SHOWN["model"](run)).startswith("VAE(x (3, 64, 64), z (10,): conv; posterior diagonal-normal, ")
