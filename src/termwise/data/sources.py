"""The one table of sources, by name, and the formats that a path can have. A new one is one row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from termwise.data.arrays import load_npy, load_npz
from termwise.data.bundled import load_digits, load_four_points
from termwise.data.celeba import FOLDER, load_celeba
from termwise.data.dataset import Dataset
from termwise.data.idx import is_idx, load_idx, usual_files
from termwise.data.images import SUFFIXES, image_paths, load_images
from termwise.data.objects import load_array, load_torch
from termwise.data.sprites import load_sprites
from termwise.data.sprites_colour import load_sprites_colour
from termwise.data.tables import load_csv
from termwise.errors import BadData, UnknownName


@dataclass(frozen=True, slots=True)
class Option:
    """What an option does, and the types that its value may have."""

    description: str
    kind: type | tuple[type, ...]

    def accepts(self, value: object) -> bool:
        """Whether a value has the option's type; a bool is no number."""
        kinds = self.kind if isinstance(self.kind, tuple) else (self.kind,)
        return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


@dataclass(frozen=True, slots=True)
class Source:
    """Somewhere that data come from.

    Args:
        name: Of the source, or of the format.
        description: One line for a list.
        load: Makes the Dataset, without splits unless the source has its own; takes a path first if it is a format.
        options: What `load` takes beside, by name.
        seeded: Whether `load` takes the seed.
    """

    name: str
    description: str
    load: Callable[..., Dataset]
    options: Mapping[str, Option] = field(default_factory=dict)
    seeded: bool = False

    def check(self, options: Mapping[str, object]) -> None:
        """Raise UnknownName or BadData unless `load` takes all of these."""
        check_options(self.name, self.options, options)


def check_options(where: str, known: Mapping[str, Option], given: Mapping[str, object]) -> None:
    """Raise UnknownName or BadData unless all options given are known and of the right type."""
    for name, value in given.items():
        if not known:
            raise BadData(f"{where} takes no options, got {name}={value!r}. Leave it out.")
        if name not in known:
            raise UnknownName(f"option of {where}", name, known)
        if not known[name].accepts(value):
            raise BadData(
                f"{where}: expected {name} to be {known[name].description}, got {value!r} ({type(value).__name__})."
            )


_NUMBER = (int, float)
_WORKERS = Option("the number of processes that read ahead while streaming", int)
_LIMIT = Option("the bytes above which data are streamed from disk", int)
_NAME = Option("what to call the data", str)

ALWAYS: dict[str, Option] = {
    "validation": Option("the fraction of the training part that validates", _NUMBER),
    "test": Option("the fraction that tests", _NUMBER),
    "seed": Option("a whole number", int),
    "attributes": Option('"labels", to make an attribute of every label', str),
    "label_names": Option("a list of names for the labels 0, 1, ...", (list, tuple)),
    "pad": Option("the side in pixels to which pictures are padded with zeros", int),
    "binarize": Option("threshold, fixed or dynamic", str),
}

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("digits", "1,797 real handwritten digits, 8 x 8, with labels; from scikit-learn", load_digits),
        Source(
            "sprites",
            "737,280 binary 64 x 64 images of five known factors; a re-creation of dSprites, not the published file",
            load_sprites,
            {
                "fraction": Option("the fraction of images to take, 0 < fraction <= 1", _NUMBER),
                "factors": Option('the indices to keep by factor, as {"shape": ["heart"], "scale": [0, 5]}', dict),
                "in_memory": Option("true to render everything once, up to 512 MiB, or false", bool),
            },
            seeded=True,
        ),
        Source(
            "sprites-colour",
            "64 x 64 creatures in colour with ten binary attributes, some correlated; painted as they are asked for",
            load_sprites_colour,
            {
                "count": Option("how many", int),
                "size": Option("the side in pixels, 32 or more", int),
                "correlation": Option("that of the attributes that belong together, from -1 to 1", _NUMBER),
                "in_memory": Option("true to paint everything once, up to 1 GiB, or false", bool),
            },
            seeded=True,
        ),
        Source("four-points", "the four one-hot vectors of four dimensions, for checks of theory", load_four_points),
    )
}

FORMATS: dict[str, Source] = {
    source.name: source
    for source in (
        Source("idx", "an IDX file, or a folder with train and t10k files, as of MNIST; plain or .gz", load_idx),
        Source("npy", "one array (N, ...)", load_npy, {"memory_limit": _LIMIT, "num_workers": _WORKERS}),
        Source("npz", "arrays x, labels, factors, attributes; or x_train, x_test, y_train, y_test", load_npz),
        Source("csv", "a table of numbers", load_csv, {"labels": Option("the column that holds labels", str)}),
        Source(
            "celeba",
            "a folder laid out as CelebA is: img_align_celeba, list_attr_celeba.txt and perhaps the partition",
            load_celeba,
            {
                "size": Option("the side in pixels to scale to", int),
                "crop": Option(
                    "the side of the middle square to keep, or a box [left, top, right, bottom]", (int, list, tuple)
                ),
                "cache": Option("a folder for the scaled pixels", str),
                "memory_limit": _LIMIT,
            },
        ),
        Source(
            "images",
            "a folder of images; subfolders are labels, a CSV file in it attributes",
            load_images,
            {
                "size": Option("the side in pixels to scale and crop to", int),
                "grey": Option("true for one channel, false for three", bool),
                "memory_limit": _LIMIT,
                "num_workers": _WORKERS,
            },
        ),
    )
}

ARRAY = Source(
    "array",
    "a Tensor or ndarray (N, ...)",
    load_array,
    {
        "name": _NAME,
        "factors": Option("factor indices (N, F)", object),
        "factor_names": Option("F names", (list, tuple)),
        "attributes": Option("attributes (N, A)", object),
        "attribute_names": Option("A names", (list, tuple)),
    },
)
TORCH = Source(
    "torch dataset",
    "a map-style torch Dataset of x or (x, label)",
    load_torch,
    {"name": _NAME, "num_workers": _WORKERS},
)


def format_of(path: Path) -> Source:
    """The format of a file or folder that exists.

    Raises:
        BadData: None that is known.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        if (path / FOLDER).is_dir():
            return FORMATS["celeba"]
        if usual_files(path):
            return FORMATS["idx"]
        if image_paths(path):
            return FORMATS["images"]
        raise BadData(
            f"{path}: expected a folder of images, or one with train-images-idx3-ubyte or t10k-images-idx3-ubyte "
            "(.gz), got neither."
        )
    if not path.stat().st_size:
        raise BadData(f"{path}: expected data, got an empty file.")
    if suffix in (".npy", ".npz"):
        return FORMATS[suffix[1:]]
    if suffix in (".csv", ".tsv"):
        return FORMATS["csv"]
    if is_idx(path):
        return FORMATS["idx"]
    if suffix in SUFFIXES:
        raise BadData(f"{path}: expected a folder of images, got one image. Pass the folder that it is in.")
    raise BadData(f"{path}: expected .npy, .npz, .csv, .tsv or IDX, got a file of another kind.")
