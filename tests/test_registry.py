"""A registry's row makes a thing known, wherever it comes from."""

import re
import warnings
from collections.abc import Sequence
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import Literal

import pytest

from termwise import registry
from termwise.errors import Refused, TermwiseError, UnknownName
from termwise.registry import Makers, PluginFailed, Registry, Row, meanings


class Blur:
    """Something with options of every kind that rows have."""

    def __init__(
        self, latent: int, width: float | Literal["learned"] = 1.0, sizes: Sequence[int] = (), lambda_: float = 1
    ):
        self.latent, self.width, self.sizes, self.lambda_ = latent, width, sizes, lambda_


ROWS = (Row("blur", Blur, "blurs", examples=("blur:0.5", "blur:learned")), Row("plain", lambda latent: latent, "as is"))


@pytest.fixture
def makers():
    return Makers("filter", "termwise.filters", ROWS)


@pytest.fixture
def plugged(monkeypatch):
    """Entry points of another package, by name; what each gives when it is loaded."""

    def plug(**objects):
        class Point(EntryPoint):
            def load(self):
                given = objects[self.name]
                if isinstance(given, Exception):
                    raise given
                return given

        points = [
            Point(name, "elsewhere:ROW", "termwise.filters")._for(SimpleNamespace(name="a-package")) for name in objects
        ]
        monkeypatch.setattr(registry, "_entry_points", lambda group: EntryPoints(points).select(group=group))

    return plug


def test_rows_come_in_the_order_of_the_table_and_are_shown_as_a_configuration_writes_them(makers):
    assert list(makers) == ["blur", "plain"] and len(makers) == 2
    assert makers.shown() == ["blur:0.5", "blur:learned", "plain"]


def test_an_unknown_name_says_which_are_near_and_is_a_key_error(makers):
    with pytest.raises(UnknownName, match=r"Unknown filter 'blurr'\. Did you mean 'blur:0.5'"):
        makers["blurr"]
    assert makers.get("blurr") is None and "blurr" not in makers


def test_a_name_is_given_once(makers):
    makers.add(Row("sharp", lambda latent: -latent, "sharpens"))
    assert makers.build("sharp", 3) == -3
    with pytest.raises(Refused, match=r"There is a filter called 'sharp' already"):
        makers.add(Row("sharp", Blur, "another"))


def test_a_maker_named_by_a_string_is_imported_when_it_is_needed():
    fractions = Makers(
        "number", "termwise.numbers", [Row("fraction", "fractions:Fraction", "p/q"), Row("no", "nowhere:no", "")]
    )
    assert fractions.shown() == ["fraction", "no"]
    assert fractions.build("fraction", 1, 2) == 0.5


@pytest.mark.parametrize(
    ("spec", "width"), [("blur", 1.0), ("blur:0.25", 0.25), ("blur:learned", "learned"), ("blur:1e-3", 1e-3)]
)
def test_a_spec_gives_the_first_option_that_is_the_row_s_own(makers, spec, width):
    built = makers.from_spec(spec, 5)
    assert (built.latent, built.width) == (5, width)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("blr:0.5", "Unknown filter 'blr:0.5'. Did you mean 'blur:0.5'"),
        ("blur:wide", "Unknown filter 'blur:wide'. Did you mean 'blur:0.5' or 'blur:learned'"),
        ("blur:", "Unknown filter 'blur:'. Did you mean 'blur:0.5'"),
        ("plain:3", "Unknown filter 'plain:3'. Did you mean 'plain'"),
        ("ruler", "Unknown filter 'ruler'. Did you mean 'ruler:30'"),  # whose length has no default
    ],
)
def test_a_spec_that_cannot_be_is_told_which_are_near(makers, spec, message):
    makers.add(Row("ruler", lambda latent, length: length, "measures", examples=("ruler:30",)))
    with pytest.raises(TermwiseError, match=re.escape(message)):
        makers.from_spec(spec, 5)


def test_a_table_is_a_name_with_its_options(makers):
    built = makers.from_table({"name": "blur", "width": "0.5", "lambda": 2}, 5)
    assert (built.latent, built.width, built.lambda_) == (5, 0.5, 2.0)
    assert makers.from_table("plain", 5) == makers.from_table({"name": "plain"}, 5) == 5


