"""What docs/adapters.md shows is what happens."""

import math
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import blood_cells as blood
from termwise import cli

SECTIONS = re.split(r"^## ", (Path(__file__).parents[3] / "docs" / "adapters.md").read_text(), flags=re.MULTILINE)


def blocks(section, language):
    (text,) = [text for text in SECTIONS if text.startswith(section)]
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def shown(section, capsys):
    for block in blocks(section, "python"):
        exec(compile(block, "adapters.md", "exec"), {})
    return {
        name: float(value) for name, value in re.findall(r"^(\w+) = (-?[\d.]+)", capsys.readouterr().out, re.MULTILINE)
    }


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_block_is_of_a_section_that_a_test_runs():
    with_code = {text.split("\n")[0] for text in SECTIONS if "```" in text}
    assert with_code == {
        "Two functions", "pythae", "scvi-tools: SCVI", "Pyro and NumPyro: a guide and its model",
        "JAX: two functions", "diffusers", "Codewords", "ONNX files", "A tokenizer report",
        "The command line",
    }  # fmt: skip


def test_two_functions_are_measured(capsys):
    assert shown("Two functions", capsys)["rate"] > 0


def test_a_pythae_model_is_trained_and_measured(capsys):
    pytest.importorskip("pythae")
    readings = shown("pythae", capsys)
    assert readings["rate"] > 1
    assert readings["elbo"] == pytest.approx(-readings["distortion"] - readings["rate"], abs=2e-3)


@pytest.mark.filterwarnings("ignore")
def test_an_scvi_is_trained_on_real_cells_and_measured(capsys):
    pytest.importorskip("scvi")
    blood.cells().write_h5ad("cells.h5ad")
    readings = shown("scvi-tools", capsys)
    assert readings["rate"] > 1
    assert readings["elbo"] == pytest.approx(-readings["distortion"] - readings["rate"], abs=2e-3)


def test_a_guide_and_its_model_are_trained_and_measured(capsys):
    pytest.importorskip("pyro")
    readings = shown("Pyro and NumPyro", capsys)
    assert readings["rate"] > 0 and readings["shared_rate"] > 0
    assert readings["elbo"] == pytest.approx(-readings["distortion"] - readings["rate"], abs=2e-3)


def test_functions_of_jax_are_measured(capsys):
    pytest.importorskip("jax")
    assert shown("JAX", capsys)["elbo"] < 0


def test_an_autoencoder_kl_is_measured(capsys):
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    model = diffusers.AutoencoderKL(
        in_channels=1, out_channels=1, block_out_channels=(8,), norm_num_groups=4, latent_channels=2, sample_size=8
    )
    model.save_pretrained("autoencoder")
    readings = shown("diffusers", capsys)
    assert readings["elbo"] < -readings["rate"] < 0
    readings = shown("A tokenizer report", capsys)
    assert readings["rate"] > 0 and readings["scaling_factor"] > 0 and readings["psnr"] > 0


def test_codewords_of_a_quantizer_are_measured(capsys):
    pytest.importorskip("vector_quantize_pytorch")
    torch.manual_seed(0)
    readings = shown("Codewords", capsys)
    assert readings["rate"] == pytest.approx(16 * math.log(32), abs=1e-3)
    assert 1 < readings["perplexity"] <= 32


def test_onnx_files_are_measured(capsys):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    of, floats = onnx.helper, onnx.TensorProto.FLOAT
    weight = onnx.numpy_helper.from_array(0.1 * np.ones((64, 2), dtype=np.float32), "w")
    pixels = onnx.numpy_helper.from_array(np.array([-1, 1, 8, 8]), "pixels")
    flat = of.make_node("Flatten", ["x"], ["flat"])
    encoder = of.make_graph(
        [flat, *(of.make_node("MatMul", ["flat", "w"], [name]) for name in ("latent", "spread"))], "encoder",
        [of.make_tensor_value_info("x", floats, ["n", 1, 8, 8])],
        [of.make_tensor_value_info(name, floats, ["n", 2]) for name in ("latent", "spread")], [weight],
    )  # fmt: skip
    up = onnx.numpy_helper.from_array(0.1 * np.ones((2, 64), dtype=np.float32), "up")
    decoder = of.make_graph(
        [of.make_node("MatMul", ["z", "up"], ["row"]), of.make_node("Reshape", ["row", "pixels"], ["logits"])],
        "decoder", [of.make_tensor_value_info("z", floats, ["n", 2])],
        [of.make_tensor_value_info("logits", floats, ["n", 1, 8, 8])], [up, pixels],
    )  # fmt: skip
    for graph in (encoder, decoder):
        onnx.save(of.make_model(graph, opset_imports=[of.make_opsetid("", 17)], ir_version=9), f"{graph.name}.onnx")
    assert shown("ONNX files", capsys)["elbo"] < -40


def test_the_command_line_measures_what_a_function_returns(tmp_path, monkeypatch, capsys):
    (source,) = blocks("The command line", "python")
    (tmp_path / source.split("\n")[0].removeprefix("# ")).write_text(source)
    (commands,) = blocks("The command line", "sh")
    monkeypatch.setenv("COLUMNS", "120")
    for command in commands.splitlines():
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code in (0, None)
        assert re.search("index.code", capsys.readouterr().out)
    sys.modules.pop("mine")
