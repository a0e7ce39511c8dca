"""`termwise generate`, `traverse` and `interpolate`, and the functions that they call."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Independent, Normal
from typer.testing import CliRunner

import termwise as tw
from termwise.cli.commands import app
from termwise.models.distributions import centre
from termwise.models.randomness import own_randomness
from termwise.report.example_files import write_examples


def call(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run whose decoder is told the digit."""
    out = tmp_path_factory.mktemp("made") / "digits"
    tables = {"data": {"side": ["labels"]}, "model": {"latent": 2, "options": {"hidden": [16]}}}
    return tw.train(tables, data="digits", recipe="cvae", epochs=1, measure_limit=50, out=out, progress=False)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    rows = [f"{size:.2f},{'abc'[k % 3]},{rng.poisson(3)}" for k, size in enumerate(rng.normal(5, 1, 60))]
    (folder / "table.csv").write_text("size,kind,n\n" + "\n".join(rows) + "\n")
    tables = {"data": {"source": str(folder / "table.csv"), "labels": False}, "model": {"options": {"hidden": [8]}}}
    return tw.train(tables, recipe="vae", epochs=1, latent=2, out=folder / "run", progress=False)


def test_what_is_generated_is_what_sample_gives_and_the_seed_makes_it(digits):
    made = tw.generate(digits, 5, side={"labels": 3}, seed=4)
    with own_randomness(4):
        assert torch.equal(made, digits.model.sample(5, side={"labels": 3}))
    assert torch.equal(made, tw.generate(digits.folder.path, 5, side={"labels": 3}, seed=4))
    before = torch.get_rng_state()
    assert not torch.equal(made, tw.generate(digits, 5, side={"labels": 3}, seed=5))
    assert torch.equal(before, torch.get_rng_state())


def test_noise_is_of_the_likelihood():
    model = tw.VAE.build((400,), latent=1, likelihood="normal:0.5", options={"hidden": [4]}).eval()
    apart = tw.generate(model, 50, noise=True) - tw.generate(model, 50)
    assert float(apart.std()) == pytest.approx(0.5, rel=4 / (2 * 20_000) ** 0.5)


def test_any_model_generates_and_its_traversal_and_path_are_straight_lines():
    """Of a linear decoder x = W z the closed form."""
    W = torch.tensor([[1.0, 0.5, 0.0], [0.0, 2.0, 1.0]])
    model = tw.adapt(
        encode=lambda x: {"posterior": Independent(Normal(x[:, :2], 0.1), 1)},
        decode=lambda z: Independent(Normal(z @ W, 0.1), 1),
    )
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(tw.TermwiseError, match=r"data=x in tw\.generate, or the prior in adapt\(prior=\.\.\.\)"):
        tw.generate(model, 7)
    assert tw.generate(model, 7, data=x).shape == (7, 3)
    moved = tw.traverse(model, x, example=4, dimensions=[1], steps=3, reach=1.0)
    codes = torch.stack([x[4, 0].expand(3), torch.tensor([-1.0, 0.0, 1.0])], 1)
    assert torch.allclose(moved.examples[0], codes @ W) and moved.names == ("z1",)
    between = tw.interpolate(model, [0, 1], [2, 3], data=x, steps=5)
    shares = torch.linspace(0, 1, 5)[None, :, None]
    straight = (1 - shares) * x[:2, None, :2] + shares * x[2:4, None, :2]
    assert torch.allclose(between, straight @ W, atol=1e-6)
    assert torch.allclose(tw.interpolate(model, x[:2], x[2:4], steps=5), between)


def test_codes_of_a_prior_that_is_given_have_its_shape_before_data_are_seen():
    prior = Independent(Normal(torch.zeros(2, 3), 1.0), 2)
    model = tw.adapt(
        encode=lambda x: {"posterior": Independent(Normal(x.reshape(-1, 2, 3), 0.1), 2)},
        decode=lambda z: Independent(Normal(z[:, 1], 0.1), 1),
        prior=prior,
    )
    assert tw.generate(model, 7).shape == (7, 3)


def test_a_path_changes_a_category_in_its_middle_and_a_traversal_goes_through_them():
    code = [
        {"latent": 3, "name": "kind", "posterior": "categorical", "prior": "uniform"},
        {"name": "rest", "latent": 2},
    ]
    model = tw.VAE.build((6,), code=code, likelihood="normal:1", options={"hidden": [8]}).eval()
    x = 20 * torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    kinds = centre(model.encode(x)).detach()[:, :3].argmax(1)
    other = int((kinds != kinds[0]).nonzero()[0])
    start, end = (centre(model.encode(x[[at]])).detach() for at in (0, other))
    made = tw.interpolate(model, x[[0]], x[[other]], steps=4)
    share = 1 / 3
    codes = torch.cat([start[:, :3], (1 - share) * start[:, 3:] + share * end[:, 3:]], 1)
    assert torch.allclose(made[0, 1], model.generate_examples(codes)[0], atol=1e-6)
    codes = torch.cat([end[:, :3], share * start[:, 3:] + (1 - share) * end[:, 3:]], 1)
    assert torch.allclose(made[0, 2], model.generate_examples(codes)[0], atol=1e-6)
    moved = tw.traverse(model, x, dimensions=[0], steps=3)
    assert moved.names == ("kind",) and moved.stops.tolist() == [[0.0, 1.0, 2.0]]
    codes = torch.cat([torch.eye(3)[2:], start[:, 3:]], 1)
    assert torch.allclose(moved.examples[0, 2], model.generate_examples(codes)[0], atol=1e-6)


def test_a_run_is_traversed_the_costliest_first(digits):
    rates = digits.account.by_dimension["rate_by_dimension"].value
    first = max(range(2), key=lambda j: rates[j])
    for named in (digits, digits.folder.path):
        assert tw.traverse(named).dimensions[0] == first


