"""Without onnxruntime a file is refused with what installs it."""

import sys

import pytest

import termwise as tw
from termwise.errors import Refused


def test_what_installs_onnxruntime_is_said(tmp_path, monkeypatch):
    (tmp_path / "encoder.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Refused, match=r"pip install 'termwise\[onnx\]'"):
        tw.adapt(tmp_path / "encoder.onnx")


@pytest.mark.parametrize("decode", ["decoder.pt", 3])
def test_a_decoder_that_is_none_is_refused(decode):
    with pytest.raises(Refused, match=r"Expected a function decode\(z\), or the path of an ONNX file"):
        tw.adapt(lambda x: (x, x), decode)
