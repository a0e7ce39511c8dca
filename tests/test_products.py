"""Products by oneDNN: numbers and gradients are PyTorch's own to rounding, and to the bit where a case is special."""

import contextlib
import copy
import io
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import termwise as tw
from termwise import products
from termwise.fast_paths import SWITCH, FastPath
from termwise.models.networks import LinearLayer
from termwise.products import ONEDNN, linear, product

EPS = torch.finfo(torch.float32).eps
here = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN")


@pytest.fixture(autouse=True)
def forced(monkeypatch):
    """Small products go to oneDNN too; afterwards it is decided anew."""
    monkeypatch.setenv(SWITCH, "on")
    ONEDNN.anew()
    yield
    ONEDNN.anew()


@pytest.fixture
def calls(monkeypatch):
    """The shapes that oneDNN was asked for."""
    asked, original = [], products._onednn
    assert ONEDNN.taken

    def watched(x, weight, bias):
        asked.append((*x.shape, weight.shape[0]))
        return original(x, weight, bias)

    monkeypatch.setattr(products, "_onednn", watched)
    return asked


def layer(batch=6, inward=5, outward=4, dtype=torch.float32, grad=True):
    generator = torch.Generator().manual_seed(batch + 10 * inward + 100 * outward)
    shapes = (batch, inward), (outward, inward), (outward,)
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_(grad) for s in shapes]


def bound(inner):
    """The most that sums of so many standard normal products, about sqrt(inner) in size, may be off by rounding."""
    return 8 * EPS * (inner + 4) ** 0.5 * 4


