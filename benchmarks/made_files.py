"""Small files of each kind that people have, made as the packages that ship such files write them."""

import gzip
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse
from PIL import Image
from sklearn.datasets import load_digits, load_iris, load_wine

RNG = np.random.default_rng(0)
PIXELS = (load_digits().images * 15.9).astype(np.uint8)
COLOUR = np.stack([PIXELS, PIXELS[::-1], PIXELS.transpose(0, 2, 1)], axis=-1)
Maker = Callable[[Path], Path]
KINDS: dict[str, tuple[Maker, tuple[str, ...]]] = {}
"""Of each kind of file what makes one, and the settings that answer a refusal."""


def kind(name: str, *settings: str) -> Callable[[Maker], Maker]:
    def add(make: Maker) -> Maker:
        KINDS[name] = make, settings
        return make

    return add


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def lines(rows: object, separator: str = ",") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)  # type: ignore[attr-defined]


def iris_rows() -> list[tuple[object, ...]]:
    bunch = load_iris()
    return [(*row, bunch.target_names[label]) for row, label in zip(bunch.data, bunch.target, strict=True)]


@kind("iris.csv, counts and class names in its first line (scikit-learn)")
def iris_of_scikit_learn(folder: Path) -> Path:
    bunch = load_iris()
    rows = [(*row, label) for row, label in zip(bunch.data, bunch.target, strict=True)]
    return written(folder / "iris.csv", "150,4,setosa,versicolor,virginica\n" + lines(rows))


@kind("iris.csv, a row number before each row (R)")
def iris_of_r(folder: Path) -> Path:
    head = '"","Sepal.Length","Sepal.Width","Petal.Length","Petal.Width","Species"\n'
    return written(folder / "iris.csv", head + lines((i + 1, *row) for i, row in enumerate(iris_rows())))


@kind("wine_data.csv, 13 columns of any scale, a class, a short first line (scikit-learn)")
def wine(folder: Path) -> Path:
    bunch = load_wine()
    rows = lines((*row, label) for row, label in zip(bunch.data, bunch.target, strict=True))
    return written(folder / "wine_data.csv", "178,13,class_0,class_1,class_2\n" + rows)


def stones() -> dict[str, object]:
    carat = np.exp(RNG.normal(-0.4, 0.58, 600)).round(2) + 0.2
    return {
        "carat": carat, "cut": RNG.choice(["Fair", "Good", "Ideal"], 600), "color": RNG.choice(list("DEFG"), 600),
        "depth": RNG.normal(61.7, 1.4, 600).round(1), "price": (4000 * carat**1.7).astype(int),
    }  # fmt: skip


@kind("diamonds.csv, words among unscaled numbers (ggplot2)")
def diamonds(folder: Path) -> Path:
    columns = stones()
    return written(folder / "diamonds.csv", ",".join(columns) + "\n" + lines(zip(*columns.values(), strict=True)))


@kind("titanic.csv, words, and cells that are missing", "data.missing=mask")
def titanic(folder: Path) -> Path:
    age = ["" if i % 5 == 0 else round(float(RNG.gamma(4, 8)), 1) for i in range(400)]
    rows = zip(RNG.integers(0, 2, 400), RNG.choice(["male", "female"], 400), age, RNG.gamma(1, 30, 400), strict=True)
    return written(folder / "titanic.csv", "survived,sex,age,fare\n" + lines(rows))


@kind("seattle-weather.csv, dates (vega_datasets)")
def weather(folder: Path) -> Path:
    days = np.arange("2012-01-01", "2013-01-01", dtype="datetime64[D]")
    rows = zip(days, RNG.gamma(1, 3, 366).round(1), RNG.normal(12, 6, 366).round(1), strict=True)
    return written(folder / "seattle-weather.csv", "date,precipitation,temp_max\n" + lines(rows))


@kind("semicolons and decimal points, latin-1", "data.encoding=latin-1")
def latin(folder: Path) -> Path:
    rows = lines(zip(RNG.normal(size=50), RNG.choice(["süß", "sauer"], 50), strict=True), ";")
    path = folder / "wein.csv"
    path.write_bytes(("säure;geschmack\n" + rows).encode("latin-1"))
    return path


@kind("diabetes.csv.gz (scikit-learn)")
def gzipped(folder: Path) -> Path:
    path = folder / "diabetes.csv.gz"
    path.write_bytes(gzip.compress(lines(RNG.normal(size=(200, 10)), " ").encode()))
    return path


@kind("diamonds.parquet")
def parquet(folder: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({k: np.asarray(v) for k, v in stones().items()}), folder / "d.parquet")
    return folder / "d.parquet"


