"""What a sweep may vary: every key of the configuration, tried before anything runs."""

import tomllib

import pytest

from termwise.errors import Refused, TermwiseError
from termwise.sweeps import SweepFolder, sweep_config_from
from termwise.sweeps.settings import folder_name, short_keys, tables_of
from termwise.training.config import config_from

BASE = {"data": {"source": "four-points"}, "objective": {"recipe": "beta-vae", "beta": 2.0}}


def of(**sweep):
    return sweep_config_from({"base": BASE, "sweep": sweep})


def test_a_file_is_read_as_the_page_has_it():
    text = """
        [base.data]
        source = "digits"
        [sweep]
        seeds = [3, 5]
        minimize = ["distortion", "rate"]
        [sweep.grid]
        "objective.recipe" = ["vae", "beta-tcvae"]
        "model.options.hidden" = [[8], [8, 8]]
    """
    config = sweep_config_from(tomllib.loads(text))
    assert config.seeds == [3, 5] and config.sweep.sought == {"distortion": False, "rate": False}
    assert [s["model.options.hidden"] for s in config.grid_settings()] == [[8], [8, 8], [8], [8, 8]]


def test_seeds_begin_where_the_base_does():
    assert sweep_config_from({"base": {"training": {"seed": 7}}, "sweep": {"seeds": 3}}).seeds == [7, 8, 9]


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({"grid": {"objective.bta": [1]}}, "With objective.bta=1:.*bta"),
        ({"grid": {"model.latent": [2, 0]}}, "With model.latent=0: .*model.latent: Input should be greater than 0"),
        ({"grid": {"model.likelyhood": ["bernoulli"]}}, "Did you mean 'model.likelihood'"),
        ({"grid": {"objective.recipe": ["beta-vae", "bta-vae"]}}, "bta-vae"),
        ({"grid": {"model.latent": []}}, "model.latent has no values"),
        ({"grid": {"model.latent": [2, 2]}}, "model.latent has a value twice"),
        ({"grid": {"model": [{"latent": 2}], "model.latent": [2]}}, "model.latent is a part of model"),
        ({"grid": {"training.seed": [1, 2]}}, "Seeds are said by `seeds`"),
        ({"grid": {"model.latent": list(range(1, 1001)), "training.epochs": list(range(1, 1001))}}, "1,000,000 runs"),
        ({"grid": {}, "search": {"space": {}}}, "a grid or a search; got both"),
        ({"seeds": [1, 1]}, "each once"),
        ({"seeds": 0}, "sweep.seeds"),
        ({"maximise": "elbo"}, "Unknown key 'sweep.maximise'. Did you mean .*maximize"),
        ({"maximize": "elbow"}, "Unknown reading 'elbow'. Did you mean 'elbo'"),
        ({"search": {"space": {"objective.beta": {"low": 4, "high": 1}}}}, "low must be below high"),
        ({"search": {"space": {"objective.beta": {"low": 0, "high": 1, "log": True}}}}, "on a log scale"),
        ({"search": {"space": {"model.latent": {"low": 0, "high": 4}}}}, "With model.latent=0"),
        ({"search": {"space": {}, "sampler": "grid"}}, "sampler"),
        (
            {"search": {"space": {"model.latent": [1, 2]}, "prune": "median"}, "minimize": ["rate", "distortion"]},
            "Pruning goes by one reading",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_said_before_anything_runs(sweep, said):
    with pytest.raises(TermwiseError, match=f"(?s){said}"):
        of(**sweep)


def test_a_base_that_is_none_is_refused_in_the_words_of_trainings():
    with pytest.raises(Refused, match=r"Unknown key 'training.epoch'. Did you mean 'training.epochs'"):
        sweep_config_from({"base": {"training": {"epoch": 1}}})


def test_another_recipe_takes_the_place_of_the_objective():
    assert tables_of(BASE, {"objective.recipe": "vae"}, 0)["objective"] == {"recipe": "vae"}
    kept = tables_of(BASE, {"objective.recipe": "beta-vae", "model.latent": 3}, 1)
    assert kept["objective"] == {"recipe": "beta-vae", "beta": 2.0}
    assert config_from(kept).training.seed == 1 and config_from(kept).model.latent == 3


def test_folders_of_other_runs_have_other_names():
    values = [1, 1.0, "1", 0.1, 0.1 + 1e-12, "a b", "a-b", "a/b", "..", "", True, [8], [8, 8], "x" * 40, "x" * 41]
    names = {folder_name({"objective.beta": value}, seed) for value in values for seed in (0, 1)}
    assert len(names) == 2 * len(values)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzT0123456789.,=+~-") for name in names), names
    long = folder_name({f"model.options.a{k}": "y" * 20 for k in range(20)}, 0)
    assert len(long) < 255 and long != folder_name({f"model.options.a{k}": "y" * 20 for k in range(19)}, 0)


def test_keys_are_as_short_as_tells_them_apart():
    assert short_keys(["a.b.c", "d.b.c", "c"]) == {"a.b.c": "a.b.c", "d.b.c": "d.b.c", "c": "c"}


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ({"seeds": 3, "grid": {"objective.beta": [1, 4, 16]}}, None),
        ({"seeds": 1, "grid": {"objective.beta": [1, 4]}}, "it has seed 1, too"),
        ({"seeds": 2, "grid": {"objective.beta": [1, 16]}}, "it has beta=4, too"),
        ({"seeds": 2, "grid": {"model.latent": [1, 4]}}, "it varies objective.beta, and not model.latent"),
        ({"seeds": 2, "grid": {"objective.beta": [1, 4]}, "minimize": "rate"}, "it seeks elbo, and not rate"),
    ],
)
def test_a_folder_keeps_its_sweep_and_lets_it_grow(tmp_path, after, why):
    folder = SweepFolder(tmp_path / "sweep")
    folder.begin(of(seeds=2, grid={"objective.beta": [1, 4]}))
    if why is None:
        folder.begin(of(**after))
        assert len(folder.config().grid_settings()) == 3
    else:
        with pytest.raises(Refused, match=why):
            folder.begin(of(**after))


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(Refused, match="files that are no sweep's"):
        SweepFolder(tmp_path).begin(of())
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["thesis.tex"]
