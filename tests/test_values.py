"""What a user gives: numbers that are none are refused, in every table, configuration and function."""

import inspect
import math
import typing

import numpy as np
import pytest
import torch
from pydantic import BaseModel, TypeAdapter, ValidationError

import termwise as tw
from termwise import values
from termwise.errors import Refused
from termwise.training import Config, config_from
from termwise.values import checked

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("Count", [1, 10**9, np.int64(3)], [0, -1, 10**9 + 1, 1.5, True, NAN, INF, "x", None, np.bool_(True)]),
        ("Natural", [0, 1], [-1, 2**62, True, "a"]),
        ("Samples", [1, 10**6], [0, 10**9, True]),
        ("Seed", [0, 2**32 - 1], [-1, 2**32, False, NAN]),
        ("Finite", [0, -1.5, 1e300, np.float32(2)], [NAN, INF, -INF, True, 10**400, "x", None]),
        ("PositiveFinite", [1e-300, 3], [0, -1, NAN, INF, True]),
        ("NonNegativeFinite", [0, 3], [-1e-9, NAN, INF, False]),
        ("Share", [0, 0.999], [1, -0.1, NAN, True]),
        ("Text", ["a"], ["", " \t", "a\0b", 3, None]),
    ],
)
def test_a_kind_takes_what_it_says_and_nothing_else(kind, good, bad):
    adapter = TypeAdapter(getattr(values, kind))
    for value in good:
        assert adapter.validate_python(value) == value
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def fields(model, path=""):
    """Every field of the configuration that takes a number, by path, with its annotation."""
    for name, entry in model.model_fields.items():
        if isinstance(entry.annotation, type) and issubclass(entry.annotation, BaseModel):
            yield from fields(entry.annotation, f"{path}{name}.")
        elif {int, float} & set(leaves(entry.annotation)):
            yield f"{path}{name}"


def leaves(annotation):
    parts = typing.get_args(annotation)
    return [annotation] if not parts else [leaf for part in parts for leaf in leaves(part)]


ALLOWED = {
    ("learning_rate", 10**20), ("learning_rate", -1), ("weight_decay", 10**20), ("gradient_clip", 10**20),
    ("distortion", 10**20), ("distortion", -1),
}  # fmt: skip
"""Rates and weights may be any finite number here: what is below 0 an optimizer and an objective refuse."""


@pytest.mark.parametrize("path", list(fields(Config)))
@pytest.mark.parametrize("value", [True, NAN, INF, -1, 10**20, "x"])
def test_no_setting_takes_what_is_no_number_for_it(path, value):
    *outer, last = path.split(".")
    tables = {last: [value, value] if last == "betas" else value}
    for name in reversed(outer):
        tables = {name: tables}
    if (last, value) in ALLOWED:
        return
    with pytest.raises(Refused, match=rf"{last}.*; got "):
        config_from(tables)


TABLES = [
    tw.RECIPES, tw.LIKELIHOODS, tw.POSTERIORS, tw.PRIORS, tw.NETWORKS, tw.ESTIMATORS, tw.AGGREGATES,
    tw.REFERENCES, tw.KERNELS,
]  # fmt: skip


def numbers():
    """Every option of every row of a table that takes a number and no flag; positions may be a list of them, too."""
    for table in TABLES:
        for name, row in table.items():
            for option, parameter in row.options.items():
                if (
                    option != "positions"
                    and isinstance(parameter.default, int | float)
                    and not isinstance(parameter.default, bool)
                ):
                    yield table, name, option


@pytest.mark.parametrize(("table", "name", "option"), list(numbers()), ids=lambda one: getattr(one, "what", one))
@pytest.mark.parametrize(
    "value", [NAN, INF, True, "x", *(pytest.param(one, marks=pytest.mark.slow) for one in (-INF, [1]))]
)
def test_no_option_of_a_row_takes_what_is_no_number(table, name, option, value):
    given = list(table[name].options).index(option)
    with pytest.raises(tw.TermwiseError, match=option.rstrip("_")):
        table.build(name, *[2] * min(given, 1 if table.what in ("posterior", "prior") else 0), **{option: value})


def test_a_function_says_all_its_mistakes_at_once_and_converts_nothing():
    @checked
    def weigh(*laws: values.Text, by: values.Finite, often: values.Count = 1, **others: int) -> object:
        return laws, by, often, others

    assert weigh("a", by=2, more="x") == (("a",), 2, 1, {"more": "x"})
    with pytest.raises(Refused) as caught:
        weigh("", by=NAN, often=0)
    said = str(caught.value)
    assert (
        "weigh: " in said and "by = nan cannot be" in said and "often = 0 cannot be" in said and "laws = ('',)" in said
    )
    with pytest.raises(TypeError, match="missing"):
        weigh("a")
    assert list(inspect.signature(weigh).parameters) == ["laws", "by", "often", "others"]


def small():
    return tw.VAE.build((6,), 2, options={"hidden": [8]})


DATA = torch.arange(60.0).view(10, 6) % 2


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: tw.measure(small(), DATA, samples=10**9), "samples = 1000000000"),
        (lambda: tw.measure(small(), DATA, samples=True), "not true or false"),
        (lambda: tw.measure(small(), DATA, seed=-1), "seed = -1"),
        (lambda: tw.measure(small(), DATA, batch_size=0), "batch_size = 0"),
        (lambda: tw.log_likelihood(small(), DATA, tolerance=NAN), "tolerance = nan"),
        (lambda: tw.log_likelihood(small(), DATA, chains=-2), "chains = -2"),
        (lambda: tw.disentanglement(small(), DATA, repeats=INF), "repeats = inf"),
        (lambda: tw.sample_quality(small(), DATA, neighbours=True), "neighbours = True"),
        (lambda: tw.verify.verify(-1), "seed = -1"),
        (lambda: tw.train(data="four-points", epochs=True), "epochs = True"),
        (lambda: tw.train(data=""), "Input should be a text that says something"),
        (lambda: tw.train(data="four-points", prior="normal"), "Unknown prior 'normal'"),
        (lambda: tw.train(data="four-points", recipe="beta-vae", beta=True), "beta = True"),
        (lambda: tw.train(data="four-points", resume=True, overwrite=True), "both resume and overwrite"),
        (lambda: tw.load_data(" "), "Expected a source's name, or a path"),
        (lambda: tw.load_data("~nosuchuser/x.csv"), "home directory"),
        (lambda: tw.VAE.build((6,), 2, options={"hidden": [0]}), r"hidden = \[0\]"),
        (lambda: tw.VAE.build((6,), 2**62), "latent = 4611686018427387904"),
        (lambda: tw.compare(3, 4), r"runs = \(3, 4\) cannot be: .*expected an instance of Account or Run"),
        (lambda: tw.recipe("beta-vae", beta=NAN), "beta = nan cannot be: Input should be a finite number"),
        (lambda: config_from({"objective": {"recipe": "beta-vae", "beta": NAN}}), r"objective\.beta: .*finite"),
        (lambda: config_from({"training": {"gradient_clip": INF}}), r"gradient_clip: .*finite"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(call, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tw.TermwiseError, match=match):
        call()
    assert list(tmp_path.iterdir()) == []