@kind("diamonds.feather")
def feather(folder: Path) -> Path:
    import pyarrow
    import pyarrow.feather

    pyarrow.feather.write_feather(pyarrow.table({k: np.asarray(v) for k, v in stones().items()}), folder / "d.feather")
    return folder / "d.feather"


def opaque(name: str, start: bytes = b"\0") -> Maker:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(start + bytes(600))
        return folder / name

    return make


for label, path, start in (
    ("a table of Stata's, .dta", "x.dta", b"<stata_dta>"), ("a workbook, .xlsx", "x.xlsx", b"PK\3\4"),
    ("cars.json (vega_datasets)", "cars.json", b"["), ("NIfTI, .nii.gz", "scan.nii.gz", b"\x1f\x8b"),
    ("DICOM, .dcm", "scan.dcm", b"\0"), ("FITS", "sky.fits", b"SIMPLE  ="), ("HDF5, .h5", "x.h5", b"\x89HDF\r\n\x1a\n"),
):  # fmt: skip
    kind(label)(opaque(path, start))


@kind("a pickle")
def pickled(folder: Path) -> Path:
    (folder / "x.pkl").write_bytes(pickle.dumps([1, 2]))
    return folder / "x.pkl"


def counts() -> np.ndarray:
    return RNG.poisson(RNG.gamma(0.5, 2, (1, 30)) * RNG.gamma(2, 0.5, (300, 1)))


@kind("cells.h5ad, counts (scanpy)")
def h5ad(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "cells.h5ad", "w") as file:
        file["X"] = counts().astype(np.float32)
        file["obs/louvain"], file["obs/_index"] = RNG.integers(0, 4, 300), [f"cell{i}" for i in range(300)]
        file["var/_index"] = [f"gene{i}" for i in range(30)]
        file["obs"].attrs["_index"] = file["var"].attrs["_index"] = "_index"
    return folder / "cells.h5ad"


@kind("a folder of 10x: matrix.mtx, features.tsv, barcodes.tsv")
def tenx(folder: Path) -> Path:
    scipy.io.mmwrite(folder / "matrix.mtx", scipy.sparse.coo_array(counts().T))
    written(folder / "features.tsv", lines(((f"id{i}", f"gene{i}") for i in range(30)), "\t"))
    written(folder / "barcodes.tsv", lines((f"cell{i}",) for i in range(300)))
    return folder


@kind("a sparse matrix, .npz (scipy)")
def sparse(folder: Path) -> Path:
    scipy.sparse.save_npz(folder / "x.npz", scipy.sparse.csr_array(counts()))
    return folder / "x.npz"


def series(count: int) -> tuple[np.ndarray, np.ndarray]:
    kinds = RNG.integers(1, 3, count)
    time = np.linspace(0, 6, 60)
    return np.sin(kinds[:, None] * time + RNG.normal(0, 0.3, (count, 1))) + RNG.normal(0, 0.1, (count, 60)), kinds


@kind("GunPoint_TRAIN.ts, _TEST.ts (aeon)")
def ts(folder: Path) -> Path:
    for part in ("TRAIN", "TEST"):
        rows = "".join(f"{','.join(f'{v:.4f}' for v in x)}:{label}\n" for x, label in zip(*series(80), strict=True))
        written(folder / f"Gun_{part}.ts", f"@univariate true\n@classLabel true 1 2\n@data\n{rows}")
    return folder


@kind("GunPoint_TRAIN.arff, _TEST.arff")
def arff(folder: Path) -> Path:
    for part in ("TRAIN", "TEST"):
        head = "".join(f"@attribute t{i} numeric\n" for i in range(60)) + "@attribute target {1,2}\n"
        rows = lines((*x, label) for x, label in zip(*series(80), strict=True))
        written(folder / f"Gun_{part}.arff", f"@relation gun\n{head}@data\n{rows}")
    return folder


@kind("GunPoint_TRAIN.tsv, _TEST.tsv (UCR archive)")
def ucr(folder: Path) -> Path:
    for part in ("TRAIN", "TEST"):
        written(folder / f"Gun_{part}.tsv", lines(((k, *x) for x, k in zip(*series(80), strict=True)), "\t"))
    return folder


@kind("Trace.npz, X_train, X_test, y_train, y_test (tslearn)")
def trace(folder: Path) -> Path:
    (x, y), (u, v) = series(80), series(40)
    np.savez(folder / "Trace.npz", X_train=x, y_train=y, X_test=u, y_test=v)
    return folder / "Trace.npz"


@kind("dsprites.npz, with its pickled metadata")
def dsprites(folder: Path) -> Path:
    classes = np.stack(np.meshgrid([0], range(3), range(6), range(4), range(2), range(2), indexing="ij"), -1)
    images = (RNG.random((288, 16, 16)) < 0.2).astype(np.uint8)
    metadata = np.array({"title": "sprites"}, dtype=object)
    np.savez(folder / "dsprites.npz", imgs=images, latents_classes=classes.reshape(-1, 6), metadata=metadata)
    return folder / "dsprites.npz"


