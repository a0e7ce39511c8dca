"""Image files, read with Pillow: turned as their EXIF tag says, transparency laid over white, 16 bits of grey kept.

Headers alone are read first, and tell what a file would take; what is too large is refused before it is decoded.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from termwise.errors import BadData, TermwiseError

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"))
_GREY = frozenset(("1", "L", "LA", "La"))
_SIXTEEN = 65535
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, rows and columns change places
_BITS = 258  # the TIFF tag of bits a channel
_TooLarge = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file's header says of it.

    Args:
        size: Width and height, as it is to be seen.
        grey: Whether its colours are grey, by their kind.
        deep: Whether a channel has 16 bits.
        cut: Whether a channel has 16 bits, of which Pillow keeps 8, as it does of colours.
        frames: How many pictures it holds.
    """

    size: tuple[int, int]
    grey: bool
    deep: bool
    cut: bool
    frames: int


def image_header(path: Path) -> ImageHeader:
    """What a file's header says; its pixels are not read.

    Raises:
        BadData: It is no image, one of 32 bits a channel, or so large that it may be made to hurt.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with opened(path) as image:
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            colours = _is_grey(image), _is_deep(image, path), _is_cut(image, path)
            return ImageHeader(_upright_size(image), *colours, frames)


@dataclass(frozen=True)
class ImageFiles:
    """Image files as (C, H, W): uint8, or float32 in [0, 1] where some have 16 bits.

    They are scaled and cropped to a square where a size is given. `crop` keeps a part before that: a square in the
    middle, by its side, or a box (left, top, right, bottom).
    """

    paths: Sequence[Path]
    size: int | None
    grey: bool
    crop: int | tuple[int, ...] | None = None
    deep: bool = False
    frames: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, positions: list[int]) -> Tensor:
        """Some of the images, which must be equally large."""
        images = [self.one(position) for position in positions]
        for position, image in zip(positions, images, strict=True):
            if image.shape != images[0].shape:
                raise self._of_another_size(position, image.shape, images[0].shape)
        return torch.stack(images)

    def one(self, position: int) -> Tensor:
        """One image, (C, H, W)."""
        path = self.paths[position]
        with opened(path) as image:
            if self.frames is not None:
                image.seek(self.frames[position])
            deep = _is_deep(image, path)
            if deep and not self.deep:
                raise BadData(f"{path}: expected 8 bits a channel, got 16. Convert it to 8 bits first.")
            upright = ImageOps.exif_transpose(image)
            flat = upright.convert("F") if deep else _flat(upright, self.grey)
            if self.crop is not None:
                flat = _cropped(flat, self.crop, path)
            if self.size is not None:
                flat = ImageOps.fit(flat, (self.size, self.size), Image.Resampling.BICUBIC)
            pixels = torch.from_numpy(np.array(flat))  # (H, W) or (H, W, C)
        pixels = pixels.unsqueeze(0) if pixels.ndim == 2 else pixels.permute(2, 0, 1)  # (C, H, W)
        if not self.deep:
            return pixels
        depth = (pixels / (_SIXTEEN if deep else 255)).clamp(0, 1)  # scaling may overshoot
        return depth if self.grey else depth.expand(3, -1, -1)

    def _of_another_size(self, position: int, shape: Sequence[int], usual: Sequence[int]) -> BadData:
        return BadData(
            f"{self.paths[position]}: expected every image to be {usual[-1]} x {usual[-2]}, as the others are, got "
            f"{shape[-1]} x {shape[-2]}. Pass size= to scale and crop them all."
        )

    def decoded(self) -> Iterator[Tensor]:
        """Every image in order, read by as many threads as torch has."""
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            yield from pool.map(self.one, range(len(self)))

    def pixels(self, shape: tuple[int, ...]) -> Tensor:
        """All images, which have this shape (C, H, W), as one tensor (N, C, H, W)."""
        pixels = torch.empty(len(self), *shape, dtype=torch.float32 if self.deep else torch.uint8)
        for position, image in enumerate(self.decoded()):
            if image.shape != shape:
                raise self._of_another_size(position, image.shape, shape)
            pixels[position] = image
        return pixels


def image_paths(folder: Path) -> list[Path]:
    """Every image below a folder, sorted, hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """An image file; whatever Pillow raises while it is open becomes BadData."""
    try:
        with Image.open(path) as image:
            yield image
    except _TooLarge as error:
        raise BadData(f"{path}: cannot be read as an image: {error} Scale it down first, or remove it.") from None
    except TermwiseError:
        raise
    except Exception as error:  # its parsers raise whatever a torn file brings about
        raise BadData(f"{path}: cannot be read as an image: {error}. Replace or remove it.") from None


