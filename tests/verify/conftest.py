import pytest

from termwise.verify import CHECK_FAMILIES, CHECK_NAMES, Check, verify

TRAINED = ("trained critics", "trained games")
"""Families that play games to their end: most of the time that all take."""
UNTRAINED = tuple(family for family in CHECK_FAMILIES if family not in TRAINED)


@pytest.fixture(
    scope="session",
    params=[UNTRAINED, pytest.param(tuple(CHECK_FAMILIES), marks=pytest.mark.slow)],
    ids=["still", "all"],
)
def checks(request) -> dict[str, Check]:
    """The checks of seed 0, by name, but for those of trained networks, which are slow; they are run once."""
    found = verify(0, names=request.param)
    by_name = {check.name: check for check in found}
    assert len(by_name) == len(found)
    assert list(by_name) == [name for family in request.param for name in CHECK_NAMES[family]]  # each can be asked for
    return by_name
