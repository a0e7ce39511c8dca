"""Settings of a sweep as lines through upright axes, keys to the left and readings to the right, as one SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from termwise.account import glossary
from termwise.report.markup import hue, typeset
from termwise.sweeps import SettingReading, Sweep
from termwise.sweeps.settings import Setting, in_words, value_in_words

WIDTH, HEIGHT = 1000, 330
"""The size of the drawing, in pixels."""

LEFT, RIGHT, TOP, BELOW = 70, 76, 44, 22
"""The margins about it."""

MOST_READINGS = 4
"""The readings that have an axis."""

LOG_FROM = 10.0
"""Numbers above 0 of which the greatest is so many times the least are spread in their logarithm."""

APART = 0.07
"""How far apart two ticks are at the least, as a share of the axis."""


@dataclass(frozen=True)
class _Axis:
    """An axis: its title, where a value lies on it from 0 at the foot to 1, and its ticks."""

    title: str
    place: Callable[[Any], float]
    ticks: Sequence[tuple[float, str]]


def parallel_coordinates(found: Sweep) -> str:
    """The drawing; "" of fewer than two settings.

    Lines have the colour of the first reading that is sought, stronger where it is better; a reading's error between
    seeds is a stroke at its axis. What a line is, is its title.

    Args:
        found: The sweep.
    """
    names = found.shown()[:MOST_READINGS]
    readings = [{str(one.setting): one for one in found.of(name)} for name in names]
    settings = [one for one in found.settings if all(str(one) in of for of in readings)]
    if len(settings) < 2 or not names:
        return ""
    axes = [_key_axis(found.short[key], [one[key] for one in settings]) for key in found.keys]
    axes += [_reading_axis(name, list(of.values())) for name, of in zip(names, readings, strict=True)]
    across = [LEFT + k * (WIDTH - LEFT - RIGHT) / max(1, len(axes) - 1) for k in range(len(axes))]
    threads = [_thread(found, setting, [of[str(setting)] for of in readings], axes, across) for setting in settings]
    threads.sort(key=lambda pair: pair[0])  # the best lie uppermost
    drawn = "".join(text for _, text in threads)
    frames = "".join(_drawn_axis(axis, x, k, len(axes)) for k, (axis, x) in enumerate(zip(axes, across, strict=True)))
    return (
        f'<div class="figure-scroll" tabindex="0" role="group" aria-label="Parallel coordinates">'
        f'<svg class="threads" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {hue(names[0])} '
        f'aria-label="{len(settings)} settings as lines through {len(axes)} axes">{drawn}{frames}</svg></div>'
    )


def _thread(
    found: Sweep, setting: Setting, readings: Sequence[SettingReading], axes: Sequence[_Axis], across: Sequence[float]
) -> tuple[float, str]:
    """How good a setting is, from 0 to 1, and its line, with strokes for errors."""
    keys = len(found.keys)
    values = [*(setting[key] for key in found.keys), *(one.value for one in readings)]
    heights = [axis.place(value) for axis, value in zip(axes, values, strict=True)]
    good = heights[keys] if found.sought.get(readings[0].name, True) else 1 - heights[keys]
    points = "L".join(f"{x:.1f} {_y(height):.1f}" for x, height in zip(across, heights, strict=True))
    strokes = []
    for x, axis, one in zip(across[keys:], axes[keys:], readings, strict=True):
        if one.stderr is not None:
            low, high = (_y(axis.place(one.value + sign * one.stderr)) for sign in (-1, 1))
            strokes.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}"/>')
    said = "; ".join([in_words(setting, found.short), *(f"{one.name} {one.over_seeds}" for one in readings)])
    number = found.settings.index(setting)
    return good, (
        f'<g class="thread" data-setting="{number}" style="--good:{100 * good:.0f}%"><title>{escape(said)}</title>'
        f'<path d="M{points}"/><g class="errors">{"".join(strokes)}</g></g>'
    )


def _y(height: float) -> float:
    return TOP + (1 - height) * (HEIGHT - TOP - BELOW)


def _drawn_axis(axis: _Axis, x: float, k: int, count: int) -> str:
    """An axis with its title and ticks; of the last one the ticks are to its left, as there is no room beyond."""
    side, anchor = (-6, "end") if k == 0 or k < count - 1 else (6, "start")
    ticks = "".join(
        f'<text x="{x + side:.1f}" y="{_y(height) + 3.5:.1f}" text-anchor="{anchor}">{typeset(text)}</text>'
        for height, text in axis.ticks
    )
    title = f'<text class="title" x="{x:.1f}" y="20" text-anchor="middle">{escape(axis.title)}</text>'
    return f'<path class="axis" d="M{x:.1f} {TOP - 6}V{HEIGHT - BELOW + 6}"/>{ticks}{title}'


def _key_axis(title: str, values: Sequence[Any]) -> _Axis:
    """Numbers where all are, spread in their logarithm if they reach far; else a place for each value."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        least, most = min(values), max(values)
        if least < most:
            log = least > 0 and most / least >= LOG_FROM
            scale: Callable[[float], float] = math.log if log else float
            low, high = scale(least), scale(most)
            places = {value: (scale(value) - low) / (high - low) for value in sorted(set(values))}
            ticks = [(0.0, value_in_words(least))]
            for value, place in places.items():
                if ticks[-1][0] + APART <= place <= 1 - APART:
                    ticks.append((place, value_in_words(value)))
            ticks.append((1.0, value_in_words(most)))
            return _Axis(title, lambda value: (scale(value) - low) / (high - low), ticks)
    words = list(dict.fromkeys(value_in_words(value) for value in values))
    places = {word: 0.5 if len(words) == 1 else k / (len(words) - 1) for k, word in enumerate(words)}
    ticks = [(place, word if len(word) <= 14 else f"{word[:13]}…") for word, place in places.items()]
    return _Axis(title, lambda value: places[value_in_words(value)], ticks)


def _reading_axis(name: str, found: Sequence[SettingReading]) -> _Axis:
    """From the least to the greatest mean, errors within."""
    low = min(one.value - (one.stderr or 0.0) for one in found)
    high = max(one.value + (one.stderr or 0.0) for one in found)
    span = high - low or 1.0
    ticks = [(share, f"{low + share * span:.3g}") for share in (0.0, 0.5, 1.0)]
    return _Axis(glossary.reading(name).title, lambda value: (value - low) / span, ticks)