def notes_on_images(headers: dict[Path, ImageHeader], grey: bool, asked: bool, first_frames: bool) -> tuple[str, ...]:
    """What image files are taken for, where they could be taken for something else: a sentence each.

    Args:
        headers: By path.
        grey: Whether they are read with one channel.
        asked: Whether that was asked for.
        first_frames: Whether the first picture alone is taken of a file that holds several.
    """
    notes, n = [], len(headers)
    grey_ones = [path.name for path, header in headers.items() if header.grey]
    colour_ones = [path.name for path, header in headers.items() if not header.grey]
    if grey_ones and colour_ones and not asked:
        notes.append(
            f"{_those(colour_ones, n)} in colour, and read as grey, as the others are: grey=false keeps the colours."
            if grey
            else f"{_those(grey_ones, n)} grey, and read with three equal colours: grey=true makes all grey."
        )
    deep = [path.name for path, header in headers.items() if header.deep]
    if deep:
        notes.append(f"{_those(deep, n)} of 16 bits: x is kept as k / 65535, and not in 8 bits.")
    cut = [path.name for path, header in headers.items() if header.cut]
    if cut:
        notes.append(
            f"{_those(cut, n)} of 16 bits a channel, of which Pillow keeps 8. To keep all: import imageio.v3, numpy; "
            'numpy.save("x.npy", numpy.stack([imageio.v3.imread(one) for one in FILES]) / 65535).'
        )
    several = [path.name for path, header in headers.items() if header.frames > 1]
    if several and first_frames:
        most = max(header.frames for header in headers.values())
        notes.append(
            f"{_those(several, n)} of several pictures, up to {most}, and the first alone is taken: frames=all makes "
            "an example of each."
        )
    return tuple(notes)


def mixed_sizes(headers: dict[Path, ImageHeader]) -> BadData | None:
    """The error where images are not equally large: which they are, and what to do."""
    sizes = Counter(header.size for header in headers.values())
    if len(sizes) < 2:
        return None
    usual = sizes.most_common(1)[0][0]
    path, header = next((path, header) for path, header in headers.items() if header.size != usual)
    alike = next(path for path, header in headers.items() if header.size == usual)
    return BadData(
        f"{path}: expected every image to be {usual[0]} x {usual[1]}, as {alike.name} is, got "
        f"{header.size[0]} x {header.size[1]} ({len(sizes)} sizes in all). Pass size= to scale and crop them all "
        "(--set data.size=64)."
    )


def _those(names: list[str], n: int) -> str:
    count = f"{len(names)} of {n} images"
    return f"{count}, {'as ' * (len(names) > 1)}{names[0]}, {'are' if len(names) > 1 else 'is'}"


def _is_grey(image: Image.Image) -> bool:
    """Whether an image's colours can only be grey."""
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB") or [0, 0, 0], dtype=np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in _GREY or image.mode.startswith(("I", "F"))


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an open image after it is turned as its EXIF tag says."""
    exif = Image.Exif()
    if image.format == "PNG":  # whose getexif would read all pixels
        exif.load(image.info.get("exif", b""))
    else:
        exif = image.getexif()
    turned = exif.get(_ORIENTATION, 1) >= 5
    if turned and image.format == "TIFF":  # Pillow turns it by itself, and not every version says so before it is read
        image.load()
        return image.size
    return image.size[::-1] if turned else image.size


def _is_deep(image: Image.Image, path: Path) -> bool:
    """Whether an open image is of 16 bits a channel.

    Raises:
        BadData: It is of 32.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return True
    if image.mode.startswith(("I", "F")):
        raise BadData(
            f"{path}: expected an image of 8 or 16 bits a channel, got 32 (mode {image.mode}), which has no range of "
            'its own. Save the folder as an array: import numpy; from PIL import Image; numpy.save("x.npy", '
            "numpy.stack([numpy.asarray(Image.open(one)) for one in FILES]))."
        )
    return False


def _is_cut(image: Image.Image, path: Path) -> bool:
    """Whether an open image's file has 16 bits a channel, and its pixels 8."""
    if image.mode.startswith("I"):
        return False
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24:] == b"\x10"  # of the header's first chunk
    if image.format == "TIFF":
        return bool(max(np.ravel(image.tag_v2.get(_BITS, 8))) > 8)  # type: ignore[attr-defined]
    return image.format == "PPM" and any(isinstance(most, int) and most > 255 for most in image.tile[0][3])  # type: ignore[attr-defined]


def _flat(image: Image.Image, grey: bool) -> Image.Image:
    """The image in 8 bits of grey or three colours, transparency laid over white."""
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert("L" if grey else "RGB")


def _cropped(image: Image.Image, crop: int | tuple[int, ...], path: Path) -> Image.Image:
    if isinstance(crop, int):
        left, top = (image.width - crop) // 2, (image.height - crop) // 2
        crop = (left, top, left + crop, top + crop)
    left, top, right, bottom = crop
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        raise BadData(
            f"{path}: expected an image that holds the box {list(crop)}, got one of {image.width} x {image.height}. "
            "Give a smaller crop."
        )
    return image.crop((left, top, right, bottom))
