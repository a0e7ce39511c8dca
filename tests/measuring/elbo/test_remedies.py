"""What a diagnosis advises of codes of every kind can be done: each recipe trains, each prior is over such codes."""

import pytest
import torch

import termwise as tw
from termwise.errors import TermwiseError
from termwise.measuring.elbo.diagnosis import diagnose
from termwise.measuring.elbo.remedies import RECIPES_FOR, Remedies
from termwise.models import VAE
from termwise.models.data_pass import DataPass

DIGIT = {"name": "digit", "latent": 4, "posterior": "categorical"}
STYLE = {"name": "style", "latent": 2}
TOKENS = {"name": "tokens", "latent": 6, "posterior": "vector-quantized:8", "shape": [3]}
TOP, LOW = {"name": "top", "latent": 2}, {"name": "low", "latent": 3, "given": ["top"], "prior": "conditional"}
WORDS = {"latent": 6, "posterior": "vector-quantized:8", "posterior_options": {"positions": 3}}
CATEGORIES = {"latent": 8, "posterior": "categorical", "posterior_options": {"positions": 2}}

FULL = 'mi-floor with aggregate = "full"'
OF_SAMPLES = ["factor-vae", "hsic-vae"]
ALL = {
    "index_code_mi": ["mi-floor"],
    "marginal_kl": ["beta-tcvae", "info-vae", "wae-mmd"],
    "total_correlation": ["beta-tcvae", *OF_SAMPLES],
}
JOINT_ALONE = {**ALL, "marginal_kl": ["info-vae", "wae-mmd"], "total_correlation": OF_SAMPLES}
ASKED_ONE_BY_ONE = {**JOINT_ALONE, "index_code_mi": [FULL]}
COUNTED = {**JOINT_ALONE, "index_code_mi": []}

KINDS = {
    "normal": ({"latent": 3}, ALL, 'prior = "flow:4"'),
    "full-normal": ({"latent": 3, "posterior": "full-normal"}, ALL, 'prior = "flow:4"'),
    "laplace": ({"latent": 3, "posterior": "laplace"}, ASKED_ONE_BY_ONE, 'prior = "flow:4"'),
    "flow": ({"latent": 3, "posterior": "flow:1"}, ASKED_ONE_BY_ONE, 'prior = "flow:4"'),
    "under-a-mixture": ({"latent": 3, "prior": "mixture:3"}, JOINT_ALONE, ""),
    "categories": ({**CATEGORIES, "prior": "uniform"}, ALL, 'prior = "learned-categories"'),
    "learned-categories": ({**CATEGORIES, "prior": "learned-categories"}, ALL, ""),
    "codewords": ({**WORDS, "prior": "uniform"}, COUNTED, 'prior = "autoregressive"'),
    "codewords-in-order": ({**WORDS, "prior": "autoregressive"}, COUNTED, ""),
    "scalars": ({"latent": 3, "posterior": "finite-scalar", "prior": "uniform"}, COUNTED, 'prior = "autoregressive"'),
    "mixed": ({"code": [DIGIT, STYLE]}, ALL, 'prior = "learned-categories" of block digit'),
    "codewords-beside-numbers": (
        {"code": [TOKENS, STYLE]}, ASKED_ONE_BY_ONE, 'prior = "autoregressive" of block tokens',
    ),
    "given-categories": (
        {"code": [DIGIT, {**STYLE, "given": ["digit"], "prior": "conditional"}]},
        JOINT_ALONE, 'prior = "learned-categories" of block digit',
    ),
    "levels": ({"code": [TOP, LOW]}, ASKED_ONE_BY_ONE, 'prior = "flow:4" of block top'),
    "no-density": (
        {"latent": 3, "posterior": "noise-input"},
        {"index_code_mi": [], "marginal_kl": ["wae-mmd"], "total_correlation": []}, 'prior = "flow:4"',
    ),
}  # fmt: skip
"""By name: the parts of a model, what can weigh each link, and the prior that would learn."""
QUICK = ("laplace", "codewords", "codewords-in-order", "categories", "codewords-beside-numbers", "levels")


