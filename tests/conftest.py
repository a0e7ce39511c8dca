"""What all tests share: one random state to start from, few threads, since xdist runs many at once, and a budget."""

import os
import sys

import pytest
import torch
from torch.distributions import Distribution

from termwise import cli

torch.set_num_threads(1)

MOST_SECONDS = 40.0
"""Of the processor, for a test that is not marked slow: three times what any takes."""
MOST_TOGETHER = 650.0
"""For all of them: six minutes on two cores, of which xdist's workers need half a minute to begin."""
BEGUN, SPENT = pytest.StashKey[float](), "seconds of the processor"


@pytest.fixture(autouse=True)
def laws_look_at_what_they_are_given():
    """As before: torch's compiler, once used, turns that off for all laws to come."""
    yield
    Distribution.set_default_validate_args(True)


def seconds_of_the_processor() -> float:
    """What this process has taken so far, and those that it began; wall time would be the machine's own affair."""
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item):
    item.stash[BEGUN] = seconds_of_the_processor()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A test that takes more than it may has failed; what each takes goes to the summary."""
    report = yield
    if call.when == "call" and not item.get_closest_marker("slow"):
        spent = seconds_of_the_processor() - item.stash[BEGUN]
        report.user_properties.append((SPENT, spent))
        if report.passed and spent > MOST_SECONDS:
            report.outcome = "failed"
            report.longrepr = (
                f"It took {spent:.0f} s of the processor; expected {MOST_SECONDS:.0f} or less. Show the same with less "
                "work, or mark it @pytest.mark.slow and keep a small case of it."
            )
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter):
    reports = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    spent = {report.nodeid: dict(report.user_properties).get(SPENT, 0.0) for report in reports}
    together = sum(spent.values())
    if together > MOST_TOGETHER:
        terminalreporter.section("more than is meant")
        said = f"{together:.0f} s of the processor in all; {MOST_TOGETHER:.0f} are meant, where nothing else runs:"
        terminalreporter.line(said)
        for name in sorted(spent, key=spent.get, reverse=True)[:20]:
            terminalreporter.line(f"{spent[name]:6.1f} s {name}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]):
    """Of a test at several seeds all but the first are slow; and what needs every check comes first.

    xdist gives one worker all that needs them, so that the checks are run once.
    """
    first: dict[str, int] = {}
    for item in items:
        seed = getattr(item, "callspec", None) and item.callspec.params.get("seed")
        if isinstance(seed, int) and first.setdefault(item.nodeid.partition("[")[0], seed) != seed:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: "checks" not in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command in this process: its status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["termwise", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run
