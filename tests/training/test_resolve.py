"""One configuration of all that is said: who has the say, what is refused, and what a run to resume allows."""

import re

import pytest

import termwise as tw
from helpers.short_runs import examples, small
from termwise.errors import Refused
from termwise.training import Config, RunFolder, config_from, resolve

FILE = {
    "data": {"source": "digits"},
    "model": {"latent": 3, "options": {"hidden": [8]}},
    "objective": {"recipe": "beta-vae", "beta": 2.0},
    "training": {"epochs": 4, "optimizer": {"learning_rate": 0.01}},
}


def begun(path, tables=FILE) -> RunFolder:
    folder = RunFolder(path)
    folder.create(config_from(tables))
    return folder


def test_what_nobody_says_is_the_default():
    assert resolve() == Config()


def test_keywords_have_the_say_and_none_says_nothing():
    keywords = {"model": {"latent": 5, "network": None}, "training": {"seed": 7, "optimizer": {"learning_rate": None}}}
    config = resolve(FILE, keywords)
    assert (config.model.latent, config.model.options, config.training.seed) == (5, {"hidden": [8]}, 7)
    assert config.training.optimizer == config_from(FILE).training.optimizer
    assert resolve(config_from(FILE), keywords) == config


def test_a_recipe_by_keyword_takes_the_place_of_the_objective_and_options_alone_join_it():
    assert resolve(FILE, {"objective": {"recipe": "vae"}}).objective.options == {}
    assert resolve(FILE, {"objective": {"recipe": "beta-vae"}}).objective.options == {"beta": 4.0}
    assert resolve(FILE, {"objective": {"beta": 3.0}}).objective.options == {"beta": 3.0}


def test_a_mistake_that_a_keyword_hides_is_said():
    with pytest.raises(Refused, match=r"model\.latent"):
        resolve({"model": {"latent": -1}}, {"model": {"latent": 2}})


def test_what_was_made_in_python_describes_itself():
    model = small(posterior="full-normal", likelihood="normal:0.1")
    config = resolve(FILE, objective=tw.objectives.distortion(), model=model)
    assert config.objective.recipe is None and config.objective.options == {}
    assert (config.model.network, config.model.latent, config.model.options) == ("mlp", 2, {"hidden": [8]})
    assert (config.model.posterior, config.model.likelihood) == ("full-normal", "normal:0.1")
    for goal in ({"recipe": "vae"}, {"beta": 2.0}):
        with pytest.raises(Refused, match="pass one or the other"):
            resolve(keywords={"objective": goal}, objective=tw.objectives.distortion())


def test_data_made_in_python_tells_where_it_came_from_if_it_knows():
    digits = tw.load_data("digits", validation=0.1)
    assert resolve(data=digits).data.arguments() == {"source": "digits", "validation": 0.1, "seed": 0}
    assert resolve(data=examples()).data.source is None


def test_a_run_that_is_resumed_says_what_is_not_said_and_may_grow_longer_alone(tmp_path):
    folder = begun(tmp_path / "run")
    assert resolve(resumed=folder) == config_from(FILE)
    assert resolve(FILE, resumed=folder) == config_from(FILE)
    longer = resolve({}, {"training": {"epochs": 9}}, resumed=folder)
    assert longer.training.epochs == 9
    assert longer.model == config_from(FILE).model
    for other in ({"model": {"latent": 2}}, {"training": {"epochs": 2}}, {"objective": {"beta": 3.0}}):
        with pytest.raises(Refused, match="begun with another configuration"):
            resolve(keywords=other, resumed=folder)


def test_a_run_of_an_objective_made_in_python_is_resumed_with_one(tmp_path):
    objective = tw.objectives.distortion()
    folder = begun(tmp_path / "run", {"objective": {}})
    with pytest.raises(Refused, match=r"Pass it again: train\(\.\.\., objective=\.\.\.\)"):
        resolve(resumed=folder)
    assert resolve(objective=objective, resumed=folder) == folder.config()


def test_another_network_by_keyword_has_its_own_defaults_and_what_was_said_stays():
    run = config_from({"model": {"network": "conv-bn", "posterior": "noise-input", "options": {"hidden": 64}}})
    other = resolve(run.tables(), {"model": {"network": "conv", "posterior": "diagonal-normal"}}).model
    assert other.options == {"hidden": 64, "channels": 32} and other.posterior_options == {}
    assert resolve(run, {"model": {"network": "conv-bn", "latent": 3}}).model.options == run.model.options


def test_a_run_whose_file_lacks_the_defaults_is_resumed_with_them(tmp_path):
    folder = begun(tmp_path / "run", {"data": {"source": "digits"}})
    lacking = re.sub(r"\[model\.(\w+)\]\n(hidden = \[[^]]*\]\n)?", "", folder.config_file.read_text())
    folder.config_file.write_text(lacking)
    assert "512" not in lacking and folder.config().model.options == {"hidden": [512]}
    assert resolve({"model": {"network": "mlp"}}, resumed=folder) == config_from({"data": {"source": "digits"}})
