"""The tables of where data come from: names, formats of files and folders, and objects of Python's.

To add one: a function that returns a Dataset, in a file of its own, and a row here. Its arguments are options, their
annotations say which values they can have, and its docstring what they mean. Nothing here imports torch.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from termwise.data.formats.elsewhere import remark_elsewhere
from termwise.data.options import check_options
from termwise.data.tables.options import in_words
from termwise.errors import BadData
from termwise.registry import Registry, Row

if TYPE_CHECKING:
    import inspect

    from termwise.data.dataset import Dataset


@dataclass(frozen=True)
class Source(Row):
    """Data that go by a name. `make` returns the Dataset, without splits unless the source has its own.

    Where `make` has an argument `seed`, it is given that of `load_data`; its other arguments are options.

    Example:
        >>> import torch
        >>> from termwise.data import load_data
        >>> def load_ramp(*, n: int = 10):
        ...     return load_data(torch.linspace(0, 1, n).unsqueeze(1), test=0.0, name="ramp")
        >>> Source("ramp", load_ramp, "numbers that grow").load(seed=0, options={"n": 5})
        Dataset('ramp': 5 examples of shape (1,), train 5)
    """

    @property
    def options(self) -> "dict[str, inspect.Parameter]":
        """What it can be given, by name."""
        return {name: parameter for name, parameter in super().options.items() if name != "seed"}

    def load(self, seed: int, options: dict[str, Any]) -> "Dataset":
        """The whole data set of this name, with the splits that it has itself, if any.

        Raises:
            UnknownName: There is no such option.
            BadData: An option cannot have this value.
        """
        check_options(self.name, self.maker, options, self.options)
        data: Dataset = self.maker(**options, **({"seed": seed} if "seed" in super().options else {}))
        return data


@dataclass(frozen=True)
class Format(Row):
    """Files, folders or objects of one kind. `make` takes one first; its other arguments are options.

    Attributes:
        fits: Whether something is of this kind; or where that is, "module:attribute". A path is one that exists.

    Example:
        >>> def load_bits(path, *, invert: bool = False):
        ...     return load_data([[float(bit) != invert] for bit in path.read_text()])
        >>> row = Format("bits", load_bits, "zeros and ones", fits=lambda path: path.suffix == ".bits")
        >>> list(row.options), row.is_of(Path("x.bits"))
        (['invert'], True)
    """

    fits: Callable[[Any], bool] | str = "builtins:bool"

    @property
    def options(self) -> "dict[str, inspect.Parameter]":
        """What it can be given, by name."""
        return dict(list(super().options.items())[1:])

    def is_of(self, thing: Any) -> bool:
        """Whether a path or an object is of this kind."""
        fits = pkgutil.resolve_name(self.fits) if isinstance(self.fits, str) else self.fits
        return bool(fits(thing))

    def load(self, thing: Any, options: dict[str, Any]) -> "Dataset":
        """The whole data set in a file, folder or object, with the splits that it has itself, if any.

        Raises:
            UnknownName: There is no such option.
            BadData: An option cannot have this value.
        """
        check_options(self.name, self.maker, options, self.options)
        data: Dataset = self.maker(thing, **options)
        return data


def _ends_with(*suffixes: str) -> Callable[[Path], bool]:
    """Whether a path is a file whose name ends so."""
    return lambda path: path.suffix.lower() in suffixes and path.is_file()


_HERE = "termwise.data"
_FORMATS = "termwise.data.formats"

SOURCES: Registry[Source] = Registry(
    "data source",
    "termwise.sources",
    [
        Source(
            "digits",
            f"{_HERE}.digits:load_digits",
            "1,797 real handwritten digits, 8 x 8, with labels; from scikit-learn",
        ),
        Source(
            "sprites",
            f"{_HERE}.sprites:load_sprites",
            "737,280 binary 64 x 64 images of five known factors; a re-creation of dSprites, not the published file",
        ),
        Source(
            "sprites-colour",
            f"{_HERE}.sprites_colour:load_sprites_colour",
            "64 x 64 creatures in colour with ten binary attributes, some correlated; painted as they are asked for",
        ),
        Source(
            "four-points",
            f"{_HERE}.four_points:load_four_points",
            "the four one-hot vectors of four dimensions, for checks of theory",
        ),
    ],
)
"""The sources by name."""

FORMATS: Registry[Format] = Registry(
    "format of data",
    "termwise.formats",
    [
        Format(
            "idx",
            f"{_FORMATS}.idx_files:load_idx",
            "an IDX file, or a folder with train and t10k files, as of MNIST; plain or .gz",
            fits=f"{_FORMATS}.idx_files:is_idx",
        ),
        Format("npy", f"{_FORMATS}.array_files:load_npy", "one array (N, ...)", fits=_ends_with(".npy")),
        Format(
            "npz",
            f"{_FORMATS}.npz_files:load_npz",
            "arrays x, labels, factors, attributes, or x_train, x_test, y_train, y_test; or scipy's sparse matrix",
            fits=_ends_with(".npz"),
        ),
        Format(
            "ucr",
            f"{_FORMATS}.ucr_files:load_ucr",
            "time series in NAME_TRAIN.tsv and NAME_TEST.tsv, or .txt, as of the UCR archive, in a folder",
            fits=f"{_FORMATS}.ucr_files:is_ucr",
        ),
        Format(
            "csv",
            f"{_FORMATS}.csv_files:load_csv",
            "a table in text, .csv, .tsv, .tab, .txt, .dat or .data, plain or .gz",
            fits=f"{_FORMATS}.csv_files:is_text_table",
        ),
        Format(
            "mat",
            f"{_FORMATS}.mat_files:load_mat",
            "arrays in a .mat file of MATLAB's, up to version 7",
            fits=_ends_with(".mat"),
        ),
        Format(
            "arff",
            f"{_FORMATS}.arff_files:load_arff",
            "a table in an .arff file, or in NAME_TRAIN.arff and NAME_TEST.arff in a folder",
            fits=f"{_FORMATS}.arff_files:is_arff",
        ),
        Format(
            "ts",
            f"{_FORMATS}.ts_files:load_ts",
            "time series in a .ts file, or in NAME_TRAIN.ts and NAME_TEST.ts in a folder",
            fits=f"{_FORMATS}.ts_files:is_ts",
        ),
        Format(
            "mtx",
            f"{_FORMATS}.mtx_files:load_mtx",
            "a sparse matrix in a .mtx file, or a folder of 10x Genomics with one; plain or .gz",
            fits=f"{_FORMATS}.mtx_files:is_mtx",
        ),
        Format(
            "h5ad",
            f"{_FORMATS}.h5ad_files:load_h5ad",
            "cells by genes in an AnnData file (extra: science)",
            fits=_ends_with(".h5ad"),
        ),
        Format(
            "arrow",
            f"{_FORMATS}.arrow_files:load_arrow",
            "a table in Parquet or Feather, .parquet, .pq, .feather, .arrow or .ipc, by pip install 'termwise[tables]'",
            fits=f"{_FORMATS}.arrow_files:is_arrow_file",
        ),
        Format(
            "celeba",
            f"{_FORMATS}.celeba:load_celeba",
            "a folder laid out as CelebA is: img_align_celeba, list_attr_celeba.txt and perhaps the partition",
            fits=f"{_FORMATS}.celeba:is_celeba",
        ),
        Format(
            "images",
            f"{_FORMATS}.image_folders:load_images",
            "a folder of images; subfolders are labels, or train and test; a CSV file in it attributes",
            fits=f"{_FORMATS}.image_folders:is_images",
        ),
        Format(
            "wav",
            f"{_FORMATS}.wav_files:load_wav",
            "a folder of .wav files; or one, cut into windows",
            fits=f"{_FORMATS}.wav_files:is_wav",
        ),
    ],
)
"""The formats of files and folders by name; a path is read by the first that it fits."""

OBJECTS: Registry[Format] = Registry(
    "kind of data object",
    "termwise.objects",
    [
        Format(
            "array",
            f"{_FORMATS}.python_objects:load_array",
            "a Tensor or ndarray (N, ...)",
            fits=f"{_FORMATS}.python_objects:is_array",
        ),
        Format(
            "anndata",
            f"{_FORMATS}.h5ad_files:load_anndata",
            "an AnnData object",
            fits=f"{_FORMATS}.h5ad_files:is_anndata",
        ),
        Format(
            "sparse",
            f"{_FORMATS}.python_objects:load_sparse",
            "a sparse matrix of scipy's (N, D)",
            fits=f"{_HERE}.sparse_rows:is_sparse",
        ),
        Format(
            "table",
            f"{_FORMATS}.frames:load_table",
            "a data frame of any library, an Arrow table, a dictionary of columns, or a list of rows",
            fits=f"{_FORMATS}.frames:is_table",
        ),
        Format(
            "hugging face dataset",
            f"{_FORMATS}.item_datasets:load_hugging_face",
            "a Dataset of Hugging Face's datasets",
            fits=f"{_FORMATS}.item_datasets:is_hugging_face",
        ),
        Format(
            "torch dataset",
            f"{_FORMATS}.item_datasets:load_torch",
            "a map-style torch Dataset of x, (x, label) or dictionaries",
            fits=f"{_FORMATS}.item_datasets:is_torch_dataset",
        ),
    ],
)
"""The kinds of Python objects that hold data, by name; an object is read by the first that it fits."""


def format_of(path: Path) -> Format:
    """The format of a file or folder that exists.

    Raises:
        BadData: None that there is a row of.
    """
    if path.is_file() and not path.stat().st_size:
        raise BadData(f"{path}: expected data, got an empty file.")
    for row in FORMATS.values():
        if row.is_of(path):
            return row
    if remark := remark_elsewhere(path):
        raise BadData(remark)
    rows = "; ".join(f"{row.name}, {row.summary}" for row in FORMATS.values())
    kind = "folder" if path.is_dir() else "file"
    inside = [one.name for one in sorted(path.iterdir()) if _known(one)] if path.is_dir() else []
    pass_one = f" In it, {in_words(inside)} can be read: pass one of them." if inside else ""
    raise BadData(f"{path}: expected a file or folder of data, got a {kind} of another kind.{pass_one} Known: {rows}.")


def _known(path: Path) -> bool:
    """Whether it is a file or a folder, and not a pipe, and of some format."""
    return (path.is_file() or path.is_dir()) and any(row.is_of(path) for row in FORMATS.values())
