"""Of every attribute it is said by itself whether the classifier knows it, and whether the code keeps it."""

from termwise.account.account import Account
from termwise.account.reading import ReadingByDimension
from termwise.measuring.attributes.diagnosis import NEEDED, diagnose


def said(*rows):
    readings = {
        name: ReadingByDimension(name, row, None, None, None, None, "share", "counts", "none", 100)
        for name, row in zip(NEEDED, rows, strict=True)
    }
    return diagnose(Account(readings), ("hat", "glasses", "beard"))


def test_each_attribute_is_judged_by_its_own_numbers():
    first, second = said([0.9, 0.6, 0.95], [0.7, 0.6, 0.5], [1.0, 0.0, 0.2], [0.9, 0.0, 0.3])
    assert first.startswith("The classifier knows no more than which answer is usual of glasses:")
    assert second.startswith("Reconstructions do not keep beard:")
    assert not said([0.9] * 3, [0.5] * 3, [0.9] * 3, [1.0] * 3)
