"""Files that are not what they were: torn, flipped, emptied, replaced, and those whose content means something else."""

import io
import json
import os
import random
import struct
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

from helpers.hostile_values import mutated, short

Mutation = Callable[[Path, random.Random], str]
"""What is done to a file; it says what it did."""


def empty(file: Path, rng: random.Random) -> str:
    file.write_bytes(b"")
    return "empty"


def missing(file: Path, rng: random.Random) -> str:
    file.unlink()
    return "missing"


def torn(file: Path, rng: random.Random) -> str:
    length = int(file.stat().st_size * rng.random())
    os.truncate(file, length)
    return f"cut at {length}"


def flipped(file: Path, rng: random.Random) -> str:
    content = bytearray(file.read_bytes())
    bits = [int(8 * len(content) * rng.random()) for _ in range(rng.choice((1, 1, 8, 200)))]
    for bit in bits if content else ():
        content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    return f"bits {bits[:3]} ..."


def noise(file: Path, rng: random.Random) -> str:
    file.write_bytes(rng.randbytes(rng.choice((1, 7, 300, 5000))))
    return "noise"


def doubled(file: Path, rng: random.Random) -> str:
    file.write_bytes(file.read_bytes() * 2)
    return "twice itself"


def folder(file: Path, rng: random.Random) -> str:
    file.unlink()
    file.mkdir()
    return "a folder"


def unreadable(file: Path, rng: random.Random) -> str:
    file.chmod(0)
    return "mode 000"


def _linked(file: Path, target: Path | str) -> str:
    file.unlink()
    file.symlink_to(target)
    return f"a link to {target}"


def link(file: Path, rng: random.Random) -> str:
    """To what is another's: nothing may be written there."""
    return _linked(file, next(up for up in file.parents if up.name == "work").parent / "bystander" / "thesis.txt")


def dangling_link(file: Path, rng: random.Random) -> str:
    return _linked(file, next(up for up in file.parents if up.name == "work").parent / "bystander" / "none")


def looping_link(file: Path, rng: random.Random) -> str:
    return _linked(file, file.name)


def endless(file: Path, rng: random.Random) -> str:
    return _linked(file, "/dev/zero")


def pipe(file: Path, rng: random.Random) -> str:
    """At which a reader waits for ever."""
    file.unlink()
    os.mkfifo(file)
    return "a pipe"


def sparse(file: Path, rng: random.Random) -> str:
    """As large as no memory is, and no disk need be."""
    os.truncate(file, 1 << 40)
    return "a terabyte long"


ANY: tuple[Mutation, ...] = (
    empty, missing, torn, torn, flipped, flipped, noise, doubled, folder, unreadable, link, dangling_link, looping_link,
    endless, pipe, sparse,
)  # fmt: skip
"""What can be done to any file."""

DEEP = (
    "[" * 100_000,
    '{"a":' * 100_000,
    "9" * 5000,
    "NaN",
    "-Infinity",
    "1e999",
    '"\\ud800"',
    "null",
    "3",
    '"x"',
    "{}",
    "[]",
)
"""JSON that is deep, long, or of another kind."""


def json_content(file: Path, rng: random.Random) -> str:
    tree = json.loads(file.read_text())
    if rng.random() < 0.3:
        text = rng.choice(DEEP)
        file.write_text(text)
        return f"all = {text[:20]}"
    story, tree = mutated(tree, rng)
    if isinstance(tree, dict) and rng.random() < 0.7:
        tree.pop("checksum", None)  # as versions wrote it that had none
    return _dumped(file, story, tree)


def _dumped(file: Path, story: str, tree: Any) -> str:
    try:
        file.write_text(json.dumps(tree))
    except (RecursionError, ValueError):
        file.write_text("[" * 5000 + "]" * 5000)
    except UnicodeEncodeError:
        file.write_bytes(b"\xff")
    return story


def json_line(file: Path, rng: random.Random) -> str:
    lines = file.read_text().splitlines()
    number = rng.randrange(len(lines))
    if rng.random() < 0.3:
        lines[number] = story = rng.choice(DEEP)
    else:
        story, tree = mutated(json.loads(lines[number]), rng)
        try:
            lines[number] = json.dumps(tree)
        except (RecursionError, ValueError):
            lines[number] = "[" * 5000 + "]" * 5000
    file.write_text("".join(line + "\n" for line in lines))
    return f"line {number}: {story[:90]}"


