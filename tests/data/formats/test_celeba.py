"""CelebA's layout: the pixels that Pillow crops, the table, the partition, and a cache that is never out of date."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.celeba_folder import NAMES, write_celeba
from termwise.data import load_data
from termwise.data.formats.image_files import ImageFiles
from termwise.errors import BadData

FACES, TABLE, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"


@pytest.fixture
def folder(tmp_path):
    write_celeba(tmp_path / "faces", 16)
    return tmp_path / "faces"


def expected(folder, box=(15, 35, 163, 183), size=64):
    pictures = []
    for path in sorted((folder / FACES).iterdir()):
        with Image.open(path) as image:
            pictures.append(np.array(image.crop(box).resize((size, size), Image.Resampling.BICUBIC)))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255


def caches(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def undecodable(*_):
    raise AssertionError("an image was decoded")


def test_the_layout_is_recognised_with_its_forty_attributes_and_its_partition(tmp_path):
    attributes = write_celeba(tmp_path / "c", 24, NAMES)
    data = load_data(tmp_path / "c")
    assert data.shape == (3, 64, 64)
    assert data.attribute_names == NAMES
    assert data.attributes.tolist() == attributes.tolist()
    assert data.attributes.dtype == torch.int64
    assert data.train.positions.tolist() == [at for at in range(24) if at % 8 < 5]
    assert data.validation.positions.tolist() == [5, 13, 21]
    assert data.test.attributes.tolist() == attributes[[6, 7, 14, 15, 22, 23]].tolist()
    with pytest.raises(BadData, match="validation part of its own"):
        load_data(tmp_path / "c", validation=0.1)
    with pytest.raises(BadData, match="test part of its own"):
        load_data(tmp_path / "c", test=0.1)


def test_without_a_partition_the_split_is_random(tmp_path):
    write_celeba(tmp_path / "c", 10, partition=False)
    data = load_data(tmp_path / "c", validation=0.25)
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 6, "validation": 2, "test": 2}


def test_pictures_are_the_middle_square_or_a_box_scaled_by_pillow(folder):
    assert torch.equal(load_data(folder).tensor(), expected(folder))
    larsen = load_data(folder, crop=[15, 40, 163, 188], size=32)
    assert torch.equal(larsen.tensor(), expected(folder, (15, 40, 163, 188), 32))
    assert torch.equal(load_data(folder, crop=178).tensor(), expected(folder, (0, 20, 178, 198)))


def test_images_are_decoded_once(folder, monkeypatch):
    first = load_data(folder)
    monkeypatch.setattr(ImageFiles, "one", undecodable)
    again = load_data(folder)
    assert torch.equal(first.tensor(), again.tensor())
    streamed = load_data(folder, memory_limit=0)
    assert (first.in_memory, streamed.in_memory) == (True, False)
    order = torch.tensor([9, 0, 3])
    assert torch.equal(next(streamed.batches(3, order)).x, first.tensor()[order])
    assert streamed.fingerprint() == first.fingerprint()


def test_the_cache_follows_the_images_and_the_options(folder):
    load_data(folder)
    before = caches(folder)
    Image.new("RGB", (178, 218), "red").save(folder / FACES / "000004.jpg")
    assert torch.equal(load_data(folder).tensor(), expected(folder))
    assert len(caches(folder)) == len(before) == 1
    assert caches(folder) != before
    assert torch.equal(load_data(folder, size=32).tensor(), expected(folder, size=32))
    assert len(caches(folder)) == 2


def test_an_image_of_the_same_length_but_another_time_is_read_anew(folder, monkeypatch):
    load_data(folder)
    os.utime(folder / FACES / "000002.jpg", (1, 1))
    monkeypatch.setattr(ImageFiles, "one", undecodable)
    with pytest.raises(AssertionError, match="decoded"):
        load_data(folder)


def test_a_damaged_cache_is_made_anew(folder):
    load_data(folder)
    cache = folder / caches(folder)[0]
    cache.write_bytes(cache.read_bytes()[:-1])
    assert torch.equal(load_data(folder).tensor(), expected(folder))


def test_a_cache_folder_is_used_in_place_of_the_images_own(folder, tmp_path, monkeypatch):
    place = tmp_path / "cache"
    with pytest.raises(BadData, match=r"cannot be written.*cache="):
        load_data(folder, cache=str(place))
    place.mkdir()
    data = load_data(folder, cache=str(place))
    assert (len(caches(place)), caches(folder)) == (1, [])
    monkeypatch.setattr(ImageFiles, "one", undecodable)
    assert torch.equal(load_data(folder, cache=str(place)).tensor(), data.tensor())


def test_a_folder_that_cannot_be_written_is_read_into_memory_or_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert torch.equal(load_data(folder).tensor(), expected(folder))
    assert caches(folder) == []
    with pytest.raises(BadData, match="Give a cache folder"):
        load_data(folder, memory_limit=0)


def test_a_broken_image_leaves_nothing_behind(folder):
    path = folder / FACES / "000016.jpg"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BadData, match=r"000016\.jpg: cannot be read as an image"):
        load_data(folder)
    assert caches(folder) == []


def line(path, number, text):
    lines = path.read_text().splitlines()
    lines[number - 1 : number] = [] if text is None else [text]
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / FACES / "000003.jpg").unlink(), f"{FACES}: expected.*lacks 1, the first 000003.jpg"),
        (lambda f: (f / FACES / "000003.jpg").rename(f / FACES / "3.jpg"), f"{FACES}: expected.*lacks 1"),
        (lambda f: Image.new("L", (9, 9)).save(f / FACES / "x.png"), "has beside 1, the first x.png"),
        (lambda f: line(f / TABLE, 5, "000003.jpg 1 -1 1"), f"{TABLE}, line 5: expected 4 values.*got 3"),
        (lambda f: line(f / TABLE, 5, "000003.jpg 1 -1 1 2"), f"{TABLE}, line 5: expected -1 or 1 .*got '2'"),
        (lambda f: line(f / TABLE, 5, "000002.jpg 1 -1 1 1"), f"{TABLE}, line 5: .*000002.jpg again"),
        (lambda f: line(f / TABLE, 5, None), f"{TABLE}: expected 16 images.*got 15"),
        (lambda f: line(f / TABLE, 1, None), f"{TABLE}: expected the number of images on the first line"),
        (lambda f: (f / TABLE).write_text(""), f"{TABLE}: expected the number of images on the first line"),
        (lambda f: (f / TABLE).unlink(), f"{TABLE}: cannot be read.*beside {FACES}"),
        (lambda f: line(f / PARTITION, 2, "000002.jpg 3"), f"{PARTITION}, line 2: expected a name and 0, 1 or 2"),
        (lambda f: line(f / PARTITION, 2, None), f"{PARTITION}: expected a row for.*lacks 1, the first 000002.jpg"),
        (lambda f: line(f / PARTITION, 2, "2.jpg 0\n000002.jpg 0"), f"{PARTITION}.*has beside 1, the first 2.jpg"),
        (lambda f: (f / PARTITION).write_text((f / PARTITION).read_text().replace("g 2", "g 1")), "images that test"),
        (lambda f: Image.new("L", (178, 90)).save(f / FACES / "000003.jpg"), "000003.jpg.*box .15, -29.*178 x 90"),
    ],
)
def test_what_does_not_fit_is_refused_with_one_message_that_names_it(folder, spoil, message):
    spoil(folder)
    with pytest.raises(BadData, match=message) as caught:
        load_data(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"crop": 0}, {"crop": [0, 0, 5]}, {"crop": [0, 0, 50, 40]}, {"size": 4}])
def test_crops_and_sizes_that_cannot_be_are_refused(folder, options):
    with pytest.raises(BadData, match="crop as a side or a square box"):
        load_data(folder, **options)


def test_its_source_makes_it_again(folder):
    data = load_data(folder, crop=[15, 40, 163, 188]).test
    again = load_data(**json.loads(json.dumps(data.source)))
    assert again.fingerprint() == data.fingerprint()
