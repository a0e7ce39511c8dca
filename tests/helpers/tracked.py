"""A training of a second that trackers are told of, and a tracker that writes down what it is told."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import termwise as tw
from helpers.short_runs import examples

SETTINGS = {"model": {"latent": 2, "options": {"hidden": [8]}}, "training": {"batch_size": 16, "seed": 0}}


def images(count: int = 60) -> tw.Dataset:
    """The same random vectors as `examples`, as pictures of 2 x 3."""
    return tw.load_data(examples(count).tensor().view(count, 1, 2, 3), test=0.5)


def tracked(out: Path, track: Any, epochs: int = 2, **given: Any) -> tw.Run:
    return tw.train(SETTINGS, data=images(), epochs=epochs, track=track, out=out, progress=False, **given)


def curve(run: tw.Run, split: str, name: str) -> list[tuple[int, float]]:
    """What metrics.jsonl has of a term: at each step its value."""
    return [(line["step"], line["terms"][name]) for line in run.metrics() if line["split"] == split]


class Recorder:
    """A tracker whose class remembers all that its instances were told, and that fails where it is asked to."""

    told: list[tuple[str, Any]] = []  # noqa: RUF012
    fails_in: str | None = None
    gone = False

    def begin(self, run, known):
        self._note("begin", (run.name, known, run.step))
        return known if known is not None and not Recorder.gone else uuid4().hex

    def point(self, point):
        self._note("point", point)

    def readings(self, account, step):
        self._note("readings", (account, step))

    def figures(self, figures, step):
        self._note("figures", (figures, step))

    def end(self, error):
        self._note("end", error)

    def _note(self, what, said):
        if Recorder.fails_in == what:
            raise ConnectionError("the server is away")
        Recorder.told.append((what, said))

    @classmethod
    def steps(cls) -> list[int]:
        return [said.step for what, said in cls.told if what == "point"]

    @classmethod
    def calls(cls) -> list[str]:
        return [what for what, _ in cls.told]