def toml_content(file: Path, rng: random.Random) -> str:
    if rng.random() < 0.15:
        text = rng.choice(
            (f"a = {'[' * 3000}", f"a = {'9' * 5000}", "a.b = 1\na = 2", "[a]\n[a]", "a = 1979-05-27", "\x00")
        )
        file.write_text(text)
        return f"all = {text[:20]}"
    story, tree = mutated(tomllib.loads(file.read_text()), rng)
    try:
        file.write_text(tomli_w.dumps(tree))
    except (TypeError, ValueError, AttributeError, RecursionError, UnicodeEncodeError):  # what TOML cannot say
        file.write_text("training.epochs = " + "[" * 900)
    return story


def checkpoint(file: Path, rng: random.Random) -> str:
    """Another value, a tensor of another kind, or one that claims a size it has not, in its place."""
    content = torch.load(file, weights_only=True)
    story, content = mutated(content, rng, _tensor_or_plain)
    try:
        torch.save(content, file)
    except (RecursionError, ValueError, TypeError, AttributeError):
        torch.save(3, file)
    return story


def _tensor_or_plain(rng: random.Random) -> Any:
    from helpers.hostile_values import plain

    tensors = (torch.zeros(0), torch.full((2, 2), float("nan")), torch.zeros(3, dtype=torch.int64), torch.zeros(()))
    return rng.choice(tensors) if rng.random() < 0.4 else plain(rng)


def arrays(file: Path, rng: random.Random) -> str:
    """An archive of arrays of other kinds, shapes and names; of pickles; of what claims to be huge."""
    with np.load(file) as content:
        held = {name: content[name] for name in content.files}
    name = rng.choice(list(held))
    others = {
        "objects": np.array([{"a": 1}, None], dtype=object), "words": np.array(["a", "b"]), "one": np.zeros(()),
        "none": np.zeros(0), "nan": np.full(len(held[name]), np.nan), "complex": np.zeros(3, dtype=complex),
        "longer": np.zeros(len(held[name]) + 1), "unsigned": np.zeros(3, dtype=np.uint64), "flags": np.zeros(3, bool),
        "dates": np.zeros(3, dtype="M8[s]"),
    }  # fmt: skip
    kind = rng.choice([*others, "huge", "bomb", "stranger"])
    if kind in others:
        np.savez(file, **{**held, name: others[kind]})
    elif kind == "stranger":
        np.savez(file, **held, stranger=np.zeros(3))
    else:
        _lying(file, name, 10**13 if kind == "huge" else 10**8, full=kind == "bomb")
    return f"{name} = {kind}"


def _lying(file: Path, name: str, count: int, full: bool) -> None:
    """An array of so many numbers in a few kilobytes: its bytes are zeros, or are not there."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (count,)})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{name}.npy", "w") as out:
        out.write(header.getvalue())
        for _ in range(count // 10**6 if full else 0):
            out.write(bytes(8 * 10**6))


def weights(file: Path, rng: random.Random) -> str:
    """A header of safetensors with another value in one place, or of a length that it has not."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    if rng.random() < 0.2:
        claimed = rng.choice((0, 1, 2**40, 2**63))
        file.write_bytes(struct.pack("<Q", claimed) + content[8:])
        return f"a header of {claimed} bytes"
    story, header = mutated(json.loads(content[8 : 8 + length]), rng)
    try:
        text = json.dumps(header).encode()
    except (RecursionError, ValueError):
        text = b"[" * 5000
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return story


CONTENT: dict[str, Mutation] = {
    ".json": json_content, ".jsonl": json_line, ".toml": toml_content, ".pt": checkpoint, ".npz": arrays,
    ".safetensors": weights,
}  # fmt: skip
"""What is done to the content of a file, by the end of its name."""


def mutate_file(file: Path, rng: random.Random) -> str:
    """Do something to a file; says what."""
    of_content = CONTENT.get(file.suffix)
    mutation = of_content if of_content and rng.random() < 0.6 else rng.choice(ANY)
    try:
        return f"{file.name}: {mutation(file, rng)}"
    except (OSError, zipfile.BadZipFile) as error:  # the disk takes no terabyte
        return f"{file.name}: as it was ({short(error)})"
