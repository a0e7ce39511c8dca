"""The configuration: what is written is what is read, and every mistake is said."""

import inspect
import tomllib

import pytest

import termwise as tw
from termwise.errors import BadData, Refused
from termwise.objectives import Linear, WarmUp
from termwise.training import config_from, merged, read_config, with_setting
from termwise.training.config import PARTS, with_recipe

WALK = {
    "distortion": 1.0,
    "links": [
        {"from": "posterior", "to": "aggregate", "estimator": {"name": "monte-carlo", "aggregate": "bank"}},
        {
            "from": "aggregate",
            "to": "prior",
            "weight": {"schedule": "linear", "start": 0.0, "end": 10.0, "steps": 2000},
            "shape": {"name": "gap", "target": 2.0},
            "estimator": {"name": "kernel", "kernel": "imq", "scales": [1.0, 2.0]},
        },
    ],
}
CONFIGURATIONS = {
    "nothing": {},
    "a walk": {"objective": WALK},
    "schedules": {
        "objective": {"recipe": "beta-vae", "beta": WarmUp(steps=5)},
        "training": {"optimizer": {"learning_rate": Linear(start=1e-3, end=0.0, steps=7)}},
    },
    "everything else": {
        "data": {"source": "sprites", "validation": 0.1, "size": 500},
        "model": {"latent": 3, "options": {"hidden": (32, 16)}},
        "objective": {"recipe": "beta-tcvae", "aggregate": {"name": "bank", "size": 64}},
        "training": {"average": {"decay": 0.9}, "patience": 3, "gradient_clip": 1.5, "precision": "64-true"},
    },
    "an objective made in Python": {"objective": {}},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_reads_back_what_it_writes(name):
    config = config_from(CONFIGURATIONS[name])
    assert config_from(tomllib.loads(config.toml())) == config


@pytest.mark.parametrize(
    ("table", "part", "rows", "options", "name"), [(*row, name) for row in PARTS for name in row[2]]
)
def test_every_default_that_a_file_can_hold_is_written_out(table, part, rows, options, name):
    written = tomllib.loads(config_from({table: {part: name}}).toml())[table]
    found = written if options is None else written[options]
    signature = inspect.signature(rows[name].maker).parameters.items()
    for option, default in ((option.rstrip("_"), parameter.default) for option, parameter in signature):
        if isinstance(default, bool | int | float | str):
            assert found[option] == default
        elif isinstance(default, tuple):
            assert found[option] == list(default)
    assert config_from({table: written}).toml() == config_from({table: {part: name}}).toml()


def test_what_is_said_takes_the_place_of_a_default_and_a_network_of_ones_own_has_none():
    said = {"network": "conv", "posterior": "noise-input+normal", "posterior_options": {"sigma": 0.1, "noise": 4}}
    model = config_from({"model": {**said, "options": {"channels": 8}}}).model
    assert model.options == {"channels": 8, "hidden": 256}
    assert model.posterior_options == {
        "noise": 4, "hidden": [128, 128], "inject": True, "start": 0.1, "sigma": 0.1, "least_sigma": 0.01
    }  # fmt: skip
    assert config_from({"model": {"network": "mine:bodies", "options": {"wide": 3}}}).model.options == {"wide": 3}


def test_lambda_has_one_name_however_it_is_given():
    one, other = (config_from({"objective": {"recipe": "wae-mmd", name: 3.0}}) for name in ("lambda", "lambda_"))
    assert one == other and one.objective.options == {"lambda": 3.0}


@pytest.mark.parametrize(
    ("run", "setting", "left"),
    [
        ({"model": {"network": "mlp"}}, "model.network=conv", {"channels": 32, "hidden": 256}),
        ({"model": {"network": "mlp", "options": {"hidden": [8]}}}, "model.network=mlp", {"hidden": [8]}),
        ({"objective": {"recipe": "info-vae"}}, "objective.recipe=wae-mmd", {"recipe": "wae-mmd", "lambda": 100.0}),
    ],
)
def test_a_runs_file_is_a_start_for_another_part_or_recipe(run, setting, left):
    changed = config_from(with_setting(config_from(run).tables(), setting)).tables()
    assert (changed["model"]["options"] if "model" in run else changed["objective"]) == left


def test_a_walk_keeps_its_numbers_through_toml():
    again = config_from(tomllib.loads(config_from({"objective": WALK}).toml())).objective.links[1]
    assert (again.left, again.right, again.weight(1000), again.shape.target) == ("aggregate", "prior", 5.0, 2.0)
    assert list(again.estimator.scales) == [1.0, 2.0]


def test_every_mistake_is_said_at_once_with_its_path_and_near_names():
    wrong = {"training": {"epochs": "many", "gradient_clip": -1, "epoch": 3}, "model": {"latnt": 2}, "dta": {}}
    with pytest.raises(Refused) as caught:
        config_from(wrong)
    said = str(caught.value)
    assert "training.epochs: Input should be a valid integer" in said
    assert "got 'many'" in said
    assert "training.gradient_clip: Input should be greater than 0; got -1." in said
    assert "Unknown key 'training.epoch'. Did you mean 'training.epochs'" in said
    assert "Unknown key 'model.latnt'. Did you mean 'model.latent'" in said
    assert "Unknown key 'dta'" in said
    assert len(said.splitlines()) == 6


def test_a_mistake_in_a_link_is_said_with_its_path():
    with pytest.raises(Refused, match=r"objective\.links\.0\.weight.*end.*Field required"):
        config_from({"objective": {"links": [WALK["links"][0] | {"weight": {"schedule": "linear", "steps": 3}}]}})


def test_every_mistake_of_every_estimator_is_said_at_once_with_its_path():
    wrong = [
        {"name": "monte-carlo", "aggregate": {"name": "full", "size": 3}},
        {"name": "density-ratio", "moves": 0, "hidden": [8, -1]},
        {"name": "kernal"},
    ]
    links = [{"from": "posterior", "to": "aggregate", "estimator": estimator} for estimator in wrong]
    with pytest.raises(Refused) as caught:
        config_from({"objective": {"links": links}})
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [f"objective.links.{i}.estimator" for i in range(3)]
    assert "'size' is one of 'bank'" in lines[0]
    assert "moves = 0 cannot be" in lines[1] and "hidden = [8, -1] cannot be" in lines[1]
    assert "Did you mean 'kernel'" in lines[2]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_reach_is_refused(seed):
    with pytest.raises(Refused, match=r"training\.seed"):
        config_from({"training": {"seed": seed}})


def test_what_toml_cannot_hold_is_refused():
    with pytest.raises(Refused, match="passed as `objective`"):
        config_from({"objective": {"recipe": "beta-tcvae", "aggregate": tw.terms.Bank(64)}})


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("objective.beta=6", ("objective", "beta"), 6),
        ("objective.beta = 0.5", ("objective", "beta"), 0.5),
        ("data.source=digits", ("data", "source"), "digits"),
        ('data.source="digits"', ("data", "source"), "digits"),
        ("data.source=a=b.npy", ("data", "source"), "a=b.npy"),
        ("training.audit=false", ("training", "audit"), False),
        ("model.options.hidden=[32, 16]", ("model", "options", "hidden"), [32, 16]),
        ('objective.beta={schedule="warm-up", steps=5}', ("objective", "beta"), {"schedule": "warm-up", "steps": 5}),
        ("model.network=", ("model", "network"), ""),
    ],
)
def test_a_setting_is_read_as_toml_and_else_as_text(setting, path, value):
    found = with_setting({"objective": {"recipe": "vae"}, "model": {"options": {"more": 1}}}, setting)
    assert found["objective"]["recipe"] == "vae"
    assert found["model"]["options"]["more"] == 1
    for name in path:
        found = found[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("setting", ["objective.beta", "=3", " = 3"])
def test_a_setting_without_a_path_or_a_value_is_refused(setting):
    with pytest.raises(Refused, match=r"path=value, such as objective\.beta=6"):
        with_setting({}, setting)


def test_the_upper_table_has_the_say_and_changes_neither():
    below, above = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "d": {"e": 5}}
    assert merged(below, above) == {"a": {"b": 4, "c": 2}, "d": {"e": 5}}
    assert below == {"a": {"b": 1, "c": 2}, "d": 3}


def test_another_recipe_takes_the_place_of_the_objective_and_the_same_one_keeps_its_options():
    tables = {"objective": {"recipe": "beta-vae", "beta": 2.0}, "model": {"latent": 3}}
    assert with_recipe(tables, "beta-vae") == tables
    assert with_recipe(tables, "vae") == {"objective": {"recipe": "vae"}, "model": {"latent": 3}}
    assert with_recipe({"objective": WALK}, "vae") == {"objective": {"recipe": "vae"}}
    assert with_recipe({}, "vae") == {"objective": {"recipe": "vae"}}


def test_files_that_are_no_toml_are_refused(tmp_path):
    (tmp_path / "bad.toml").write_text("a = [1,")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 3000)
    (tmp_path / "long.toml").write_text("a = " + "9" * 5000)
    for name in ("bad.toml", "binary.toml", "deep.toml", "long.toml", ""):
        with pytest.raises(BadData, match=r"no TOML that can be read: .*\. Mend it, or name another\."):
            read_config(tmp_path / name)
    with pytest.raises(Refused, match="no configuration at"):
        read_config(tmp_path / "none.toml")
