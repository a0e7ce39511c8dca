"""Files and folders that other packages read: the lines of Python by which they become data that can be loaded.

Nothing here opens one. What is named by its suffix, or by what lies in a folder, is refused with those lines.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from termwise.content import exists

_SAVED = 'numpy.save("x.npy", x)'


@dataclass(frozen=True, slots=True)
class ElsewhereRead:
    """A kind of file or folder that another package reads.

    Args:
        what: What it is, in the singular, with its article.
        lines: The lines of Python by which it becomes data that can be loaded.
        suffixes: How the names of such files, or folders, end.
        within: Names of which a folder of this kind holds one or more.
        why: Why it is not read here, where that is not plain; as a sentence.
    """

    what: str
    lines: str
    suffixes: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    why: str = ""

    def is_of(self, path: Path) -> bool:
        """Whether a path is of this kind, by its name or by those in it."""
        return path.name.lower().endswith(self.suffixes or "\0") or any(exists(path / name) for name in self.within)


ELSEWHERE = (
    *(
        ElsewhereRead(what, f'import pandas, termwise as tw; data = tw.load_data(pandas.{reader}("FILE"))', suffixes)
        for what, reader, suffixes in (
            ("a table of Stata's", "read_stata", (".dta",)),
            ("a workbook of Excel's", "read_excel", (".xls", ".xlsx", ".xlsm", ".ods")),
            ("a file of JSON", "read_json", (".json", ".json.gz")),
            ("a table of SPSS's", "read_spss", (".sav", ".zsav", ".por")),
            ("a table of SAS's", "read_sas", (".sas7bdat", ".xpt")),
            ("an ORC file", "read_orc", (".orc",)),
        )
    ),
    ElsewhereRead(
        "a file of JSON, a row a line",
        'import pandas, termwise as tw; data = tw.load_data(pandas.read_json("FILE", lines=True))',
        (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
    ),
    ElsewhereRead(
        "a database",
        'import pandas, sqlite3, termwise as tw; data = tw.load_data(pandas.read_sql("select * from NAME", '
        'sqlite3.connect("FILE")))',
        (".db", ".sqlite", ".sqlite3"),
    ),
    ElsewhereRead(
        "a pickle",
        f"{_SAVED} of the array, in the program that made it",
        (".pkl", ".pickle", ".joblib", ".p", ".pck"),
        why="A pickle runs code as it is opened, and is never opened here.",
    ),
    ElsewhereRead(
        "a file of torch's",
        f'import numpy, torch; x = torch.load("FILE", weights_only=True); {_SAVED}',
        (".pt", ".pth", ".ckpt"),
        why="It may be a pickle, which runs code as it is opened, and is never opened here.",
    ),
    ElsewhereRead(
        "an HDF5 file",
        f'import h5py, numpy; file = h5py.File("FILE"); print(list(file)); x = file["NAME"][:]; {_SAVED}',
        (".h5", ".hdf5", ".hdf", ".he5", ".nwb"),
    ),
    ElsewhereRead(
        "a loom file",
        'import anndata; anndata.read_loom("FILE").write_h5ad("x.h5ad")',
        (".loom",),
    ),
    ElsewhereRead(
        "a NIfTI image",
        f"import nibabel, numpy; x = numpy.stack([nibabel.load(one).get_fdata() for one in FILES]); {_SAVED}",
        (".nii", ".nii.gz"),
    ),
    ElsewhereRead(
        "a DICOM image",
        f"import numpy, pydicom; x = numpy.stack([pydicom.dcmread(one).pixel_array for one in FILES]); {_SAVED}",
        (".dcm", ".dicom"),
        ("DICOMDIR",),
    ),
    ElsewhereRead(
        "a FITS file",
        f"import numpy; from astropy.io import fits; x = numpy.stack([fits.getdata(one) for one in FILES]); {_SAVED}",
        (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz"),
    ),
    ElsewhereRead(
        "a netCDF file",
        f'import numpy, xarray; x = xarray.open_dataset("FILE")["NAME"].to_numpy(); {_SAVED}',
        (".nc", ".nc4"),
    ),
    ElsewhereRead(
        "a Zarr store",
        'import numpy, zarr; store = zarr.open("FILE", mode="r"); print(store.info); '
        f'x = (store if hasattr(store, "shape") else store["NAME"])[:]; {_SAVED}',
        (".zarr", ".zarr.zip"),
        (".zarray", ".zgroup", "zarr.json"),
    ),
    ElsewhereRead(
        "an LMDB database",
        "import lmdb, numpy, os; "
        'rows = lmdb.open("FILE", readonly=True, subdir=os.path.isdir("FILE")).begin().cursor(); '
        f'x = numpy.stack([numpy.frombuffer(value, "uint8") for key, value in rows]); {_SAVED}',
        (".mdb", ".lmdb"),
        ("data.mdb",),
    ),
    ElsewhereRead(
        "an archive",
        "tar -xf FILE -C FOLDER (or unzip FILE -d FOLDER), and load the folder",
        (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z", ".rar"),
    ),
    ElsewhereRead(
        "a folder of datasets.save_to_disk",
        'import datasets, numpy; rows = datasets.load_from_disk("FILE")["train"].with_format("numpy"); '
        f'x = rows["image"][:]; {_SAVED}',
        within=("dataset_dict.json", "state.json"),
    ),
    ElsewhereRead(
        "a file of TFRecords",
        f'import numpy, tensorflow_datasets as tfds; x = numpy.stack([one["image"] for one in '
        f'tfds.as_numpy(tfds.load("NAME", split="train"))]); {_SAVED}',
        (".tfrecord", ".tfrecords"),
    ),
    ElsewhereRead(
        "a file of R's",
        'write.csv(x, "x.csv", row.names = FALSE), in R; or write.table(as.matrix(x)), of a matrix',
        (".rds", ".rda", ".rdata"),
    ),
    ElsewhereRead(
        "a compressed sound",
        "ffmpeg -i FILE x.wav for each, and load the folder of .wav files",
        (".mp3", ".flac", ".ogg", ".m4a", ".aac", ".opus"),
    ),
    ElsewhereRead(
        "a film",
        "ffmpeg -i FILE FOLDER/%06d.png, and load the folder",
        (".mp4", ".avi", ".mov", ".mkv", ".webm"),
    ),
)
"""The kinds that other packages read; the first that fits is named."""


def remark_elsewhere(path: Path) -> str:
    """What a path is that is read elsewhere, and the lines that do it; "" where it is of no such kind.

    Example:
        >>> print(remark_elsewhere(Path("scan.fits")))
        scan.fits is a FITS file. It is not read here. This does it: import numpy; from astropy.io import fits; ...
    """
    kind = next((kind for kind in ELSEWHERE if kind.is_of(path)), None)
    if kind is None:
        return ""
    why = kind.why or "It is not read here."
    lines = re.sub(r"\bFILE\b", lambda _: str(path), kind.lines)
    return f"{path} is {kind.what}. {why} This does it: {lines}{'; then load x.npy' * (_SAVED in lines)}."
