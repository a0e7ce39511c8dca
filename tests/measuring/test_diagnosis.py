import pytest

from termwise.measuring.account import Reading
from termwise.measuring.diagnosis import diagnose


def readings(n=10_000, **values):
    """Readings with the given values; what is not given is unremarkable."""
    plain = {"rate": 10.0, "index_code_mi": 6.0, "marginal_kl": 0.5, "total_correlation": 0.2, "dimension_wise_kl": 0.3}
    plain["rate_by_dimension"] = [5.0, 5.0]
    taken = {**plain, **values}
    return {name: Reading(name, value, None, None, None, None, "nats", "", "", n) for name, value in taken.items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": 0.02, "rate_by_dimension": [0.01, 0.01]}, "collapsed whole"),
        ({"rate_by_dimension": [10.0, 0.01]}, "1 of 2 dimensions is collapsed (rate under 0.05 nats): 1"),
        ({"index_code_mi": 9.1}, "ceiling"),
        ({"marginal_kl": 4.0}, "far from the prior"),
        ({"total_correlation": 3.0}, "entangled"),
        ({}, "No fault shows"),
    ],
)
def test_each_fault_is_named_with_its_evidence_and_alone(values, expected):
    sentences = diagnose(readings(**values))
    assert len(sentences) == 1 and expected in sentences[0]
