"""Image files of every kind that people have: seen as a viewer shows them, or what is lost is said."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from termwise import main_memory
from termwise.data import load_data
from termwise.errors import BadData, Refused

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (3, 6, 8, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def save(folder, images, suffix="png", **options):
    for position, image in enumerate(images):
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
            folder / f"{position}.{suffix}", **options
        )
    return folder


def x_of(folder, **options):
    """What is loaded of a folder, as (N, H, W, C) from 0 to 255."""
    return load_data(folder, test=0.0, **options).tensor().permute(0, 2, 3, 1) * 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_pictures_are_turned_as_their_exif_tag_says(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path, COLOUR, suffix, exif=exif)
    seen = [np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")) for path in sorted(tmp_path.iterdir())]
    assert seen[0].shape == ((8, 6, 3) if orientation > 4 else (6, 8, 3))
    assert np.allclose(x_of(tmp_path), np.stack(seen), atol=1e-3)
    if suffix == "png":  # without loss, and by hand
        turned = {1: lambda x: x, 3: lambda x: x[:, ::-1, ::-1], 6: lambda x: np.rot90(x, -1, (1, 2)),
                  8: lambda x: np.rot90(x, 1, (1, 2))}.get(orientation)  # fmt: skip
        assert turned is None or np.allclose(x_of(tmp_path), turned(COLOUR), atol=1e-3)


def test_sizes_are_compared_after_turning(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR[0]).save(tmp_path / "a.png")
    Image.fromarray(COLOUR[1].transpose(1, 0, 2)).save(tmp_path / "b.png", exif=exif)
    assert load_data(tmp_path).shape == (3, 6, 8)
    Image.fromarray(COLOUR[1]).save(tmp_path / "b.png", exif=exif)
    with pytest.raises(BadData, match=r"got 6 x 8 \(2 sizes in all\)\. Pass size="):
        load_data(tmp_path)


@pytest.mark.parametrize("shade", [lambda k: (k, k, k), lambda k: (k, 0, 255 - k)], ids=["grey", "colour"])
def test_a_palette_is_looked_up(tmp_path, shade):
    images = []
    for codes in GREY:
        image = Image.fromarray(codes, mode="P")
        image.putpalette([channel for k in range(256) for channel in shade(k)])
        images.append(image)
    wanted = np.array([[[shade(int(k)) for k in row] for row in image] for image in GREY])
    grey = shade(3)[1] == 3
    assert np.allclose(x_of(save(tmp_path, images)), wanted[..., :1] if grey else wanted, atol=1e-3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_laid_over_white(tmp_path, mode):
    alpha = Image.fromarray(GREY[1])
    image = Image.fromarray(COLOUR[0]).convert(mode[:-1])
    image = image.copy()
    image.putalpha(alpha)
    suffix = "tif" if mode == "PA" else "png"
    save(tmp_path, [image, image], suffix)
    with Image.open(tmp_path / f"0.{suffix}") as opened:
        solid = np.asarray(opened.convert("RGBA")).astype(float)
    wanted = solid[..., 3:] / 255 * solid[..., :3] + 255 - solid[..., 3:]
    x = x_of(tmp_path)[0]
    assert np.allclose(x, wanted[..., :1] if mode == "LA" else wanted, atol=1.01)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
@pytest.mark.parametrize("options", [{}, {"memory_limit": 1, "num_workers": 0}])
def test_sixteen_bits_of_grey_are_kept(tmp_path, suffix, options):
    deep = RNG.integers(0, 65536, (4, 6, 8), dtype=np.uint16)
    if suffix == "pgm":  # which older Pillow reads, and does not write
        for n, image in enumerate(deep):
            (tmp_path / f"{n}.pgm").write_bytes(b"P5 8 6 65535\n" + image.astype(">u2").tobytes())
    else:
        save(tmp_path, deep, suffix)
    data = load_data(tmp_path, test=0.0, **options)
    assert torch.allclose(data.tensor()[:, 0], torch.from_numpy(deep / 65535).float(), atol=1e-7)
    assert len(data.tensor().unique()) > 180
    assert data.notes == (f"4 of 4 images, as 0.{suffix}, are of 16 bits: x is kept as k / 65535, and not in 8 bits.",)


def test_eight_and_sixteen_bits_are_brought_to_one_range(tmp_path):
    save(tmp_path, [GREY[0], GREY[0].astype(np.uint16) * 257])
    x = load_data(tmp_path, test=0.0).tensor()
    assert torch.allclose(x[0], x[1])
    assert load_data(tmp_path, size=4).shape == (1, 4, 4)
    assert load_data(tmp_path, grey=False).shape == (3, 6, 8)
    bounded = load_data(tmp_path, size=5).value_range()
    assert bounded.minimum >= 0 and bounded.maximum <= 1


def png(width, height, bits, kind, rows):
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def deep_png(pixels):
    """A PNG file of 16 bits a channel, which Pillow does not write: (H, W, C) as bytes."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(width, height, 16, {2: 4, 3: 2, 4: 6}[channels], rows)


def deep_ppm(pixels):
    height, width, _ = pixels.shape
    return b"P6\n%d %d\n65535\n" % (width, height) + pixels.astype(">u2").tobytes()


def deep_tiff(pixels):
    """An uncompressed TIFF file of three channels of 16 bits."""
    height, width, _ = pixels.shape
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 140),
            (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, pixels.size * 2), (284, 3, 1, 1)]  # fmt: skip
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + struct.pack("<I", 0)
    return head + struct.pack("<3H", 16, 16, 16) + pixels.astype("<u2").tobytes()


