"""Real cells with a real batch: 560 blood cells by 140 genes, half of them sequenced with each of two kits.

From "1k PBMCs from a Healthy Donor (v2 chemistry)" and "(v3 chemistry)" of 10x Genomics (Cell Ranger 3.0.0), which
licenses them as CC BY 4.0: the counts of the genes whose logarithms vary most within a kit, of cells drawn at random,
with the kit (`chemistry`) and the kind of cell by its markers (`type`). `benchmarks/made_cells.py` makes such a file:
chemistries FOLDER cells.h5ad --genes 140 --cells 280 --without 5p.
"""

import shutil
from pathlib import Path

CELLS = Path(__file__).parent / "blood_of_two_chemistries.h5ad"


def copied(folder: Path) -> Path:
    """The file, in a folder, as cells.h5ad."""
    shutil.copy(CELLS, folder / "cells.h5ad")
    return folder / "cells.h5ad"
