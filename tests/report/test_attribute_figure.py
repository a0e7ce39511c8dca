"""The figure and the table of attributes: what stands where."""

import io

import numpy as np
import pytest
import torch
from rich.console import Console

import termwise as tw
from termwise.data.examples import InMemory
from termwise.errors import Refused
from termwise.measuring.attributes import AttributeVectors
from termwise.report.attribute_figure import EditedImages, attribute_figure, edited_images
from termwise.report.attribute_tables import attribute_table

SIDE, GAP, APART, TOP = 56, 3, 10, 40


def vectors() -> AttributeVectors:
    moves = torch.zeros(2, 4)
    moves[0, 0], moves[1, 3] = 0.25, 0.5
    return AttributeVectors(("warm", "a name far too long for its columns"), moves, torch.ones(2) / 2, "regression", 9)


def model() -> object:
    """Its code is the image, of 2 x 2 pixels."""
    return tw.adapt(
        encode=lambda x: (x.flatten(1), torch.zeros(len(x), 4)),
        decode=lambda z: z.view(-1, 1, 2, 2),
        likelihood="normal:0.1",
    )


def test_images_are_edited_by_every_attribute_at_every_strength():
    x = torch.rand(5, 1, 2, 2) / 2
    images = edited_images(model(), tw.Dataset("made", InMemory(x)), vectors(), (-1.0, 0.5, 1.0), count=3)
    assert images.edits.shape == (3, 2, 3, 1, 2, 2)
    np.testing.assert_array_equal(images.originals, x[:3])
    np.testing.assert_allclose(images.reconstructions, x[:3])
    change = images.edits - x[:3].numpy()[:, None, None]
    expected = np.zeros((2, 3, 1, 2, 2))
    expected[0, :, 0, 0, 0], expected[1, :, 0, 1, 1] = [-0.25, 0.125, 0.25], [-0.5, 0.25, 0.5]
    np.testing.assert_allclose(change, np.broadcast_to(expected, change.shape), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_is_an_image_and_a_group_of_columns_an_attribute(channels):
    shades = np.linspace(0, 1, 2 * 6).reshape(2, 6)[..., None, None, None] * np.ones((1, 1, channels, 28, 28))
    edits = shades[:, 2:].reshape(2, 2, 2, channels, 28, 28)
    sheet = attribute_figure(EditedImages(shades[:, 0], shades[:, 1], edits, vectors().names, ("-1", "+1")))
    lefts = [GAP + k * (SIDE + GAP) + APART * (0, 0, 1, 1, 2, 2)[k] for k in range(6)]
    assert sheet.size == (lefts[-1] + SIDE + GAP, TOP + 2 * (SIDE + GAP))
    pixels = np.asarray(sheet)
    for row in range(2):
        for column, left in enumerate(lefts):
            down = TOP + row * (SIDE + GAP)
            found = pixels[down : down + SIDE, left : left + SIDE]
            assert (found == round(255 * shades[row, column, 0, 0, 0])).all()
    assert (pixels[:TOP].min(axis=2) < 128).any()  # there are words above


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(Refused, match="A figure needs images"):
        edited_images(model(), tw.Dataset("made", InMemory(torch.rand(3, 4))), vectors())
    with pytest.raises(Refused, match="strengths that are finite"):
        edited_images(model(), tw.Dataset("made", InMemory(torch.rand(3, 1, 2, 2))), vectors(), (float("nan"),))


def test_the_table_has_a_line_an_attribute_and_both_methods():
    def shares(value, interval=None):
        return {"value": [value, None], "stderr": [0.01, None], "interval": interval}

    readings = {
        "classifier_accuracy_by_attribute": shares(0.987),
        "attribute_reconstructed_lacking_by_attribute": shares(0.91),
        "attribute_reconstructed_having_by_attribute": shares(0.82),
        "attribute_generated_before_by_attribute": shares(0.44),
        "identity_scale": {"value": 8.125, "stderr": 0.25},
    }
    for ending, success in (("", 0.73), ("_by_regression", 0.64)):
        for name in ("added", "removed", "generated"):
            readings[f"attribute_{name}{ending}_by_attribute"] = shares(success, [[0.60, 0.75], [0.0, 1.0]])
        readings[f"attribute_success{ending}"] = {"value": success, "stderr": 0.011}
    data = {"attributes": ["smile", "hat"], "methods": ["mean-difference", "regression"], "strength": 1.5, "n": 70}
    file = io.StringIO()
    account = {"readings": readings, "data": data, "diagnosis": ["Reconstructions do not keep hat."]}
    Console(file=file, width=110).print(attribute_table(account))
    lines = [" ".join(line.split()) for line in file.getvalue().splitlines()]
    assert "smile 99 91 | 82 73 60–75 73 60–75 73 60–75 44" in lines
    assert "smile 99 91 | 82 64 60–75 64 60–75 64 60–75 44" in lines
    assert "hat — — | — — — — —" in lines
    whole = lines.index("edits judged as asked 0.730 0.640")
    assert lines[whole + 1] == "± 0.011 ± 0.011"
    assert "regression, strength 1.5" in lines
    assert any("70 held-out images" in line for line in lines)
    assert lines[:2] == ["Diagnosis", "• Reconstructions do not keep hat."]
