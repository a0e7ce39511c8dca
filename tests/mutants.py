"""Faults planted in the code, one at a time, to see whether a test notices each: `make mutants`.

A *change* is of one of five kinds: a sign (`a + b` becomes `a - b`), a factor (`a * b` becomes `a / b`, a constant
twice or ten times what it was), a reduction (a sum becomes a mean, another dimension is reduced), a comparison (`<`
becomes `<=` or `>=`) or an index (another element). Of those that could be made in terms/, objectives/ and measuring/,
the same number of each kind is drawn, from a seed: by a digest of its text, so that an edit elsewhere leaves it drawn.

The tests of the three rooms run once, unchanged, to learn who reaches which line. For every change, made in a copy of
the tree, the files of tests that reach its line run, the tests that themselves reach it first, quick ones before slow
ones, up to the first that fails. A change that no test notices is a survivor. One that changes no number has its reason
in mutants.toml; any other wants a test, and the script ends with status 1.
"""

import argparse
import ast
import hashlib
import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
ROOMS = ("terms", "objectives", "measuring")
REASONS = Path(__file__).with_suffix(".toml")
KINDS = ("sign", "factor", "reduction", "comparison", "index")
REDUCTIONS = {"sum": "mean", "mean": "sum", "amax": "amin", "amin": "amax", "max": "min", "min": "max", "any": "all"}
REDUCTIONS |= {"all": "any", "logsumexp": "sum", "median": "mean", "prod": "sum"}
ARITHMETIC = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}
COMPARISONS = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
}
LONGEST_RUN = 30.0
"""Seconds of tests, as long as they took unchanged, that a change is given to be noticed in."""


@dataclass(frozen=True)
class Change:
    """One fault that could be planted: the bytes of a file from `start` to `stop` become `new`."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    start: int
    stop: int
    new: bytes

    @property
    def words(self) -> tuple[str, str, str]:
        """What it is known by in the file of reasons, where line numbers would not last."""
        return self.file, self.before, self.after

    def planted(self, code: bytes) -> bytes:
        return code[: self.start] + self.new + code[self.stop :]


def number(node: ast.AST) -> int | float | None:
    """The number that a constant, or a negative one, stands for."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    plain = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return node.value if plain else None


def bracketed(node: ast.AST) -> str:
    """The code of an operand, in brackets where it might fall apart without."""
    whole = isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript)
    return ast.unparse(node) if whole else f"({ast.unparse(node)})"


def text_or_list(node: ast.AST) -> bool:
    """Whether + joins here rather than adds."""
    joined = isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.ListComp)
    return joined or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def arithmetic(node: ast.BinOp) -> Iterator[tuple[str, ast.AST, str]]:
    sides = (node.left, node.right)
    if type(node.op) in ARITHMETIC and not any(map(text_or_list, sides)):
        kind = "sign" if isinstance(node.op, ast.Add | ast.Sub) else "factor"
        left, right = map(bracketed, sides)
        yield kind, node, f"({left} {ARITHMETIC[type(node.op)]} {right})"
    for side in sides:
        value = number(side)
        if value is not None and not isinstance(node.op, ast.Mod):
            yield "factor", side, f"({2 * value})" if value < 0 else str(2 * value or 1)


def reductions(node: ast.Call) -> Iterator[tuple[str, ast.AST, str]]:
    name = getattr(node.func, "attr", getattr(node.func, "id", None))
    if name not in REDUCTIONS:
        return
    other = REDUCTIONS[name]
    if isinstance(node.func, ast.Attribute):
        yield "reduction", node.func, f"{bracketed(node.func.value)}.{other}"
    elif name in ("max", "min", "any", "all"):
        yield "reduction", node.func, other
    over = [keyword.value for keyword in node.keywords if keyword.arg in ("dim", "axis")]
    for argument in [*over, *node.args]:
        value = number(argument)
        if isinstance(value, int) and isinstance(node.func, ast.Attribute):
            yield "reduction", argument, "-1" if value == 0 else "0"


def indices(node: ast.Subscript) -> Iterator[tuple[str, ast.AST, str]]:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    ends = [end for part in parts if isinstance(part, ast.Slice) for end in (part.lower, part.upper) if end]
    for part in [*parts, *ends]:
        value = number(part)
        if isinstance(value, int):
            yield "index", part, str(value + 1 if value >= 0 else 0 if part in parts else value - 1)


