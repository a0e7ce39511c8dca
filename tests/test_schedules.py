"""Schedules at their corners, from their formulas, and never below what they say is their least."""

import math

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from termwise.errors import Refused
from termwise.objectives import Constant, Cosine, Cyclical, Linear, WarmUp
from termwise.schedules import as_schedule

CORNERS = [
    (Constant(value=3.0), {0: 3.0, 10**9: 3.0}),
    (Linear(start=1.0, end=5.0, steps=8), {0: 1.0, 2: 2.0, 4: 3.0, 8: 5.0, 9: 5.0, 10**9: 5.0}),
    (Linear(start=5.0, end=1.0, steps=8), {0: 5.0, 2: 4.0, 8: 1.0, 100: 1.0}),
    (Linear(end=5.0, steps=1), {0: 0.0, 1: 5.0}),
    (WarmUp(value=4.0, steps=8), {0: 0.0, 2: 1.0, 8: 4.0, 100: 4.0}),
    (WarmUp(value=4.0, steps=8, wait=10), {0: 0.0, 10: 0.0, 12: 1.0, 18: 4.0, 19: 4.0}),
    (Cyclical(low=1.0, high=3.0, period=8), {0: 1.0, 1: 1.5, 2: 2.0, 4: 3.0, 7: 3.0, 8: 1.0, 10: 2.0, 8000: 1.0}),
    (Cyclical(high=2.0, period=8, ramp=1.0), {0: 0.0, 4: 1.0, 7: 1.75, 8: 0.0}),
    (Cyclical(high=2.0, period=8, ramp=0.25, cycles=2), {1: 1.0, 2: 2.0, 8: 0.0, 15: 2.0, 16: 2.0, 17: 2.0, 24: 2.0}),
    (Cosine(start=4.0, end=2.0, steps=12), {0: 4.0, 4: 3.5, 6: 3.0, 8: 2.5, 12: 2.0, 13: 2.0, 10**9: 2.0}),
    (Cosine(start=1.0, steps=3), {0: 1.0, 1: 0.75, 2: 0.25, 3: 0.0}),
]


@pytest.mark.parametrize(("schedule", "corners"), CORNERS)
def test_a_schedule_follows_its_formula_from_start_to_beyond_its_end(schedule, corners):
    assert [schedule(step) for step in corners] == pytest.approx(list(corners.values()), abs=1e-12)


SHARES = [
    (Linear(end=5.0, share=0.8), Linear(end=5.0, steps=80)),
    (Linear(end=5.0), Linear(end=5.0, steps=50)),
    (WarmUp(share=0.3, wait=10), WarmUp(steps=20, wait=10)),
    (WarmUp(value=4.0), WarmUp(value=4.0, steps=50)),
    (WarmUp(share=0.3, wait=70), WarmUp(steps=1, wait=70)),
    (Cyclical(share=0.1), Cyclical(period=10)),
    (Cyclical(), Cyclical(period=25)),
    (Cyclical(cycles=7), Cyclical(period=14, cycles=7)),
    (Cosine(start=1.0, share=0.29), Cosine(start=1.0, steps=29)),
    (Cosine(start=1.0), Cosine(start=1.0, steps=100)),
]


@pytest.mark.parametrize(("schedule", "in_steps"), SHARES)
def test_a_share_of_a_run_is_so_many_of_its_steps_and_steps_stay_what_they_are(schedule, in_steps):
    assert schedule.over(100) == in_steps
    assert in_steps.over(7) == in_steps
    with pytest.raises(Refused, match=r"of the run, whose steps are not known here.*over\(1000\)"):
        schedule(0)


@pytest.mark.parametrize("name", ["linear", "warm-up", "cyclical", "cosine"])
def test_a_length_is_said_once_and_a_share_is_of_one_run(name):
    kind = {"linear": Linear, "warm-up": WarmUp, "cyclical": Cyclical, "cosine": Cosine}[name]
    rest = {"start": 1.0, "end": 2.0} if name in ("linear", "cosine") else {}
    for share in (0.0, 1.5, -0.1, math.nan):
        with pytest.raises(ValidationError):
            kind(**rest, share=share)
    with pytest.raises(ValidationError, match="said twice"):
        kind(**rest, share=0.5, **{kind.length: 10})


numbers = st.floats(-100, 100)
steps = st.integers(1, 50)
schedules = st.one_of(
    st.builds(Constant, value=numbers),
    st.builds(Linear, start=numbers, end=numbers, steps=steps),
    st.builds(WarmUp, value=numbers, steps=steps, wait=st.integers(0, 50)),
    st.builds(
        Cyclical,
        low=numbers,
        high=numbers,
        period=steps,
        ramp=st.floats(0.01, 1),
        cycles=st.none() | st.integers(1, 4),
    ),
    st.builds(Cosine, start=numbers, end=numbers, steps=steps),
)


@given(schedules)
def test_the_least_is_reached_or_bounds_every_step_from_below(schedule):
    assert min(schedule(step) for step in range(220)) >= schedule.least() - 1e-9


@given(schedules)
def test_a_schedule_written_as_a_table_is_read_back_the_same(schedule):
    assert type(schedule).model_validate(schedule.model_dump(mode="json")) == schedule


@pytest.mark.parametrize(
    ("schedule", "least"),
    [
        (Linear(start=1.0, end=-2.0, steps=3), -2.0),
        (Linear(start=-1.0, end=2.0, steps=3), -1.0),
        (WarmUp(value=-2.0, steps=3), -2.0),
        (WarmUp(value=2.0, steps=3), 0.0),
        (Cyclical(low=-1.0, high=2.0, period=3), -1.0),
        (Cosine(start=2.0, end=-1.0, steps=3), -1.0),
        (Constant(value=-4.0), -4.0),
    ],
)
def test_the_least_is_the_lower_end(schedule, least):
    assert schedule.least() == least


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(end=1.0, steps=0),
        lambda: Linear(end=math.inf, steps=1),
        lambda: WarmUp(steps=3, wait=-1),
        lambda: Cyclical(period=3, ramp=0.0),
        lambda: Cyclical(period=3, ramp=1.5),
        lambda: Cosine(start=1.0, steps=3, stop=2),
    ],
)
def test_options_that_cannot_be_are_not_taken(make):
    with pytest.raises(ValidationError):
        make()


def test_a_number_is_a_constant_schedule_and_a_schedule_itself():
    linear = Linear(end=1.0, steps=2)
    assert as_schedule(3) == Constant(value=3.0)
    assert as_schedule(linear) is linear


@pytest.mark.parametrize("weight", ["high", None, math.nan, math.inf, {"schedule": "linear"}])
def test_what_is_no_number_is_refused(weight):
    with pytest.raises(Refused, match="Expected a finite number, or a schedule"):
        as_schedule(weight)
