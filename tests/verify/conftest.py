import pytest

from termwise.verify import Check, verify


@pytest.fixture(scope="session")
def checks() -> dict[str, Check]:
    """Every check of seed 0, by name; they are run once."""
    found = verify(0)
    by_name = {check.name: check for check in found}
    assert len(by_name) == len(found)
    return by_name
