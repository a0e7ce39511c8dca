"""A number that is not finite is found where it comes from: one message, how many examples have it, and the first."""

import copy
import json
import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, Poisson

import termwise as tw
from termwise.errors import NonFiniteLoss, NotFinite, TermwiseError
from termwise.models.data_pass import DataPass
from termwise.training.checkpoint import TrainerState

N, D = 60, 2
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
BAD = torch.tensor([7, 8, 41])
DATA = tw.load_data(X, labels=(torch.arange(N) % 2).tolist(), test=0.5)


def rows_of(x):
    """Which of X these are."""
    return (x.unsqueeze(1) == X).all(2).int().argmax(1)


def spoilt(value, where):
    """A model whose encoder or decoder gives `value` for three examples of sixty, whose codes hardly differ from x."""

    def put(values, x):
        return torch.where(torch.isin(rows_of(x), BAD).unsqueeze(1), torch.as_tensor(value), values)

    def encode(x):
        mean, log_var = x[:, :D], torch.full((len(x), D), -18.0)
        return {
            "mean": put(mean, x) if where == "mean" else mean,
            "log_var": put(log_var, x) if where == "log_var" else log_var,
            "context": x,
        }

    def decode(z, x):
        output = z @ torch.ones(D, 6)
        return put(output, x) if where == "decoder" else output

    return tw.adapt(encode, decode, "normal:1")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("mean", "The encoder gives means"),
        ("log_var", r"The encoder gives standard deviations \(or log variances\)"),
        ("decoder", "The decoder gives means"),
    ],
)
def test_an_account_says_what_of_how_many_and_which_is_the_first(value, where, what):
    with pytest.raises(
        NotFinite, match=rf"{what} that are not finite.* 3 of 60 examples, the first of them number 7\."
    ):
        tw.measure(spoilt(value, where), X, batch_size=8)


@pytest.mark.parametrize(
    "encode",
    [
        lambda x: Independent(Normal(x, -torch.ones_like(x), validate_args=False), 1),
        lambda x: Independent(Normal(x, torch.zeros_like(x), validate_args=False), 1),
        lambda x: MultivariateNormal(x, scale_tril=-torch.eye(6), validate_args=False),
        lambda x: Independent(Poisson(-x.abs(), validate_args=False), 1),
        lambda x: (x, torch.full_like(x, -1e4)),
        lambda x: (x, torch.full_like(x, 1e4)),
    ],
)
def test_parameters_that_a_law_cannot_have_are_as_bad(encode):
    with pytest.raises(NotFinite, match="that its law cannot have, for 60 of 60 examples, the first"):
        tw.measure(tw.adapt(encode), X)


@pytest.mark.parametrize(
    "decode",
    [
        lambda z: Independent(Normal(z, -torch.ones_like(z), validate_args=False), 1),
        lambda z: Independent(Normal(z, torch.zeros_like(z), validate_args=False), 1),
        lambda z: Independent(Poisson(-z.abs(), validate_args=False), 1),
    ],
)
def test_so_they_are_of_a_decoder(decode):
    with pytest.raises(NotFinite, match=r"The decoder gives .* cannot have, for 60 of 60 examples"):
        tw.measure(tw.adapt(lambda x: (x, 0 * x), decode), torch.zeros(60, 6) + 0 * X)


def test_a_term_that_has_no_end_for_one_example_is_told():
    model = tw.adapt(lambda x: (x, 0 * x - 18), lambda z: torch.where(z > 2.9, 1e30, z), "normal:1")
    high = int((X > 2.9).any(1).sum())
    with pytest.raises(NotFinite, match=rf"The distortion is inf for {high} of 60 examples.* Look at the decoder"):
        tw.measure(model, X)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return tw.VAE.build((6,), D, options={"hidden": [8]}, likelihood="normal:1").eval()


def broken(vae, part, value=math.nan):
    model = copy.deepcopy(vae)
    with torch.no_grad():
        next(getattr(model, part).parameters())[0, 0] = value
    return model


ASKED = {
    "measure": lambda model: tw.measure(model, X),
    "a critic": lambda model: tw.measure(model, X, critic=True, critic_steps=1),
    "iwae": lambda model: tw.log_likelihood(model, X, method="iwae", limit=8, samples=4),
    "ais": lambda model: tw.log_likelihood(model, X, limit=8, samples=4, chains=2, temperatures=2, simulated=2),
    "disentanglement": lambda model: tw.disentanglement(model, DATA, metrics=["mig"]),
    "reconstructions": lambda model: tw.sample_quality(
        model, X.repeat(2, 1), features=nn.Identity(), reconstructions=True, neighbours=1
    ),
    "attributes": lambda model: tw.attributes(
        model, tw.load_data(X, attributes=(torch.arange(N) % 2)[:, None], test=0.5), classifier_steps=1
    ),
}


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("posterior", ["diagonal-normal", "full-normal", "noise-input+normal", "noise-input"])
def test_whatever_is_asked_of_weights_that_are_no_numbers_there_is_one_message(asked, part, posterior):
    if (asked, part) == ("disentanglement", "decoder"):
        return  # it asks nothing of the decoder
    model = tw.VAE.build((6,), D, posterior=posterior, options={"hidden": [8]}, likelihood="normal:1").eval()
    with pytest.raises(TermwiseError, match="not finite"):
        ASKED[asked](broken(model, part))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_not_loaded(tmp_path, vae, value):
    broken(vae, "decoder", value).save_pretrained(tmp_path)
    with pytest.raises(NotFinite, match=r"are not finite: 1 of 16 numbers of decoder\.0\.weight"):
        tw.VAE.from_pretrained(tmp_path)