@pytest.mark.parametrize(
    ("write", "suffix", "channels"),
    [(deep_png, "png", 3), (deep_png, "png", 4), (deep_png, "png", 2), (deep_ppm, "ppm", 3), (deep_tiff, "tif", 3)],
)
def test_sixteen_bits_of_colour_that_pillow_cuts_are_said_to_be_cut(tmp_path, write, suffix, channels):
    for position in range(2):
        pixels = RNG.integers(0, 65536, (6, 8, channels), dtype=np.uint16)
        (tmp_path / f"{position}.{suffix}").write_bytes(write(pixels))
    (note,) = load_data(tmp_path).notes
    assert note.startswith(f"2 of 2 images, as 0.{suffix}, are of 16 bits a channel, of which Pillow keeps 8. To keep")
    assert "imageio.v3.imread(one)" in note


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_thirty_two_bits_are_refused_with_the_lines_that_make_an_array(tmp_path, dtype):
    save(tmp_path, GREY.astype(dtype), "tif")
    with pytest.raises(BadData, match=r"0\.tif: expected an image of 8 or 16 bits a channel, got 32 .*numpy\.save"):
        load_data(tmp_path)


def film(path, count=5, **options):
    frames = [Image.fromarray(np.full((6, 8), 40 * k + 10, np.uint8)) for k in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


@pytest.mark.parametrize("suffix", ["gif", "tif", "png", "webp"])
def test_of_several_frames_the_first_is_taken_and_that_is_said_or_all_where_asked_for(tmp_path, suffix):
    options = {"webp": {"lossless": True}}.get(suffix, {})
    for name in ("a", "b"):
        film(tmp_path / f"{name}.{suffix}", **options)
    data = load_data(tmp_path, test=0.0)
    assert len(data) == 2
    (note,) = [note for note in data.notes if "several" in note]
    assert note == (
        f"2 of 2 images, as a.{suffix}, are of several pictures, up to 5, and the first alone is taken: frames=all "
        "makes an example of each."
    )
    every = load_data(tmp_path, frames="all", test=0.0)
    assert every.notes == ()
    assert (every.tensor() * 255)[:, 0, 3, 3].round().tolist() == [10, 50, 90, 130, 170] * 2
    streamed = load_data(tmp_path, frames="all", memory_limit=1, num_workers=0, test=0.0)
    assert torch.equal(streamed.tensor(), every.tensor())


@pytest.mark.parametrize("suffix", ["gif", "tif"])
def test_one_file_of_several_pictures_is_a_set_of_them(tmp_path, suffix):
    data = load_data(film(tmp_path / f"film.{suffix}"), test=0.0)
    assert (len(data), data.name, data.notes) == (5, "film", ())


def test_pages_of_several_sizes_are_refused(tmp_path):
    pages = [Image.fromarray(GREY[0]), Image.fromarray(GREY[1][:4])]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(BadData, match=r"pages\.tif: expected every image to be 8 x 6, as the others are, got 8 x 4"):
        load_data(tmp_path / "pages.tif")


def bomb(path, width, height):
    """A small file that says it is a large picture."""
    path.write_bytes(png(width, height, 8, 2, b"\0" * 100))
    return path


@pytest.mark.parametrize("options", [{}, {"size": 32}, {"size": 32, "grey": True, "memory_limit": 1}])
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_picture_that_is_made_to_hurt_is_refused_before_it_is_decoded(tmp_path, side, options, recwarn):
    bomb(tmp_path / "a.png", side, side)
    with pytest.raises(BadData, match=r"a\.png: cannot be read as an image: .* could be decompression bomb"):
        load_data(tmp_path, **options)
    assert not recwarn.list


def test_a_picture_too_large_to_train_on_asks_for_size(tmp_path):
    bomb(tmp_path / "strip.png", 1024, 10_000)
    with pytest.raises(BadData, match=r"strip\.png: expected .* 8388608 numbers or fewer, got 1024 x 10000 x 3\. Pass"):
        load_data(tmp_path)
    with pytest.raises(BadData, match=r"strip\.png: .* where each of its rows is .*reshape\(-1, 32, 32, 3\)"):
        load_data(tmp_path)
    with pytest.raises(BadData, match=r"got one image, 1024 x 10000\. .* cut it first"):
        load_data(tmp_path / "strip.png")


def test_pictures_that_memory_does_not_hold_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    save(tmp_path, COLOUR)
    monkeypatch.setattr(main_memory, "available", lambda: 400)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: pytest.fail("allocated"))
    with pytest.raises(Refused, match=r"in memory, would take 432 bytes, and 400 can be had\. Read .* memory_limit=0"):
        load_data(tmp_path)
    monkeypatch.setattr(main_memory, "available", lambda: 300)
    with pytest.raises(Refused, match=r"0\.png of 8 x 6 pixels, decoded, would take 384 bytes"):
        load_data(tmp_path)


def test_whatever_pillow_raises_of_a_torn_file_is_one_message(tmp_path):
    (tmp_path / "a.tif").write_bytes(
        b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 256, 3, 1, 8, 257, 2, 0, 0, 0)
    )  # no height
    with pytest.raises(BadData, match=r"a\.tif: cannot be read as an image"):
        load_data(tmp_path)