@kind("float32 (N, 8, 8, 3), .npy, colours last")
def last(folder: Path) -> Path:
    np.save(folder / "x.npy", (COLOUR[:300] / 255).astype(np.float32))
    return folder / "x.npy"


@kind("numbers with nan among them, .npy", "data.missing=mask")
def gaps(folder: Path) -> Path:
    x = RNG.normal(size=(200, 5))
    x[::7, 2] = np.nan
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


@kind("a .mat file, columns as examples")
def mat(folder: Path) -> Path:
    scipy.io.savemat(folder / "x.mat", {"X": RNG.normal(size=(6, 90)), "y": RNG.integers(0, 3, (1, 90))})
    return folder / "x.mat"


@kind("a folder of .wav")
def wav(folder: Path) -> Path:
    for i, x in enumerate(series(40)[0]):
        scipy.io.wavfile.write(folder / f"{i}.wav", 8000, (x * 2**14).astype(np.int16))
    return folder


@kind("one PNG of 10,000 rows, a picture of 32 x 32 in each (tfjs)")
def strip(folder: Path) -> Path:
    Image.fromarray(RNG.integers(0, 256, (400, 1024, 3), dtype=np.uint8)).save(folder / "batch.png")
    return folder / "batch.png"


def pictures(folder: Path, images: np.ndarray, suffix: str = "png", **how: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:04}.{suffix}", **how)
    return folder


@kind("faces, grey, one file in colour")
def faces(folder: Path) -> Path:
    pictures(folder, PIXELS[:99])
    Image.fromarray(COLOUR[0]).save(folder / "stray.png")
    return folder


@kind("a GIF of 42 frames")
def gif(folder: Path) -> Path:
    first, *rest = map(Image.fromarray, PIXELS[:42])
    first.save(folder / "film.gif", save_all=True, append_images=rest)
    return folder / "film.gif"


@kind("TIFFs of two pages each")
def tiff(folder: Path) -> Path:
    for i in range(0, 60, 2):
        first, second = map(Image.fromarray, PIXELS[i : i + 2])
        first.save(folder / f"{i}.tif", save_all=True, append_images=[second])
    return folder


@kind("16-bit PNGs, grey")
def deep(folder: Path) -> Path:
    return pictures(folder, PIXELS[:80].astype(np.uint16) * 257)


@kind("JPEGs that EXIF turns")
def turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    return pictures(folder, PIXELS[:80], "jpg", exif=exif)


@kind("train/CLASS and test/CLASS")
def parts(folder: Path) -> Path:
    for part, start in (("train", 0), ("test", 200)):
        for name in ("cat", "dog"):
            pictures(folder / part / name, PIXELS[start + 50 * (name == "dog") : start + 50 + 50 * (name == "dog")])
    return folder


@kind("train/metadata.csv beside the images (imagefolder)")
def metadata(folder: Path) -> Path:
    pictures(folder / "train", PIXELS[:80])
    rows = lines((f"{i:04}.png", i % 2, i % 7) for i in range(80))
    written(folder / "train" / "metadata.csv", "file_name,smiles,hue\n" + rows)
    return folder


@kind("a folder of datasets.save_to_disk")
def saved(folder: Path) -> Path:
    written(folder / "state.json", "{}")
    return folder


def shards(folder: Path) -> Path:
    pictures(folder, PIXELS[:80], "jpg")
    for i, label in enumerate(load_digits().target[:80]):
        written(folder / f"{i:04}.cls", str(label))
    return folder


@kind("shard.tar (WebDataset)")
def tar(folder: Path) -> Path:
    shards(folder / "inside")
    with tarfile.open(folder / "shard.tar", "w") as archive:
        archive.add(folder / "inside", ".")
    return folder / "shard.tar"


kind("the folder that it unpacks to: 0000.jpg, 0000.cls")(shards)


@kind("train-images-idx3-ubyte.gz and the others (MNIST)")
def idx(folder: Path) -> Path:
    for part, rows in (("train", slice(200)), ("t10k", slice(200, 300))):
        images, labels = PIXELS[rows], load_digits().target[rows].astype(np.uint8)
        head = struct.pack(">HBB3I", 0, 8, 3, *images.shape), struct.pack(">HBBI", 0, 8, 1, len(labels))
        for what, content in (("images-idx3", head[0] + images.tobytes()), ("labels-idx1", head[1] + labels.tobytes())):
            (folder / f"{part}-{what}-ubyte.gz").write_bytes(gzip.compress(content))
    return folder