def table(kinds=QUICK):
    return [pytest.param(kind, marks=() if kind in kinds else pytest.mark.slow) for kind in KINDS]


def model_of(kind, **other):
    torch.manual_seed(0)
    return VAE.build((6,), options={"hidden": [8]}, **KINDS[kind][0] | other)


def data():
    torch.manual_seed(0)
    return tw.load_data(torch.rand(60, 6).round(), test=0.5)


@pytest.mark.parametrize("kind", table())
def test_what_can_be_done_is_known_of_every_kind_of_code(kind):
    _, wanted, prior = KINDS[kind]
    remedies = Remedies(DataPass(model_of(kind), data().train))
    assert {link: remedies.of(link) for link in RECIPES_FOR} == wanted
    assert remedies.prior == prior
    assert remedies.rate_reaches_codes == (not kind.startswith(("codewords", "scalars")) or "beside" in kind)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::termwise.training.diagnosis.NoGradient"
)  # MMD teaches a prior without paths nothing
@pytest.mark.parametrize("kind", KINDS)
def test_every_recipe_that_is_advised_trains_and_no_other_does(kind, tmp_path):
    """All that weigh a link are tried: what is not advised is refused before the first step."""
    _, wanted, prior = KINDS[kind]
    settings = {"training": {"audit": False, "batch_size": 30}}
    for link, recipes in RECIPES_FOR.items():
        for name, options in recipes:
            said = name + "".join(f' with {option} = "{value}"' for option, value in options.items())
            if options and name in wanted[link]:
                continue  # its first form does
            given = {"data": data(), "recipe": name, "epochs": 1, "progress": False, "overwrite": True, **options}
            if said in wanted[link]:
                tw.train(settings, model=model_of(kind), out=tmp_path, **given)
            else:
                with pytest.raises(TermwiseError):
                    tw.train(settings, model=model_of(kind), out=tmp_path, **given)
    if prior and " of block " not in prior:
        assert model_of(kind, prior=prior.split('"')[1]).prior_law().sample((2,)).shape[0] == 2
    elif prior:
        name, block = prior.split('"')[1], prior.rpartition(" ")[2]
        code = [{**one, "prior": name} if one["name"] == block else one for one in KINDS[kind][0]["code"]]
        assert model_of(kind, code=code).sample(2).shape == (2, 6)


def faults_of(kind, **values):
    readings = {
        name: tw.account.reading.reading_without_error(name, value, estimator="", bias="", n=10**9)
        for name, value in values.items()
    }
    return " ".join(diagnose(tw.Account(readings), remedies=Remedies(DataPass(model_of(kind), data().train))))


def test_the_diagnosis_of_codewords_says_what_is_possible_there():
    far = faults_of("codewords", rate=20.0, marginal_kl=9.0, total_correlation=8.0)
    assert 'Weigh marginal KL up (info-vae, wae-mmd), or learn the prior (prior = "autoregressive").' in far
    assert "Weigh total correlation up (factor-vae, hsic-vae)" in far and "beta-tcvae" not in far
    assert 'A prior that knows what they share (prior = "autoregressive")' in far
    learned = faults_of("codewords-in-order", rate=0.1)
    assert "does not move codewords" in learned and "restarts" in learned and "mi-floor" not in learned
    plain = faults_of("normal", rate=0.1)
    assert "Warm the weight of the rate up, lower it, or ask for mutual information with the mi-floor recipe." in plain
    assert 'mi-floor with aggregate = "full" recipe' in faults_of("laplace", rate=0.1)


def test_groups_of_so_many_are_of_positions_where_codes_have_some():
    world = tw.worlds.MarkovWorld.random(0, codewords=3, positions=4)
    by_number = tw.measure(world, world.data(500), groups=2)["group_correlation"].value
    model = model_of("codewords")
    x = data().test
    pairs = tw.measure(model.eval(), x, groups=2)
    named = tw.measure(model, x, groups=[[0, 1, 2, 3], [4, 5]])
    assert pairs["group_correlation"].value == named["group_correlation"].value and by_number > 0
