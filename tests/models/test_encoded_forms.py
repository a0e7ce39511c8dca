"""What an encoder gives is told by its types, its shapes or its keys; where it may be two things, it is refused."""

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from termwise.api import measure
from termwise.errors import Refused
from termwise.models import Draw, adapt

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))  # as wide as the code
MEAN, LOG_VARIANCE, OTHER = 0.7 * X, 0.2 * X - 1, torch.full((32, 2), 3.0)
RATE = float(0.5 * (LOG_VARIANCE.exp() + MEAN.square() - 1 - LOG_VARIANCE).sum(1).mean())


def law() -> Independent:
    return Independent(Normal(MEAN, (0.5 * LOG_VARIANCE).exp()), 1)


class Gives(nn.Module):
    """A module whose forward gives what it is told to."""

    def __init__(self, what) -> None:
        super().__init__()
        self.what = what

    def forward(self, x):
        return self.what()


CLEAR = {
    "a pair": lambda: (MEAN, LOG_VARIANCE),
    "a list": lambda: [MEAN, LOG_VARIANCE],
    "a law": law,
    "names": lambda: {"log_var": LOG_VARIANCE, "mean": MEAN},
    "names and nothing": lambda: {"mean": MEAN, "log_var": LOG_VARIANCE, "context": None},
    "a named law": lambda: {"posterior": law()},
    "a context that is no tensor": lambda: (MEAN, LOG_VARIANCE, "sizes"),
    "a law with such a context": lambda: (law(), [OTHER, OTHER]),
    "a named context as wide as the code": lambda: {"mean": MEAN, "log_var": LOG_VARIANCE, "context": X},
    "a named law and context": lambda: {"posterior": law(), "context": OTHER},
}
UNCLEAR = {
    "reconstruction, mean, log variance": lambda: (X, MEAN, LOG_VARIANCE),
    "code, mean, log variance": lambda: (law().sample(), MEAN, LOG_VARIANCE),
    "mean, log variance, code": lambda: (MEAN, LOG_VARIANCE, law().sample()),
    "reconstruction, input, code": lambda: (X, X, OTHER),
    "a law and a code": lambda: (law(), law().sample()),
    "two laws": lambda: (law(), Independent(Normal(OTHER, 1.0), 1)),
    "a law as wide as x and a tensor": lambda: (law(), OTHER),
}


@pytest.mark.parametrize("form", CLEAR)
@pytest.mark.parametrize("wrap", [lambda what: lambda x: what(), Gives], ids=["function", "module"])
def test_what_can_be_one_thing_alone_has_its_rate(form, wrap):
    model = adapt(wrap(CLEAR[form]))
    assert measure(model, X)["rate"].value == pytest.approx(RATE, rel=1e-5)


@pytest.mark.parametrize("form", UNCLEAR)
@pytest.mark.parametrize("wrap", [lambda what: lambda x: what(), Gives], ids=["function", "module"])
def test_what_can_be_two_things_is_refused_with_how_to_say_it(form, wrap):
    with pytest.raises(Refused, match=r"which may be a context or not.*encode=lambda x: \{'mean'"):
        measure(adapt(wrap(UNCLEAR[form])), X)


def test_a_module_s_context_that_is_a_tensor_is_named():
    narrow = MEAN[:, :3], LOG_VARIANCE[:, :3]
    for encode in (Gives(lambda: (*narrow, OTHER)), Gives(lambda: (*narrow, OTHER)).forward):
        with pytest.raises(Refused, match="which may be a context or not"):
            adapt(encode).infer(X)
    assert adapt(lambda x: (*narrow, OTHER)).infer(X)[1] is OTHER
    assert (
        adapt(Gives(lambda: dict(zip(("mean", "log_var", "context"), (*narrow, OTHER), strict=True)))).infer(X)[1]
        is OTHER
    )


def test_a_named_context_reaches_the_decoder():
    given = []
    model = adapt(
        lambda x: {"mean": MEAN, "log_var": LOG_VARIANCE, "context": X},
        lambda z, context: given.append(context) or z,
        "normal:1",
    )
    _ = Draw(model, X).likelihood
    assert given[0] is X


@pytest.mark.parametrize(
    "names",
    [
        {"reconstruction": X, "mean": MEAN, "log_var": LOG_VARIANCE},
        {"mu": MEAN, "logvar": LOG_VARIANCE},
        {"mean": MEAN},
        {"posterior": MEAN},
        {"posterior": law(), "mean": MEAN},
        {"mean": 1.0, "log_var": 2.0},
        {},
    ],
)
def test_other_names_are_not_guessed_at(names):
    with pytest.raises(Refused, match=r"\{'mean': \.\.\., 'log_var': \.\.\.\} or a torch Distribution"):
        adapt(lambda x: names).infer(X)


@pytest.mark.parametrize(
    "what",
    [
        lambda: (X, (MEAN, LOG_VARIANCE)),
        lambda: (X, law()),
        lambda: (X, MEAN, LOG_VARIANCE, law().sample()),
        lambda: (law(), X, X),
        lambda: (X, MEAN[:, :2], LOG_VARIANCE[:, :2]),
        lambda: (torch.zeros(()), MEAN, LOG_VARIANCE),
        lambda: None,
    ],
)
def test_no_other_tuple_passes(what):
    with pytest.raises(Refused, match=r"encode\(\) (must give|gave)"):
        adapt(lambda x: what()).infer(X)


@pytest.mark.parametrize("part", ["encode", "decode", "decoder"])
def test_a_module_that_is_a_whole_autoencoder_is_no_encoder(part):
    class Whole(Gives):
        pass

    setattr(Whole, part, nn.Linear(4, 4))
    whole = Whole(lambda: (X, MEAN))
    for options in ({}, {"decode": lambda z: z, "likelihood": "normal:1"}):
        with pytest.raises(Refused, match="Pass two functions"):
            adapt(whole, **options)
