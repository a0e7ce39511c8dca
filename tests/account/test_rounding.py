import math

import pytest

from termwise.account.rounding import rounded, with_error


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (3.214, 0.012, "3.214 ± 0.012"),
        (3.214, 0.0996, "3.21 ± 0.10"),
        (-33.6235, 0.199, "-33.62 ± 0.20"),
        (12345.6, 123.0, "12350 ± 120"),
        (104.44, 1.26, "104.4 ± 1.3"),
        (0.00004, 0.002, "0.0000 ± 0.0020"),
        (-0.00004, 0.002, "0.0000 ± 0.0020"),
        (1.234e-9, 3.1e-11, "1.234e-09 ± 0.031e-09"),
        (6.02e23, 1.5e21, "6.020e+23 ± 0.015e+23"),
    ],
)
def test_the_standard_error_keeps_two_digits_and_sets_those_of_the_value(value, stderr, text):
    assert with_error(value, stderr) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7"), (0.0, "0"), (3.14159, "3.142"), (123456.7, "123457"), (1234.5, "1234.5"), (1e-5, "1e-05")],
)
def test_a_value_without_an_error_keeps_four_digits_and_all_left_of_the_point(value, text):
    assert with_error(value) == with_error(value, 0.0) == text


def test_what_is_not_a_number_is_said_in_words():
    assert with_error(None) == "—"
    assert with_error(math.nan, 0.1) == "not a number"
    assert with_error(-math.inf) == "-∞"
    assert rounded(2.5, math.nan) == ("2.5", "?")
