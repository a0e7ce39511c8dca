"""What all tests share: every test starts from one random state, and few threads, since xdist runs many at once."""

import sys

import pytest
import torch

from termwise import cli

torch.set_num_threads(1)


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