def test_a_buffer_may_hold_an_infinity_and_no_nan(tmp_path, vae):
    for value, fits in ((-math.inf, True), (math.nan, False)):
        model = copy.deepcopy(vae)
        model.decoder.register_buffer("mask", torch.tensor([value, 0.0]))
        encoder, decoder = copy.deepcopy(model.encoder), copy.deepcopy(model.decoder)
        model.save_pretrained(tmp_path)
        if fits:
            assert tw.VAE.from_pretrained(tmp_path, encoder, decoder).decoder.mask[0] == value
        else:
            with pytest.raises(NotFinite, match=r"1 of 2 numbers of decoder\.mask"):
                tw.VAE.from_pretrained(tmp_path, encoder, decoder)


class OverflowsOnLarge(nn.Module):
    """An encoder whose means are no numbers for examples over a limit, which no training example is."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 2 * D)

    def forward(self, x):
        return self.linear(x) + torch.where((x > 5).any(1, keepdim=True), math.nan, 0.0)


class DecodesLargeToNan(nn.Module):
    """A decoder that is no number far from all codes of training examples."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(D, 6)

    def forward(self, z):
        return torch.where((z.abs() > 50).any(1, keepdim=True), math.nan, self.linear(z))


@pytest.mark.parametrize("fault", ["encoder", "decoder"])
@pytest.mark.parametrize("recipe", ["vae", "beta-tcvae"])
def test_held_out_data_that_are_not_finite_end_a_training_and_nothing_good_is_lost(tmp_path, fault, recipe):
    encoder = OverflowsOnLarge() if fault == "encoder" else nn.Linear(6, 2 * D)
    decoder = nn.Linear(D, 6) if fault == "encoder" else DecodesLargeToNan()
    model = tw.VAE(encoder, decoder, shape=(6,), latent=D, likelihood="normal:1")
    if fault == "decoder":
        nn.init.eye_(model.encoder.weight)
    x = X.clone()
    data = tw.load_data(x, test=0.2)
    x[data.splits["test"][0]] = 10.0 if fault == "encoder" else 1000.0
    data = tw.load_data(x, test=0.2)
    config = {"training": {"epochs": 5, "evaluate_every": 2, "batch_size": 16, "optimizer": {"learning_rate": 1e-5}}}
    with pytest.raises(NonFiniteLoss, match=r"Not finite on the test part after epoch 2, though.*last good checkpoint"):
        tw.train(config, model=model, data=data, recipe=recipe, out=tmp_path / "run", progress=False)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=pytest.fail)["epoch"] for line in lines] == [1]
    state = TrainerState.load(tmp_path / "run" / "checkpoints" / "last.pt")
    assert state.epoch == 1 and all(weight.isfinite().all() for weight in state.model.values())


def test_a_term_that_is_only_looked_at_is_left_out_where_it_is_not_finite(tmp_path, monkeypatch):
    from termwise.training import loop

    def evaluated(*arguments, **options):
        terms, loss = evaluate(*arguments, **options)
        return terms | {"total_correlation": math.nan}, loss

    evaluate = loop.evaluate_held_out
    monkeypatch.setattr(loop, "evaluate_held_out", evaluated)
    model = tw.VAE(nn.Linear(6, 2 * D), nn.Linear(D, 6), shape=(6,), latent=D, likelihood="normal:1")
    run = tw.train(model=model, data=X, recipe="vae", epochs=1, out=tmp_path / "run", progress=False)
    terms = run.metrics()[-1]["terms"]
    assert "total_correlation" not in terms and {"distortion", "rate", "elbo"} <= set(terms)
    assert (tmp_path / "run" / "report.html").exists()


def test_no_pass_over_good_data_is_refused_at_any_size_of_sigma():
    for log_variance in (-80.0, 0.0, 80.0):
        model = tw.adapt(lambda x, fixed=log_variance: (1e6 * x, torch.full_like(x, fixed)))
        assert len(list(DataPass(model, tw.load_data(X, test=0.0), 16)())) == 4