@here
@pytest.mark.parametrize("shape", [(6, 5, 4), (1, 5, 4), (6, 1, 4), (6, 5, 1), (1, 1, 1), (130, 300, 70)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_layer_and_its_gradients_are_those_of_float64(calls, shape, with_bias):
    given = layer(*shape)
    given = given if with_bias else given[:2]
    exact = [one.detach().double().requires_grad_() for one in given]
    out, truth = linear(*given), F.linear(*exact)
    assert calls == [shape]
    assert (out - truth).abs().max() <= bound(shape[1])
    toward = torch.linspace(-1, 1, out.numel()).view_as(out)
    for mine, true in zip(
        torch.autograd.grad(out, given, toward), torch.autograd.grad(truth, exact, toward.double()), strict=True
    ):
        assert mine.shape == true.shape and (mine - true).abs().max() <= bound(max(shape))
    assert len(calls) > 1 or min(shape) == 1


@here
def test_gradients_of_gradients_are_those_of_float64(calls):
    """As of a critic's gradient penalty: of the norm of the gradient in x, to the weights."""

    def penalty(x, first, second):
        hidden = (linear(x, first, None) if x.dtype is torch.float32 else F.linear(x, first)).tanh()
        top = linear(hidden, second, None) if x.dtype is torch.float32 else F.linear(hidden, second)
        (slope,) = torch.autograd.grad(top.square().sum(), x, create_graph=True)
        return slope.square().sum()

    x, first, _ = layer(7, 6, 5)
    _, second, _ = layer(7, 5, 3)
    exact = [one.detach().double().requires_grad_() for one in (x, first, second)]
    mine = torch.autograd.grad(penalty(x, first, second), (first, second, x))
    true = torch.autograd.grad(penalty(*exact), (exact[1], exact[2], exact[0]))
    for a, b in zip(mine, true, strict=True):
        assert (a - b).abs().max() <= 200 * EPS * b.abs().max()
    assert len(calls) > 6


@here
@pytest.mark.parametrize("with_bias", [True, False])
def test_the_formulas_of_the_gradients_are_right_to_second_order(monkeypatch, with_bias):
    """In float64, where differences tell: oneDNN has none, so its place is taken by PyTorch's own."""
    monkeypatch.setattr(products, "_DTYPE", torch.float64)
    monkeypatch.setattr(products, "_onednn", lambda x, weight, bias: F.linear(x, weight, bias))
    given = layer(4, 3, 2, dtype=torch.float64)
    given = given if with_bias else given[:2]
    assert "_Layer" in type(linear(*given).grad_fn).__name__
    assert torch.autograd.gradcheck(linear, given) and torch.autograd.gradgradcheck(linear, given)
    pair = given[0], given[1].detach().t().requires_grad_()
    assert "_Product" in type(product(*pair).grad_fn).__name__
    assert torch.autograd.gradcheck(product, pair) and torch.autograd.gradgradcheck(product, pair)


@here
@pytest.mark.parametrize("laid", ["rows", "columns"])
@pytest.mark.parametrize("side", [0, 1])
def test_products_of_matrices_that_lie_in_rows_or_in_columns(calls, laid, side):
    pair = [torch.randn(9, 7, generator=torch.Generator().manual_seed(0)), torch.arange(7.0 * 5).view(7, 5).cos()]
    pair[side] = pair[side] if laid == "rows" else pair[side].t().contiguous().t()
    truth = pair[0].double() @ pair[1].double()
    assert (product(*pair) - truth).abs().max() <= bound(7)
    out = torch.empty(9, 5)
    assert product(*pair, out=out) is out and (out - truth).abs().max() <= bound(7)
    assert calls == [(9, 7, 5)] * 2


@here
@pytest.mark.parametrize(
    "pair",
    [
        (torch.ones(4, 1).expand(4, 3), torch.ones(3, 2)),
        (torch.ones(4, 6)[:, ::2], torch.ones(3, 2)),
        (torch.ones(4, 5)[:, 1:4], torch.ones(3, 2)),  # something lies between rows: oneDNN may be very slow there
        (torch.ones(4, 3), torch.ones(2, 5)[:, 1:4].t()),
        (torch.ones(2, 4, 3), torch.ones(3, 2)),
        (torch.ones(4, 3), torch.ones(3)),
        (torch.ones(0, 3), torch.ones(3, 2)),
        (torch.ones(4, 0), torch.ones(0, 2)),
        (torch.ones(4, 3, dtype=torch.float64), torch.ones(3, 2, dtype=torch.float64)),
        (torch.ones(4, 3, dtype=torch.bfloat16), torch.ones(3, 2, dtype=torch.bfloat16)),
        (torch.ones(4, 3, device="meta"), torch.ones(3, 2, device="meta")),
        (torch.ones(4, 3).to_sparse(), torch.ones(3, 2)),
    ],
)
def test_other_matrices_go_pytorchs_own_way(calls, pair):
    out = product(*pair)
    assert calls == [] and out.dtype == pair[0].dtype and out.shape == (pair[0] @ pair[1]).shape
    assert out.is_meta or torch.equal(out, pair[0] @ pair[1])


class Marked(torch.Tensor):
    """A class of tensors, as other packages have."""


def in_mode(mode):
    def run(x, weight, bias):
        with mode():
            return linear(x, weight, bias)

    return run


@contextlib.contextmanager
def switched_off():
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)


def tangents(x, weight, bias):
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x.detach(), torch.ones_like(x))
        return torch.autograd.forward_ad.unpack_dual(linear(dual, weight.detach(), bias.detach())).tangent


SPECIAL = {
    "autocast": in_mode(lambda: torch.autocast("cpu", torch.bfloat16)),
    "a mode that counts": in_mode(lambda: FlopCounterMode(display=False)),
    "a default device": in_mode(lambda: torch.device("cpu")),
    "oneDNN switched off": in_mode(switched_off),
    "float64": lambda x, w, b: linear(x.double(), w.double(), b.double()),
    "bfloat16": lambda x, w, b: linear(x.bfloat16(), w.bfloat16(), b.bfloat16()),
    "meta": lambda x, w, b: linear(x.to("meta"), w.to("meta"), b.to("meta")),
    "a class of its own": lambda x, w, b: linear(x.detach().as_subclass(Marked), w, b),
    "three dimensions": lambda x, w, b: linear(x[None], w, b),
    "one dimension": lambda x, w, b: linear(x[0], w, b),
    "no examples": lambda x, w, b: linear(x[:0], w, b),
    "columns": lambda x, w, b: linear(x.t().contiguous().t(), w, b),
    "vmap": lambda x, w, b: torch.func.vmap(lambda one: linear(one, w, b))(x[None]),
    "jvp": lambda x, w, b: torch.func.jvp(lambda one: linear(one, w, b), (x,), (x,))[1],
    "func.grad": lambda x, w, b: torch.func.grad(lambda one: linear(one, w, b).sum())(x),
    "forward gradients": tangents,
}