@pytest.mark.parametrize("table", [{"width": 1.0}, {"name": 3}, 8, None])
def test_a_table_without_a_name_is_refused_with_the_names(makers, table):
    with pytest.raises(Refused, match=re.escape("A filter is a name (blur, plain), or a table of")):
        makers.from_table(table, 5)


def test_an_option_of_another_row_is_said_to_be_its(makers):
    makers.add(Row("sharp", lambda latent, by=2.0: latent * by, "sharpens"))
    with pytest.raises(UnknownName, match=r"option of filter 'blur' 'by'\. .*'by' is one of 'sharp'\.$"):
        makers.build("blur", 5, by=3.0)
    with pytest.raises(UnknownName, match=r"Known: by\.$"):
        makers.build("sharp", 5, latent=3)  # which is given, and nobody's option


def test_options_can_be_checked_and_nothing_be_made(makers):
    assert makers.checked("blur", {"width": "0.5", "lambda": 2}, given=1) == {"width": 0.5, "lambda_": 2.0}


def test_what_the_maker_of_a_spec_refuses_is_told_in_its_own_words(makers):
    def even(latent: int, number: int) -> int:
        if number % 2:
            raise Refused("An even number is even.")
        return number

    makers.add(Row("even", even, "two by two"))
    assert makers.from_spec("even:4", 5) == 4
    with pytest.raises(Refused, match="is even"):
        makers.from_spec("even:3", 5)


def test_options_are_checked_and_converted_by_their_annotations(makers):
    built = makers.build("blur", 5, width="0.5", sizes=[1, 2], **{"lambda": "3"})
    assert (built.width, list(built.sizes), built.lambda_) == (0.5, [1, 2], 3.0)
    assert makers.build("blur", 5, lambda_=2).lambda_ == 2.0
    assert list(makers["blur"].options) == ["latent", "width", "sizes", "lambda"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("blur", {"widht": 1}, "Unknown option of filter 'blur' 'widht'. Did you mean 'width'"),
        ("blur", {"latent": 1}, "Unknown option of filter 'blur' 'latent'"),  # which is given, and no option
        ("blur", {"sizes": "wide"}, "Filter 'blur': sizes = 'wide' cannot be"),
        ("plain", {"width": 1}, "Filter 'plain' takes no options; got 'width'"),
        ("blur", {"width": "wide"}, "unable to parse string as a number, or: Input should be 'learned'"),
        ("ruler", {}, "Filter 'ruler' needs its option 'length'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_words(makers, name, options, message):
    makers.add(Row("ruler", lambda latent, length: length, "measures"))
    with pytest.raises(TermwiseError, match=re.escape(message)):
        makers.build(name, 5, **options)


def test_another_package_s_row_is_like_any_other(makers, plugged):
    plugged(sharp=Row("sharp", lambda latent, by=2.0: latent * by, "sharpens"))
    assert list(makers) == ["blur", "plain", "sharp"]
    assert makers.build("sharp", 2, by=3.0) == 6.0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (ImportError("no module named numpypy"), "numpypy"),
        (Row("blur", Blur, "mine"), "called 'blur' already"),
        (3, "name"),
    ],
)
def test_a_package_that_is_broken_is_named_and_stops_nothing_else(plugged, given, why):
    plugged(bad=given, sharp=Row("sharp", lambda latent: latent, "sharpens"))
    makers = Makers("filter", "termwise.filters", ROWS)
    with pytest.warns(PluginFailed, match=rf"The filter 'bad' of a-package cannot be had .*{why}"):
        assert list(makers) == ["blur", "plain", "sharp"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(makers) == 3  # it is said once


def test_the_group_of_entry_points_is_asked_for(plugged):
    plugged(sharp=Row("sharp", lambda latent: latent, "sharpens"))
    assert list(Registry("thing", "termwise.things", ROWS)) == ["blur", "plain"]


def test_what_options_mean_is_read_from_the_docstring():
    def make(latent, width=1.0, lambda_=2.0, *, other=None, **rest):
        """Makes nothing.

        Args:
            latent: Dimensions.
            width (float): Of the thing,
                in units: of its own.

            lambda_: A weight.
            **rest: Whatever else.

        Raises:
            Refused: Never.
        """

    row = Row("thing", make, "nothing")
    assert row.meanings == {
        "latent": "Dimensions.",
        "width": "Of the thing, in units: of its own.",
        "lambda": "A weight.",
        "other": "",
        "rest": "Whatever else.",
    }
    assert meanings(lambda: None) == {}
