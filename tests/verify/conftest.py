import pytest

from termwise.verify import CHECK_NAMES, Check, verify


@pytest.fixture(scope="session")
def checks() -> dict[str, Check]:
    """Every check of seed 0, by name; they are run once."""
    found = verify(0)
    by_name = {check.name: check for check in found}
    assert len(by_name) == len(found)
    assert list(by_name) == [name for names in CHECK_NAMES.values() for name in names]  # each can be asked for
    return by_name