@here
@pytest.mark.parametrize("name", SPECIAL)
def test_whatever_is_special_goes_pytorchs_own_way(calls, name):
    given = layer()
    out = SPECIAL[name](*given)
    assert calls == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "linear", F.linear)
        truth = SPECIAL[name](*given)
    assert out.dtype == truth.dtype and type(out) is type(truth) and out.shape == truth.shape
    assert out.is_meta or torch.equal(out, truth)


@here
def test_a_batch_of_gradients_at_once_is_that_of_pytorch(calls):
    given = layer()
    towards = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(1))
    at_once = torch.autograd.grad(linear(*given), given, towards, is_grads_batched=True)
    assert calls == [(6, 5, 4)]
    truth = torch.autograd.grad(F.linear(*given), given, towards, is_grads_batched=True)
    for mine, true in zip(at_once, truth, strict=True):
        assert (mine - true).abs().max() <= bound(6)


@here
def test_only_the_gradients_that_are_wanted_are_computed(calls):
    x, weight, bias = layer()
    linear(x.detach(), weight, bias).sum().backward()
    assert weight.grad is not None and bias.grad is not None and x.grad is None
    assert calls == [(6, 5, 4)], "a gradient of a sum does not lie whole, and goes PyTorch's own way"
    linear(x, weight.detach(), None).square().sum().backward()
    assert x.grad is not None and calls[1:] == [(6, 5, 4), (6, 4, 5)]
    with torch.no_grad():
        assert linear(x, weight, bias).grad_fn is None
    with torch.inference_mode():
        assert linear(x, weight, bias).is_inference()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        changed = weight * 1
        out = linear(x, changed, bias)
        changed.add_(1)
        out.sum().backward()


@here
def test_shapes_that_do_not_fit_fail_as_pytorchs_own_do(calls):
    x, weight, bias = layer()
    for given in ((x[:, :4], weight, bias), (x, weight, bias[:2]), (x, weight[0:2], bias)):
        with pytest.raises(RuntimeError) as own:
            F.linear(*given)
        with pytest.raises(RuntimeError) as mine:
            linear(*given)
        assert str(mine.value) == str(own.value) and calls == []
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        product(x, x)


@here
def test_small_products_are_not_worth_it_unless_forced(monkeypatch, calls):
    monkeypatch.setenv(SWITCH, "auto")
    take = FastPath("onednn", lambda: True, lambda: True)
    monkeypatch.setattr(products, "ONEDNN", take)
    linear(*layer()), product(torch.ones(4, 3), torch.ones(3, 2))
    assert calls == []
    linear(*layer(128, 256, 128)), product(torch.ones(128, 128), torch.ones(128, 64))
    assert calls == [(128, 256, 128), (128, 128, 64)]


@here
def test_the_switch_off_is_pytorchs_own_to_the_bit(monkeypatch, calls):
    monkeypatch.setenv(SWITCH, "off")
    ONEDNN.anew()
    given = layer(130, 300, 70)
    assert torch.equal(linear(*given), F.linear(*given)) and calls == []


