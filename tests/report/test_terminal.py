import pytest
from rich.console import Console

from termwise.report.attribute_tables import attribute_table
from termwise.report.listing_tables import verification_table
from termwise.report.quality_tables import quality_table


def shown(renderable, width):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(renderable)
    return console.export_text()


CHECK = {
    "name": "algorithm-2-step-11-of-the-prior", "equation": "(12)", "statement": "The gradient is as it says.",
    "left": 1.234567, "right": 2.345678, "residual": 1.5e-5, "allowed": 2.5e-4, "as_printed": 0.35, "own_terms": True,
    "passed": False, "note": "It fails.",
}  # fmt: skip


def quality():
    readings = {
        name: {"value": value, "stderr": 0.11, "unit": "squared", "estimator": "features of pixels", "bias": "high"}
        for name, value in (("frechet_distance", 12.5), ("frechet_distance_of_real", 3.25), ("precision", 0.75))
    }
    return {"readings": readings, "data": {}, "diagnosis": ["Samples are blurred."]}


def edits():
    readings = {f"attribute_{k}_by_attribute": {"value": [0.73], "stderr": [0.01], "interval": [[0.61, 0.82]]}
                for k in ("added", "removed", "generated", "generated_before")}  # fmt: skip
    readings["attribute_success"] = {"value": 0.6543, "stderr": 0.0112}
    data = {"attributes": ["smile"], "methods": ["mean-difference"], "strength": 1.5, "n": 70}
    return {"readings": readings, "data": data, "diagnosis": ["Hats are not kept."]}


TABLES = {
    "verification": (
        verification_table([CHECK]),
        ["algorithm-2-step-11-of-the-prior", "1.23457", "2.34568", "3.5e-01"],
    ),
    "quality": (quality_table(quality()), ["12.50 ± 0.11", "3.25 ± 0.11", "0.75 ± 0.11"]),
    "edits": (attribute_table(edits()), ["73 61–82", "0.654", "± 0.011"]),
}


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 120])
@pytest.mark.parametrize("name", TABLES)
def test_no_table_cuts_what_it_shows(name, width):
    table, whole = TABLES[name]
    text = shown(table, width)
    assert [number for number in whole if number not in " ".join(text.split())] == []
    assert "…" not in text and max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("name", ["quality", "edits"])
def test_what_is_to_be_minded_stands_above_the_numbers(name):
    assert shown(TABLES[name][0], 80).split()[0] == "Diagnosis"
