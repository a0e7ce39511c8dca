"""Folders of images: the pixels that Pillow wrote, labels from subfolders, attributes from a table."""

import numpy as np
import pytest
import torch
from PIL import Image

from termwise.data import load_data
from termwise.errors import BadData

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def write(folder, images, names=None, suffix="png"):
    for position, image in enumerate(images):
        path = folder / (names[position] if names else f"{position}.{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


@pytest.mark.parametrize("suffix", ["png", "bmp", "PNG"])
def test_colour_images_become_channel_first_in_the_order_of_their_names(tmp_path, suffix):
    data = load_data(write(tmp_path, COLOUR, suffix=suffix), test=0.0)
    assert data.shape == (3, 5, 4)
    assert torch.equal(data.tensor(), torch.from_numpy(COLOUR).permute(0, 3, 1, 2) / 255)
    assert data.labels is None


def test_grey_images_keep_one_channel_unless_three_are_asked_for(tmp_path):
    write(tmp_path, GREY, suffix="pgm")
    assert torch.equal(load_data(tmp_path, test=0.0).tensor()[:, 0], torch.from_numpy(GREY) / 255)
    assert load_data(tmp_path, grey=False).shape == (3, 5, 4)


def test_colour_among_grey_images_makes_them_all_colour_and_that_is_said(tmp_path):
    write(tmp_path, [*GREY[:3], COLOUR[0]])
    data = load_data(tmp_path)
    assert data.shape == (3, 5, 4)
    assert data.notes == (
        "3 of 4 images, as 0.png, are grey, and read with three equal colours: grey=true makes all grey.",
    )
    assert load_data(tmp_path, grey=True).shape == (1, 5, 4)
    assert load_data(tmp_path, grey=True).notes == ()


def test_one_stray_colour_image_is_read_as_grey_and_that_is_said(tmp_path):
    write(tmp_path, [*[GREY[0]] * 12, COLOUR[0], *[GREY[1]] * 12])
    data = load_data(tmp_path)
    assert data.shape == (1, 5, 4)
    assert data.notes == (
        "1 of 25 images, 12.png, is in colour, and read as grey, as the others are: grey=false keeps the colours.",
    )
    assert load_data(tmp_path, grey=False).shape == (3, 5, 4)
    assert load_data(tmp_path, grey=False).notes == ()


@pytest.mark.parametrize("workers", [0, 2])
def test_images_too_large_for_memory_are_streamed_with_the_same_batches(tmp_path, workers):
    held = load_data(write(tmp_path, COLOUR))
    streamed = load_data(tmp_path, memory_limit=100, num_workers=workers)
    assert held.in_memory
    assert not streamed.in_memory
    assert torch.equal(held.train.tensor(), streamed.train.tensor())


def test_size_scales_the_shorter_side_and_crops_the_middle(tmp_path):
    wide = RNG.integers(0, 256, (8, 24, 3), dtype=np.uint8)
    write(tmp_path, [wide, wide.transpose(1, 0, 2)])
    across, down = load_data(tmp_path, size=4, test=0.0).tensor() * 255
    scaled = Image.fromarray(wide).resize((12, 4), Image.Resampling.BICUBIC).crop((4, 0, 8, 4))
    assert np.allclose(across.permute(1, 2, 0), scaled, atol=1e-3)
    assert torch.allclose(down, across.transpose(1, 2), atol=1.01)  # the two passes round in another order


def test_mixed_sizes_ask_for_size(tmp_path):
    write(tmp_path, [COLOUR[0], COLOUR[1], COLOUR[2][:3]])
    with pytest.raises(BadData, match=r"2\.png: expected every image to be 4 x 5.*got 4 x 3.*size="):
        load_data(tmp_path)
    assert load_data(tmp_path, size=3).shape == (3, 3, 3)


def test_a_size_that_changes_after_loading_is_found_while_streaming(tmp_path):
    data = load_data(write(tmp_path, COLOUR), memory_limit=1, test=0.0)
    write(tmp_path, [COLOUR[0][:2]])
    with pytest.raises(
        BadData, match=r"expected every image to be 4 x [25], as the others are, got 4 x [25]"
    ) as caught:
        data.tensor()
    assert "\n" not in str(caught.value)


def test_transparency_is_laid_over_white(tmp_path):
    clear = np.zeros((4, 4, 4), dtype=np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    x = load_data(write(tmp_path, [clear, clear]), test=0.0).tensor() * 255
    assert x[0, :, 0, 0].tolist() == pytest.approx([10, 20, 30])
    assert (x[0, :, 1:] == 255).all()


def test_class_folders_are_labels(tmp_path):
    write(tmp_path, COLOUR, ["cat/a.png", "dog/b.png", "cat/c.png", "ant/far/d.png", "dog/e.png", "cat/f.png"])
    data = load_data(tmp_path, test=0.0)
    assert data.label_names == ("ant", "cat", "dog")
    assert data.labels.tolist() == [0, 1, 1, 1, 2, 2]
    order = [3, 0, 2, 5, 1, 4]
    assert torch.equal(data.tensor(), torch.from_numpy(COLOUR[order]).permute(0, 3, 1, 2) / 255)


def test_subfolders_beside_loose_images_are_no_classes(tmp_path):
    assert load_data(write(tmp_path, COLOUR[:3], ["loose.png", "cat/a.png", "dog/b.png"])).labels is None


def test_one_subfolder_is_no_class(tmp_path):
    assert load_data(write(tmp_path / "all", COLOUR).parent).labels is None


@pytest.mark.parametrize(("words", "names"), [("310251", ""), ("abbaba", "ab")])
def test_a_class_file_beside_each_image_is_its_label(tmp_path, words, names):
    write(tmp_path, COLOUR, [f"{number:03}.jpg" for number in range(6)])
    for number, word in enumerate(words):
        (tmp_path / f"{number:03}.cls").write_text(f"{word}\n")
    data = load_data(tmp_path, test=0.0)
    assert data.label_names == tuple(names)
    assert [names[code] if names else str(code) for code in data.labels.tolist()] == list(words)
    assert data.notes == ("Labels are those in the .cls file beside each image.",)
    (tmp_path / "004.cls").unlink()
    with pytest.raises(BadData, match=r"004.cls: expected the label of the file beside it, as the first has one"):
        load_data(tmp_path)


def test_what_else_lies_beside_images_is_said_to_be_left_out(tmp_path):
    write(tmp_path, COLOUR)
    (tmp_path / "0.json").write_text("{}")
    assert "Files as 0.json, beside each image, are left out" in load_data(tmp_path).notes[0]


@pytest.mark.parametrize("off", ["0", "-1"])
def test_a_table_in_the_folder_gives_attributes_whatever_its_order(tmp_path, off):
    write(tmp_path, COLOUR)
    rows = [f"{i}.png,{'1' if i % 2 else off},{'1' if i > 3 else off}" for i in (5, 3, 0, 1, 2, 4)]
    (tmp_path / "attributes.csv").write_text("\n".join(["file,odd,late", *rows, f"absent.png,{off},1"]))
    data = load_data(tmp_path, test=0.0)
    assert data.attribute_names == ("odd", "late")
    assert data.attributes.tolist() == [[i % 2, int(i > 3)] for i in range(6)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,a\n0.png,1\n", "none for 1.png"),
        ("file,a\n" + "".join(f"{i}.png,{i}\n" for i in range(6)), "column 'a'.*got 2.*labels=NAME"),
        ("file,a\n" + "".join(f"{i}.png,{i % 3 - 1}\n" for i in range(6)), "both 0 and -1"),
    ],
)
def test_a_table_of_attributes_that_does_not_fit_is_refused(tmp_path, table, message):
    write(tmp_path, COLOUR)
    (tmp_path / "attributes.csv").write_text(table)
    with pytest.raises(BadData, match=rf"attributes\.csv.*{message}"):
        load_data(tmp_path)


@pytest.mark.parametrize("options", [{}, {"size": 4, "grey": True}, {"size": 4, "grey": True, "memory_limit": 1}])
@pytest.mark.parametrize(
    "spoil", [lambda whole: whole[: len(whole) // 2], lambda whole: b"no image", lambda whole: b""]
)
def test_a_broken_image_is_refused_by_name(tmp_path, spoil, options):
    write(tmp_path, COLOUR)
    path = tmp_path / "3.png"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BadData, match=r"3\.png: cannot be read as an image") as caught:
        load_data(tmp_path, **options, test=0.0).tensor()
    assert "\n" not in str(caught.value)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(BadData, match=r"got a folder of another kind.*idx, an IDX file.*a folder of images"):
        load_data(tmp_path)
    write(tmp_path, COLOUR[:1])
    with pytest.raises(BadData, match="two examples"):
        load_data(tmp_path)
    with pytest.raises(BadData, match=r"got one image, 4 x 5\. Pass the folder .*reshape\(-1, 32, 32, 3\)"):
        load_data(tmp_path / "0.png")
    for size in (0, 10**6):
        with pytest.raises(BadData, match="size in pixels, from 1 to 4096"):
            load_data(tmp_path, size=size)


def test_folders_of_parts_keep_the_users_split_and_the_classes_below(tmp_path):
    names = [f"{part}/{kind}/{n}.png" for part in ("train", "test") for kind in ("cat", "dog") for n in range(3)]
    pixels = RNG.integers(0, 256, (len(names), 5, 4), dtype=np.uint8)
    write(tmp_path, pixels, names)
    data = load_data(tmp_path)
    assert data.label_names == ("cat", "dog")
    for split, rows in (("train", slice(0, 6)), ("test", slice(6, 12))):
        assert torch.equal(data.split(split).tensor()[:, 0], torch.from_numpy(pixels[rows]) / 255)
        assert data.split(split).labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.notes == ("The folders test, train are taken for parts, and not for classes.",)
    with pytest.raises(BadData, match="a test part of its own"):
        load_data(tmp_path, test=0.2)