@pytest.mark.parametrize("fault", ["raises", "wrong", "transposes nothing", "rounds to bfloat16"])
def test_an_operator_that_fails_or_errs_is_not_taken(monkeypatch, fault):
    def faulty(x, weight, bias):
        if fault == "raises":
            raise RuntimeError("an operator of this name is not there")
        if fault == "rounds to bfloat16":
            return F.linear(x.bfloat16(), weight.bfloat16(), None if bias is None else bias.bfloat16()).float()
        if fault == "transposes nothing" and not x.is_contiguous():
            return F.linear(x.contiguous().view(x.shape[::-1]).t(), weight, bias)
        return F.linear(x, weight, bias) + (1e-3 if fault == "wrong" else 0)

    monkeypatch.setattr(products, "_onednn", faulty)
    given = layer(grad=False)
    assert not ONEDNN.taken and torch.equal(linear(*given), F.linear(*given))


@here
@pytest.mark.parametrize("name", ["_len_torch_dispatch_stack", "_len_torch_function_stack", "_functorch"])
def test_a_pytorch_that_cannot_be_asked_who_looks_is_left_to_itself(monkeypatch, calls, name):
    given = layer()
    truth = F.linear(*given)
    monkeypatch.delattr(torch._C, name)
    out = linear(*given)
    monkeypatch.undo()
    assert torch.equal(out, truth) and calls == []


def test_the_trial_leaves_random_numbers_threads_and_gradients_as_they_were():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    products._works(), products._pays()
    assert torch.equal(state, torch.get_rng_state()) and torch.get_num_threads() == threads and torch.is_grad_enabled()


def test_the_layer_is_pytorchs_own_but_for_its_products():
    torch.manual_seed(0)
    mine = LinearLayer(5, 4)
    torch.manual_seed(0)
    own = nn.Linear(5, 4)
    assert repr(mine) == repr(own) and list(mine.state_dict()) == list(own.state_dict())
    assert torch.equal(mine.weight, own.weight) and torch.equal(mine.bias, own.bias)
    own.load_state_dict(mine.state_dict()), mine.load_state_dict(own.state_dict())
    again = copy.deepcopy(mine)
    assert type(again) is LinearLayer and torch.equal(again.weight, mine.weight)
    buffer = io.BytesIO()
    torch.save(mine, buffer)
    buffer.seek(0)
    assert torch.equal(torch.load(buffer, weights_only=False).weight, mine.weight)
    normed = nn.utils.parametrizations.weight_norm(copy.deepcopy(mine))
    assert normed(torch.ones(2, 5)).shape == (2, 4)


@here
def test_compilers_and_exporters_see_pytorchs_own_linear(calls):
    network, x = nn.Sequential(LinearLayer(5, 4), nn.ReLU()), torch.linspace(-1, 1, 15).view(3, 5)
    truth = F.linear(x, network[0].weight, network[0].bias).relu()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript is old
        scripted = torch.jit.script(network)
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer)
        traced = torch.jit.trace(network, x)
    calls.clear()
    exported = torch.export.export(network, (x,))
    assert "aten.linear" in str(exported.graph)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    symbolic = torch.fx.symbolic_trace(network)
    for one in (scripted, traced, exported.module(), compiled, symbolic):
        assert torch.equal(one(x), truth)
    assert calls == []


@here
def test_a_model_of_ours_trains_by_onednn_to_the_same_losses(calls, monkeypatch):
    def losses():
        torch.manual_seed(0)
        model = tw.VAE.build((6,), 2, options={"hidden": [8]})
        x = torch.rand(16, 6, generator=torch.Generator().manual_seed(0)).round()
        optimizer, values = torch.optim.SGD(model.parameters(), 0.1), []
        for _ in range(5):
            torch.manual_seed(1)
            loss = -model.draw(x).likelihood.log_prob(x).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            values.append(float(loss.detach()))
        return values

    fast = losses()
    assert len(calls) > 5 * 4
    monkeypatch.setenv(SWITCH, "off")
    ONEDNN.anew()
    calls.clear()
    assert losses() == pytest.approx(fast, rel=1e-5) and calls == []