def changes_at(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    """Kind, the node that gives way, and the code that takes its place."""
    if isinstance(node, ast.BinOp):
        yield from arithmetic(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if number(node) is None or isinstance(parent, ast.BinOp):
            yield "sign", node, bracketed(node.operand)
    elif isinstance(node, ast.Call):
        yield from reductions(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = bracketed(node.left), bracketed(node.comparators[0])
        for other in COMPARISONS.get(type(node.ops[0]), ()):
            yield "comparison", node, f"({left} {other} {right})"
    elif isinstance(node, ast.Subscript):
        yield from indices(node)
    elif isinstance(node, ast.Assign) and isinstance(parent, ast.Module) and number(node.value) is not None:
        yield "factor", node.value, repr(10 * number(node.value) or 1)


def computing(node: ast.AST, parent: ast.AST | None = None) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The nodes that compute, each with its parent: no annotation, no default, no message."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.arguments | ast.Import | ast.ImportFrom):
        return
    if parent is not None:
        yield node, parent
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list", "bases"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from computing(child, node)


def changes_of(file: str, code: bytes) -> Iterator[Change]:
    """All that could be planted in one file."""
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for inside, parent in computing(ast.parse(code)):
        for kind, node, new in changes_at(inside, parent):
            first, last = starts[node.lineno - 1], starts[node.end_lineno]
            start, stop = first + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
            before, after = code[first:last], code[first:start] + new.encode() + code[stop:last]
            words = (" ".join(text.decode().split()) for text in (before, after))
            yield Change(file, node.lineno, kind, *words, start, stop, new.encode())


def all_changes() -> list[Change]:
    """All that could be planted in the rooms."""
    paths = sorted(path for room in ROOMS for path in (ROOT / "src/termwise" / room).rglob("*.py"))
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in paths}
    return [change for file, code in files.items() for change in changes_of(file, code)]


def drawn(changes: list[Change], count: int, seed: int) -> list[Change]:
    """So many, the same number of each kind, in the order of their files."""

    def lot(change: Change) -> str:
        return hashlib.sha256(repr((seed, change.words)).encode()).hexdigest()

    some = []
    for place, kind in enumerate(KINDS):
        ranked = sorted((change for change in changes if change.kind == kind), key=lot)
        some += ranked[: (count + place) // len(KINDS)]
    return sorted(some, key=lambda change: (change.file, change.line))


def reasons() -> dict[tuple[str, str, str], str]:
    """Why a change that no test notices changes no number."""
    rows = tomllib.loads(REASONS.read_text()).get("survivor", [])
    return {(row["file"], row["before"], row["after"]): row["reason"] for row in rows}


class Lines:
    """A plugin of pytest: the seconds of each test, whether it passes, and the lines of the rooms that it reaches."""

    def __init__(self, tree: Path, into: Path) -> None:
        self.places = tuple(str(tree / "src/termwise" / room) for room in ROOMS)
        self.tree, self.into, self.tests, self.now = tree, into, {}, set()

    def trace(self, frame, event, argument):
        file = frame.f_code.co_filename
        if not file.startswith(self.places):
            return None
        self.now.add((file, frame.f_lineno))
        return self.trace

    def pytest_runtest_logstart(self, nodeid, location):
        self.now = set()
        threading.settrace(self.trace)
        sys.settrace(self.trace)

    def pytest_runtest_logreport(self, report):
        seconds, passed, _ = self.tests.get(report.nodeid, (0.0, True, None))
        lines = {(str(Path(file).relative_to(self.tree)), line) for file, line in self.now}
        self.tests[report.nodeid] = (seconds + report.duration, passed and report.passed, lines)

    def pytest_sessionfinish(self):
        sys.settrace(None)
        self.into.write_bytes(pickle.dumps(self.tests))


def forked(tree: Path, arguments: list[str], limit: float, plugins: tuple = ()) -> str:
    """How a run of pytest ended in a process of its own, which has the libraries imported: passed or noticed."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(tree)
        sys.path[:0] = [str(tree / "src"), str(tree / "tests")]
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
        import pytest

        status = 1
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--no-header", *arguments], plugins=plugins)
        os._exit(int(status))
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "passed" if status == 0 else "noticed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "noticed, by not ending"


def copy_of_the_tree(into: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, into / name)


def tests_of(tree: Path, within: str) -> dict[str, tuple[float, set[tuple[str, int]]]]:
    """The seconds and lines of every test that passes on the tree unchanged, each file by itself: they share caches."""
    files = sorted(path for room in ROOMS for path in (tree / "tests" / room).rglob("test_*.py"))
    units = [str(path.relative_to(tree)) for path in files] + [f"src/termwise/{room}" for room in ROOMS]
    units = [unit for unit in units if within in unit]
    found, into = {}, tree / "tests.pickle"
    for unit in units:
        into.unlink(missing_ok=True)
        forked(tree, ["--maxfail=1000", unit], 1200.0, (Lines(tree, into),))
        for test, (seconds, passed, lines) in pickle.loads(into.read_bytes()).items():
            if passed:
                found[test] = (seconds, lines)
            else:
                print(f"left out, since it does not pass unchanged: {test}", flush=True)
    return found


def chosen(change: Change, tests: dict[str, tuple[float, set[tuple[str, int]]]]) -> list[str]:
    """The tests that may notice a change, the likeliest and quickest first, as many as the time allows."""
    lines = statement_lines((ROOT / change.file).read_bytes(), change.line)
    reach = {name for name, (_, seen) in tests.items() if any((change.file, line) in seen for line in lines)}
    if not reach:  # a constant of the module, say, which is read when it is imported
        reach = {name for name, (_, seen) in tests.items() if any(file == change.file for file, _ in seen)}
    files = {name.split("::")[0] for name in reach if name.startswith("tests/")}
    wanted = [name for name in tests if name in reach or name.split("::")[0] in files]
    wanted.sort(key=lambda name: (name not in reach, tests[name][0]))
    some, total = [], 0.0
    for name in wanted:
        total += tests[name][0]
        if total < LONGEST_RUN or not some:
            some.append(name)
    return some


def statement_lines(code: bytes, line: int) -> range:
    """The lines of the smallest statement that a line belongs to, or of a compound statement's head."""
    best = range(line, line + 1)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno:
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body and body[0].lineno > line else node.end_lineno
            if not body or body[0].lineno > line:
                best = range(node.lineno, last + 1)
    return best


def survivors(changes: list[Change], within: str) -> list[Change]:
    """Those of the changes that no test notices, of those whose own path has `within` in it."""
    left = []
    with TemporaryDirectory() as folder:
        tree = Path(folder).resolve()
        copy_of_the_tree(tree)
        began = time.monotonic()
        tests = tests_of(tree, within)
        print(f"{len(tests)} tests, in {time.monotonic() - began:.0f} s unchanged", flush=True)
        sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"
        for place, change in enumerate(changes, 1):
            code = (tree / change.file).read_bytes()
            (tree / change.file).write_bytes(change.planted(code))
            some, began = chosen(change, tests), time.monotonic()
            seconds = sum(tests[name][0] for name in some)
            end = forked(tree, some, 60 + 5 * seconds) if some else "passed"
            (tree / change.file).write_bytes(code)
            if end == "passed":
                left.append(change)
                end = f"SURVIVES {len(some)} tests: {change.before}  ->  {change.after}"
            where = f"{change.file}:{change.line}"
            print(f"{place}/{len(changes)} {time.monotonic() - began:.1f} s {change.kind} {where} {end}", flush=True)
    return left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="how many changes are planted")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--within", default="", help="only files, and tests, whose path has this in it")
    options = parser.parse_args()
    changes, known = all_changes(), reasons()
    stale = set(known) - {change.words for change in changes}
    some = [change for change in drawn(changes, options.count, options.seed) if options.within in change.file]
    left = survivors(some, options.within)
    print(f"\n{len(some)} of {len(changes)} changes: {len(some) - len(left)} noticed, {len(left)} survive")
    for change in left:
        print(f"{change.file}:{change.line} {change.kind}\n  - {change.before}\n  + {change.after}")
        print(f"  {known.get(change.words, 'NO REASON IS GIVEN')}")
    for words in sorted(stale):
        print("the reason given for a change that can no longer be made:", *words, sep="\n  ")
    return int(bool(stale) or any(change.words not in known for change in left))


if __name__ == "__main__":
    for library in (
        "torch",
        "numpy",
        "scipy.stats",
        "sklearn.linear_model",
        "sklearn.ensemble",
        "hypothesis",
        "pytest",
    ):
        __import__(library)
    sys.exit(main())
