"""How a case ends that may hang, crash, eat all memory or write where it must not: it runs in a child of this process.

There are two good ends: right (it answered, and what it answered is finite), and refused (one message).
"""

import contextlib
import faulthandler
import hashlib
import io
import json
import math
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

import termwise as tw
from termwise import cli
from termwise.errors import TermwiseError

LONGEST_MESSAGE = 3000
"""Characters that a message has at most; whoever must read more has been given no message."""


@dataclass(frozen=True)
class End:
    """How a case ended: in which way, and the last words."""

    kind: str
    words: str = ""

    @property
    def good(self) -> bool:
        return self.kind in ("right", "refused")


@dataclass(frozen=True)
class Case:
    """What is tried: in words from which it can be made again, and as a function without arguments."""

    story: str
    act: Callable[[], object]


def end_of(case: Case, place: Path, seconds: float = 10.0, memory: int = 3 << 30) -> End:
    """Run a case in a child, in `work`; a write outside of it, or a file half written, is an end of its own.

    Args:
        case: What is tried.
        place: A folder of the case's own, with a folder `work` in it.
        seconds: After so many of the processor, or four times as many on the wall, it hangs.
        memory: How many bytes it may take beyond what this process has.
    """
    before = _snapshot(place)
    end = _in_a_child(case, place / "work", seconds, memory)
    if not end.good:
        return end
    if _snapshot(place) != before:
        return End("wrote outside", end.words)
    if parts := sorted(str(part.relative_to(place)) for part in place.rglob("*.part")):
        return End("left a part", ", ".join(parts))
    return end


def _snapshot(place: Path) -> dict[str, str]:
    """What lies beside the folder in which the case may write."""
    files = (file for file in place.rglob("*") if place / "work" not in (file, *file.parents))
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "" for file in files}


def _in_a_child(case: Case, work: Path, seconds: float, memory: int) -> End:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            end = _child(case, work, seconds, memory)
        except BaseException as error:
            end = End("traceback", repr(error)[:500])
        with contextlib.suppress(BaseException):
            os.write(writer, json.dumps([end.kind, end.words]).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    said, until, ended = b"", time.monotonic() + 4 * seconds, False
    while not ended and select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        more = os.read(reader, 65536)
        said, ended = said + more, not more
    os.close(reader)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    spent = used.ru_utime + used.ru_stime > 0.9 * seconds  # systems differ in the signal that ends a child, and in when
    if not ended or (signalled in (signal.SIGXCPU, signal.SIGKILL) and spent):
        return End("hang", f"nothing after {seconds:g} s")
    if signalled or not said:
        return End("crash", f"by signal {signalled}" if signalled else "without a word")
    return End(*json.loads(said))


def _child(case: Case, work: Path, seconds: float, memory: int) -> End:
    """The case, in the child: how it ends."""
    faulthandler.disable()  # pytest's, which would speak of every crash
    os.chdir(work)
    os.environ.update(HOME=str(work), COLUMNS="120")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds),) * 2)
    try:
        with tempfile.TemporaryFile() as errors:  # what libraries of C++ write, too
            os.dup2(errors.fileno(), 2)
            return _ended(case)
    except BaseException:
        return End("traceback", traceback.format_exc()[-1500:])


def _ended(case: Case) -> End:
    try:
        answer = case.act()
    except TermwiseError as error:
        return _message(str(error))
    except ValidationError as error:  # of a settings class that is made by hand: a ValueError that names each field
        return _message(str(error))
    except TypeError as error:  # an argument too many, too few or misspelt: Python's own words
        if error.__traceback__.tb_next.tb_next is None:
            return _message(str(error))
        raise
    if isinstance(answer, End):
        return answer
    return End("not finite", wrong) if (wrong := not_finite(answer)) else End("right")


def _message(words: str) -> End:
    good = words.strip() and len(words) <= LONGEST_MESSAGE and "Traceback" not in words
    return End("refused" if good else "no message", words[:1000] if good else f"{len(words)} characters: {words[:300]}")


def not_finite(answer: object) -> str:
    """The first number that is not finite in a run, an account, a comparison, or what JSON holds; "" where all are."""
    if isinstance(answer, tw.Run):
        answer = answer.account
    if isinstance(answer, tw.Account):
        answer = {name: [one.value, one.stderr, one.interval] for name, one in answer.readings.items()}
    if isinstance(answer, Mapping):
        return next((f"{key} {wrong}" for key, one in answer.items() if (wrong := not_finite(one))), "")
    if isinstance(answer, list | tuple):
        return next((wrong for one in answer if (wrong := not_finite(one))), "")
    return str(answer) if isinstance(answer, float) and not math.isfinite(answer) else ""


def command(*arguments: str, run: str | None = None) -> End:
    """A command, in this process: how it ends; right only where the account in `run` is finite, too."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["termwise", *arguments]
    status: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
    if status == 0:
        wrong = not_finite(tw.load_run(run)) if run and Path(run, "account.json").exists() else ""
        if "--json" in arguments and not wrong:
            wrong = not_finite(json.loads(out.getvalue()))
        return End("not finite", wrong) if wrong else End("right")
    if status != 2:
        return End(f"status {status}", err.getvalue()[-300:])
    lines = [line for line in err.getvalue().splitlines() if line and not line.startswith("epoch ")]
    spoke = any(line.startswith(("termwise: ", "Error", "Usage: ")) for line in lines)
    return _message("\n".join(lines)) if spoke else End("no message", err.getvalue()[-300:])


def place_for(case: int, beside: Path, *copied: Path) -> Path:
    """A folder for a case, in `beside`: `work`, with copies of files and folders, and a bystander."""
    place = beside / f"case{case}"
    (place / "work").mkdir(parents=True)
    (place / "bystander").mkdir()
    (place / "bystander" / "thesis.txt").write_text("mine")
    for one in copied:
        copy = shutil.copytree if one.is_dir() else shutil.copy
        copy(one, place / "work" / one.name)
    return place
