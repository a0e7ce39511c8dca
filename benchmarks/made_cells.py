"""Real cells with batches, as .h5ad files: of three chemistries, and of donors with and without interferon.

    python benchmarks/made_cells.py chemistries FOLDER cells.h5ad [--genes 1000] [--cells 280 --without 5p]
    python benchmarks/made_cells.py kang example_sce.rda kang.h5ad

Needs `pip install rdata anndata`, and what R saved of either:

- `chemistries`: 1k_PBMC_v2_filt.rds, 1k_PBMC_v3_filt.rds and 5prime_PBMC_filt_1kcells.rds, in `data/` of the repository
  baj12/scWGParis on GitHub: blood cells of healthy donors (10x Genomics, CC BY 4.0), sequenced with the 3' kit in its
  versions 2 and 3, and with the 5' kit. The genes kept are those whose log counts vary most within a chemistry. `type`
  says of which of four kinds a cell's markers are strongest. With --cells, so many of each chemistry are kept.
- `kang`: data/example_sce.rda of the repository HelenaLC/muscat on GitHub: blood cells of two patients, with and
  without interferon (Kang et al., 2018; GSE96583), 1,556 by 1,267 genes, with the types that were published.
"""

import argparse
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import rdata
import scipy.sparse

CHEMISTRIES = {"v2": "1k_PBMC_v2_filt", "v3": "1k_PBMC_v3_filt", "5p": "5prime_PBMC_filt_1kcells"}
MARKERS = {
    "B cell": ["MS4A1", "CD79A", "CD79B"],
    "monocyte": ["LYZ", "S100A8", "CST3"],
    "NK cell": ["NKG7", "GNLY", "KLRF1"],
    "T cell": ["CD3D", "CD3E", "TRAC"],
}


def read(path: Path) -> Any:
    """What R saved."""
    return rdata.conversion.convert(rdata.parser.parse_file(path))


def chemistries(folder: Path, names: list[str]) -> anndata.AnnData:
    """Cells of these chemistries, of the genes that all have."""
    parts = []
    for name in names:
        stored = read(folder / f"{CHEMISTRIES[name]}.rds")
        genes, barcodes = stored.Dimnames
        x = scipy.sparse.coo_matrix((stored.x, (stored.i, stored.j)), shape=tuple(stored.Dim)).T.tocsr()
        of = pd.DataFrame({"chemistry": name}, index=[f"{barcode}-{name}" for barcode in barcodes])
        parts.append(anndata.AnnData(x.astype(np.float32), of, pd.DataFrame(index=[str(gene) for gene in genes])))
        parts[-1].var_names_make_unique()
    cells = anndata.concat(parts, join="inner")
    total = np.asarray(cells.X.sum(1)).ravel()
    logs = np.log1p(cells.X.multiply(1e4 / total[:, None]).tocsr())
    scores = np.stack([logs[:, cells.var_names.get_indexer(of)].mean(1).A1 for of in MARKERS.values()], 1)
    kinds = np.array([*MARKERS])[((scores - scores.mean(0)) / scores.std(0)).argmax(1)]
    cells.obs = cells.obs.assign(chemistry=pd.Categorical(cells.obs["chemistry"]), type=pd.Categorical(kinds))
    within = [logs[(cells.obs["chemistry"] == name).to_numpy()] for name in names]
    cells.var["variance"] = np.mean([of.power(2).mean(0).A1 - of.mean(0).A1 ** 2 for of in within], 0)
    return cells


def kang(path: Path) -> anndata.AnnData:
    """muscat's cells: counts, with donor, condition, sample and type."""
    stored = read(path)["example_sce"]
    counts, known = stored.assays.data.listData["counts"], stored.colData.listData
    x = scipy.sparse.csc_matrix((counts.x, counts.i, counts.p), shape=tuple(counts.Dim)).T.tocsr()
    sample = [str(name) for name in known["sample_id"]]
    about = {
        "sample": sample,
        "donor": [name[4:] for name in sample],
        "condition": [name[:4] for name in sample],
        "type": [str(name) for name in known["cluster_id"]],
    }
    obs = pd.DataFrame({name: pd.Categorical(values) for name, values in about.items()}, index=stored.colData.rownames)
    var = pd.DataFrame(index=[str(gene).split("_")[0] for gene in stored.rowRanges.partitioning.NAMES])
    cells = anndata.AnnData(x.astype(np.float32), obs, var)
    cells.var_names_make_unique()
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["chemistries", "kang"])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--cells", type=int, help="of each chemistry; all where left out")
    parser.add_argument("--without", nargs="+", choices=list(CHEMISTRIES), default=[])
    given = parser.parse_args()
    if given.what == "kang":
        cells = kang(given.source)
    else:
        cells = chemistries(given.source, [name for name in CHEMISTRIES if name not in given.without])
        kept = np.sort(np.argsort(-cells.var["variance"].to_numpy())[: given.genes])
        cells = anndata.AnnData(cells.X[:, kept], cells.obs, pd.DataFrame(index=cells.var_names[kept]))
        cells = cells[np.asarray(cells.X.sum(1)).ravel() > 0]
        if given.cells is not None:
            draw = np.random.default_rng(0)
            of = cells.obs.groupby("chemistry", observed=True).indices.values()
            cells = cells[np.sort(np.concatenate([draw.choice(rows, given.cells, replace=False) for rows in of]))]
    cells.write_h5ad(given.out, compression="gzip")
    print(cells)


if __name__ == "__main__":
    main()
