"""Encoders and decoders that are ONNX files, against the same sums by torch."""

import numpy as np
import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import OnnxFile

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

G = torch.Generator().manual_seed(0)
DOWN, UP = 0.5 * torch.randn(6, 4, generator=G), torch.randn(2, 6, generator=G)
X = torch.randn(50, 6, generator=G)


def written(path, names, batch="n", kind="linear"):
    """A file whose outputs are x DOWN in two halves, or z UP."""
    of = onnx.helper
    width = 6 if kind == "linear" else 2
    given = of.make_tensor_value_info("given", onnx.TensorProto.FLOAT, [batch, width])
    halves = [("first", DOWN[:, :2]), ("second", DOWN[:, 2:])] if kind == "linear" else [("first", UP)]
    weights = [onnx.numpy_helper.from_array(np.ascontiguousarray(weight.numpy()), name) for name, weight in halves]
    nodes, outputs = [], []
    for (weight, matrix), name in zip(halves, names, strict=True):
        if name in ("sigma", "spread"):  # the exponential of half of it
            half = onnx.numpy_helper.from_array(np.array(0.5, dtype=np.float32), "half")
            weights.append(half)
            nodes += [of.make_node("MatMul", ["given", weight], ["raw"]), of.make_node("Mul", ["raw", "half"], ["log"])]
            nodes.append(of.make_node("Exp", ["log"], [name]))
        else:
            nodes.append(of.make_node("MatMul", ["given", weight], [name]))
        outputs.append(of.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, matrix.shape[1]]))
    model = of.make_model(
        of.make_graph(nodes, "g", [given], outputs, weights), opset_imports=[of.make_opsetid("", 17)], ir_version=9
    )
    onnx.save(model, path)
    return str(path)


def encode(x):
    return (x @ DOWN).chunk(2, 1)


def decode(z):
    return z @ UP


def readings(account):
    return {name: one.value for name, one in account.readings.items()}


@pytest.mark.parametrize("names", [("mu", "logvar"), ("z_mean", "z_log_var"), ("mean", "sigma")])
@pytest.mark.parametrize("batch", ["n", 1, 7])
def test_two_files_are_the_two_functions(tmp_path, names, batch):
    encoder = written(tmp_path / "encoder.onnx", names, batch)
    decoder = written(tmp_path / "decoder.onnx", ("x",), batch, kind="decoder")
    account = tw.measure(tw.adapt(encoder, decoder, likelihood="normal:0.5"), X)
    expected = tw.measure(tw.adapt(encode, decode, likelihood="normal:0.5"), X)
    for name, value in readings(expected).items():
        assert readings(account)[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_outputs_of_other_names_are_told(tmp_path):
    path = written(tmp_path / "encoder.onnx", ("a", "b"))
    with pytest.raises(Refused, match=r"gives a, b, and nothing says which.*mean=\.\.\., log_var=\.\.\."):
        tw.adapt(path)
    account = tw.measure(tw.adapt(OnnxFile(path, mean="a", log_var="b")), X)
    assert account["rate"].value == pytest.approx(tw.measure(tw.adapt(encode), X)["rate"].value, rel=1e-5)
    spread = written(tmp_path / "other.onnx", ("a", "spread"))
    told = tw.measure(tw.adapt(OnnxFile(spread, mean="a", scale="spread")), X)
    assert told["rate"].value == pytest.approx(account["rate"].value, rel=1e-5)


def test_a_file_that_cannot_be_is_refused_in_words(tmp_path):
    (tmp_path / "no.onnx").write_text("nothing")
    with pytest.raises(Refused, match=r"no\.onnx cannot be read by onnxruntime"):
        tw.adapt(str(tmp_path / "no.onnx"))
    with pytest.raises(Refused, match="there is none at"):
        tw.adapt(str(tmp_path / "none.onnx"))
    path = written(tmp_path / "encoder.onnx", ("mu", "logvar"))
    with pytest.raises(Refused, match="has no output 'c': it gives mu, logvar"):
        OnnxFile(path, mean="c")
    with pytest.raises(Refused, match=r"encode\(\) failed on a batch of shape \(50, 5\)"):
        tw.measure(tw.adapt(path), X[:, :5])


def test_a_file_of_one_output_is_no_encoder(tmp_path):
    path = written(tmp_path / "decoder.onnx", ("x",), kind="decoder")
    with pytest.raises(Refused, match=r"encode\(\) must give \(mean, log_var\)"):
        tw.measure(tw.adapt(path), X[:, :2])
