"""What becomes of files as people have them, at the first command: `termwise data FILE`, and an epoch of training.

    python benchmarks/files.py [FOLDER]

Small files of each kind are made here, as the packages that ship such files write them; or, with FOLDER, those in it
are taken, as they are. Nothing is fetched. A row of the table says what the file is, what `termwise data` takes it for
(or the first sentences of its refusal), and what one epoch says at all defaults: a likelihood and an ELBO on test, or
a refusal. Where the answer to a refusal is a setting, the next row has it.

Ends with status 1 where a command ends in anything but numbers or one message.
"""

import argparse
import contextlib
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import torch
from made_files import KINDS

import termwise as tw
from termwise import cli


def called(*arguments: str) -> tuple[int, str, str]:
    """A command's status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patch.object(sys, "argv", list(arguments)):
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return status, out.getvalue(), err.getvalue()


def looked_at(path: Path, settings: tuple[str, ...]) -> str:
    """What `termwise data` takes a file for."""
    status, out, err = called("termwise", "data", str(path), "--json", *settings)
    if status:
        return refusal(status, err, path)
    said = json.loads(out)
    shape = " x ".join(map(str, said["shape"]))
    parts = ", ".join(f"{name} {count}" for name, count in said["splits"].items())
    labels = f"; {said['labels']} labels" if said["labels"] else ""
    scale = "; standardised" if said["standardize"] else ""
    return shown(f"{said['format']}: {said['examples']} of {shape}, {parts}{labels}{scale}", *said["notes"])


def trained(path: Path, settings: tuple[str, ...], out: Path) -> str:
    """What an epoch at all defaults comes to."""
    status, _, err = called("termwise", "train", "--data", str(path), "--epochs", "1", "--out", str(out), *settings)
    if status:
        return "refused alike" if status == 2 and "Traceback" not in err else refusal(status, err, path)
    run = tw.load_run(out)
    elbo = run.account["elbo"].value
    return f"{run.model.likelihood.spec}: ELBO {elbo:.4g}" if math.isfinite(elbo) else f"FAULT: ELBO {elbo}"


def refusal(status: int, err: str, path: Path) -> str:
    if status != 2 or "Traceback" in err:
        return f"FAULT: status {status}: {err[-200:]}"
    message = err.strip().rpartition("termwise: ")[2].replace(str(path), path.name).replace(str(path.parent), "FOLDER")
    return f"refused: {shown(message)}"


def shown(*sentences: str) -> str:
    text = " ".join(" ".join(sentences).split())
    return (text if len(text) < 330 else f"{text[:320]} ...").replace("|", "/")


def rows_of(given: Path | None, scratch: Path) -> Iterator[tuple[str, str, str, str]]:
    if given is None:
        cases = [(name, make, settings) for name, (make, settings) in KINDS.items()]
    else:
        cases = [(path.name, lambda _, path=path: path, ()) for path in sorted(given.iterdir())]
    for number, (name, make, settings) in enumerate(cases):
        folder = scratch / f"{number}" / "data"
        folder.mkdir(parents=True)
        path = make(folder)
        for way in [(), *([settings] if settings else [])]:
            chosen = tuple(word for one in way for word in ("--set", one))
            said = looked_at(path, chosen), trained(path, chosen, scratch / f"{number}" / f"run{len(way)}")
            yield name, " ".join(way), *said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="files of your own, each as it is")
    given = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COLUMNS"] = "120"
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for row in rows_of(given.folder, Path(scratch)):
            rows.append(row)
            print(row[0], file=sys.stderr, flush=True)
    head = ("file", "set", "`termwise data`", "an epoch of `termwise train`")
    for row in (head, ["---"] * len(head), *rows):
        print("|", " | ".join(row), "|")
    return 1 if any("FAULT" in cell for row in rows for cell in row) else 0


if __name__ == "__main__":
    sys.exit(main())
