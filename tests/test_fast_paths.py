"""Fast paths: decided once, by the switch, by a checkpoint's word or by a trial; what fails is not taken."""

import pytest

from termwise import fast_paths
from termwise.errors import Refused
from termwise.fast_paths import SWITCH, FastPath, asked, take_as, taken_paths


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    monkeypatch.setattr(FastPath, "_all", {})
    monkeypatch.setattr(fast_paths, "_RECORDED", {})


def path(works=True, pays=True, asks=None):
    def trial():
        if asks is not None:
            asks.append(1)
        return pays

    return FastPath("one", lambda: works, trial)


def raises():
    raise RuntimeError("no such operator")


@pytest.mark.parametrize(
    ("switch", "works", "pays", "taken"),
    [
        (None, True, True, True),
        (None, True, False, False),
        (None, False, True, False),
        ("auto", True, True, True),
        ("", True, False, False),
        ("off", True, True, False),
        ("on", True, False, True),
        (" ON ", True, False, True),
        ("on", False, True, False),
    ],
)
def test_the_switch_and_the_trial_decide(monkeypatch, switch, works, pays, taken):
    monkeypatch.delenv(SWITCH, raising=False)
    if switch is not None:
        monkeypatch.setenv(SWITCH, switch)
    assert path(works, pays).taken is taken
    assert taken_paths() == {"one": taken}


@pytest.mark.parametrize("switch", ["1", "yes", "fast"])
def test_a_switch_that_says_nothing_is_refused(monkeypatch, switch):
    monkeypatch.setenv(SWITCH, switch)
    with pytest.raises(Refused, match=f"{SWITCH} is 'on', 'off' or 'auto', as without it; got '{switch}'"):
        asked()
    with pytest.raises(Refused):
        _ = path().taken


@pytest.mark.parametrize("switch", ["auto", "on"])
def test_what_raises_is_not_taken(monkeypatch, switch):
    monkeypatch.setenv(SWITCH, switch)
    assert FastPath("one", raises, lambda: True).taken is False
    monkeypatch.setenv(SWITCH, "auto")
    assert FastPath("one", lambda: True, raises).taken is False


def test_it_is_decided_once(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    asks = []
    one = path(asks=asks)
    assert one.taken and one.taken and asks == [1]
    monkeypatch.setenv(SWITCH, "off")
    assert one.taken
    one.anew()
    assert not one.taken


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_what_a_checkpoint_says_is_taken_without_a_trial(monkeypatch, recorded, before):
    """Whether a path was decided before, by a trial that said otherwise, or is first wanted afterwards."""
    monkeypatch.delenv(SWITCH, raising=False)
    asks = []
    one = path(pays=not recorded, asks=asks)
    if before:
        assert one.taken is not recorded
        asks.clear()
    take_as({"one": recorded, "of another version": True})
    assert one.taken is recorded and asks == [] and taken_paths() == {"one": recorded}
    take_as({})
    assert one.taken is recorded, "a checkpoint that says nothing leaves what was decided"


def test_what_a_checkpoint_says_is_not_taken_where_it_does_not_work_or_the_switch_says_no(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    take_as({"one": True})
    assert path(works=False).taken is False
    monkeypatch.setenv(SWITCH, "off")
    assert path().taken is False
    take_as({"one": False})
    monkeypatch.setenv(SWITCH, "on")
    assert path().taken is True