def test_commands_write_grids_whose_pixels_are_what_is_decoded(digits, tmp_path):
    run = digits.folder.path
    assert call("generate", run, "--count", 4, "--side", "labels=3", "--out", tmp_path / "g.png").exit_code == 0
    made = tw.generate(digits, 4, side={"labels": 3})
    pixels = np.asarray(Image.open(tmp_path / "g.png"))  # 2 x 2 of 8, a gap of 1, each pixel 7 wide
    assert pixels.shape == (7 * 17, 7 * 17, 2)
    assert pixels[7 * 9 :: 7, ::7, 0][:, :8].tolist() == np.rint(255 * made[2, 0].numpy().clip(0, 1)).tolist()
    done = call("traverse", run, "--dimensions", "1,0", "--steps", 3, "--out", tmp_path / "t.npz", "--json")
    assert json.loads(done.stdout)["dimensions"] == ["z1", "z0"]
    arrays = np.load(tmp_path / "t.npz")
    moved = tw.traverse(digits, dimensions=[1, 0], steps=3)
    assert np.array_equal(arrays["x"], moved.examples.numpy()) and arrays["stop"].tolist() == moved.stops.tolist()
    assert arrays["dimension"].tolist() == [["z1"] * 3, ["z0"] * 3]
    done = call("interpolate", run, "--from", "0,1", "--to", "5,6", "--out", tmp_path / "i.png")
    assert done.output.startswith("0 to 5, 1 to 6, 9 stops each: ")
    assert Image.open(tmp_path / "i.png").size == (7 * (9 * 9 - 1), 7 * 17)


def test_commands_write_tables_in_their_own_columns_and_words(table, tmp_path):
    done = call("generate", table.folder.path, "--count", 3, "--noise", "--out", tmp_path / "made.csv")
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "made.csv").read_text().splitlines()
    assert lines[0] == "size,kind,n" and len(lines) == 4 and {line.split(",")[1] for line in lines[1:]} <= {*"abc"}
    assert float(lines[1].split(",")[0]) == pytest.approx(float(tw.generate(table, 3, noise=True)[0, 0]))
    done = call("traverse", table.folder.path, "--steps", 2, "--out", tmp_path / "moved.tsv")
    lines = (tmp_path / "moved.tsv").read_text().splitlines()
    assert lines[0] == "dimension\tstop\tsize\tkind\tn" and len(lines) == 5 and lines[1].split("\t")[1] == "-2.5"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "--out", "made.jpg"], "written to .png, .csv, .tsv or .npz"),
        (["generate", "--out", "made.png", "--side", "labels"], "as in --side digit=3; got 'labels'"),
        (["generate", "--out", "made.png", "--side", "label=3"], "Did you mean 'labels'"),
        (["generate", "--out", "made.png", "--side", "labels=13"], "Unknown category of labels"),
        (["generate", "--out", "made.png", "--count", "0"], "greater than 0"),
        (["traverse", "--dimensions", "0,7"], "has 2 dimensions, 0 to 1; got 7"),
        (["traverse", "--dimensions", "z0"], "such as 0,3; got 'z0'"),
        (["traverse", "--dimensions", "0,1,0"], "once each; got 0 again"),
        (["traverse", "--example", "99999"], "0 to 358"),
        (["interpolate", "--from", "0,1", "--to", "5"], "an end for each start"),
        (["interpolate", "--from", "0", "--to", "5", "--split", "tset"], "Did you mean 'test'"),
    ],
)
def test_what_cannot_be_is_said(digits, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call(arguments[0], digits.folder.path, *arguments[1:])
    assert done.exit_code != 0 and message in str(done.exception) and not list(tmp_path.iterdir())


def test_a_table_is_no_grid_and_what_says_a_target_makes_no_examples(table, tmp_path):
    done = call("generate", table.folder.path, "--out", tmp_path / "made.png")
    assert "no images of 1 or 3 channels: write them to .csv or .npz" in str(done.exception)
    told = tw.VAE.build((4,), latent=2, target=tw.data.SideVariable("age"), options={"hidden": [4]})
    for ask in (
        lambda: tw.generate(told, 2),
        lambda: tw.traverse(told, torch.rand(5, 4)),
        lambda: tw.interpolate(told, torch.rand(1, 4), torch.rand(1, 4)),
    ):
        with pytest.raises(tw.TermwiseError, match="says age, and not x"):
            ask()


def test_what_is_too_many_for_a_grid_or_for_the_memory_is_refused_before_it_is_made(digits, tmp_path, monkeypatch):
    done = call("generate", digits.folder.path, "--count", 10**9, "--out", tmp_path / "made.png")
    assert f"4,096 images at most; got 1,000,000,000. Write them as arrays: {tmp_path}/made.npz." in str(done.exception)
    with pytest.raises(tw.TermwiseError, match="4,096 images at most; got 4,097"):
        write_examples(torch.zeros(4097, 1, 2, 2), tmp_path / "made.png")
    monkeypatch.setattr("termwise.main_memory.available", lambda: 1000)
    for ending in ("png", "npz"):
        with pytest.raises(tw.TermwiseError, match=r"would take .* bytes, and 1000 can be had. Ask for fewer"):
            write_examples(torch.zeros(200, 1, 8, 8), tmp_path / f"made.{ending}")
    assert not list(tmp_path.iterdir())


def test_a_grid_opens_as_an_image(tmp_path):
    from termwise.report.image_grids import grid_png

    image = Image.open(io.BytesIO(grid_png(np.ones((3, 3, 4, 6)), 2, zoom=3)))
    assert image.size == (3 * 13, 3 * 9) and image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (255, 255, 255, 255) and image.getpixel((38, 26))[3] == 0
