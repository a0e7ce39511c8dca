"""Watchers of one's own: what is none is refused in words, and what is never called is warned of by its name."""

import warnings

import pytest

import termwise as tw
from termwise.training.callbacks import CALLS, NeverCalled

QUICK = {"data": "four-points", "recipe": "vae", "epochs": 1, "progress": False}
AN_INSTANCE = r"callbacks = .* cannot be: extend tw\.training\.Silent and pass an instance, in a list"


class Mine(tw.training.Silent):
    def plot(self):  # a helper of its own
        self.told = []

    def evaluated(self, epoch, split, terms):
        self.plot()


class Slips(Mine):
    def on_epoch_end(self):
        raise AssertionError("never called")

    def evaluate(self):
        raise AssertionError("never called")


def lightnings():
    """A callback of Lightning's, as far as this training can see."""
    kind = type("Callback", (), {"__module__": "lightning.pytorch.callbacks"})
    return kind()


@pytest.mark.parametrize("wrong", [[tw.training.Silent], [Mine], Mine(), Mine, [Mine(), 3], "bar", None, [print]])
def test_what_is_no_watcher_is_told_how_to_be_one(wrong):
    with pytest.raises(tw.errors.Refused, match=AN_INSTANCE):
        tw.train(**QUICK, callbacks=wrong)


def test_a_callback_of_lightnings_is_sent_to_its_trainer():
    with pytest.raises(tw.errors.Refused, match=r"for its own Trainer\(callbacks=\[\.\.\.\]\)"):
        tw.train(**QUICK, callbacks=[Mine(), lightnings()])


def test_a_method_that_is_never_called_is_warned_of_and_a_helper_is_not(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tw.train(**QUICK, callbacks=[Slips(), Mine()], out=tmp_path / "run")
    said = {str(one.message): one.filename for one in caught if one.category is NeverCalled}
    assert [one.split(" is never")[0] for one in said] == ["Slips.evaluate", "Slips.on_epoch_end"]
    assert ["Did you mean evaluated?" in one or "Did you mean logged?" in one for one in said] == [True, True]
    assert set(said.values()) == {__file__}
    assert CALLS == ("began", "stepped", "wants", "evaluated", "logged", "measured", "ended")
