"""What I(z; s) promises of decisions about codes; and docs/fairness.md, which shows what happens."""

import re
from pathlib import Path

import numpy as np
import pytest

import termwise as tw
from termwise.models.data_pass import DataPass

PAGE = Path(__file__).parents[3] / "docs" / "fairness.md"


def bound(information, shares):
    """The most that a decision's mean can differ between the first two groups, as the page has it."""
    return np.sqrt(information / 2 * (1 / shares[0] + 1 / shares[1]))


def world(rng, groups, codes, apart):
    """Shares of groups and q(z|s) over some codes, of which `apart` says how unlike they are."""
    shares = rng.dirichlet(np.full(groups, 3.0))
    common = rng.dirichlet(np.ones(codes))
    return shares, (1 - apart) * common + apart * rng.dirichlet(np.ones(codes), size=groups)


def information_of(shares, laws):
    return float((shares[:, None] * laws * np.log(laws / (shares @ laws))).sum())


@pytest.mark.parametrize("groups", [2, 3, 5])
@pytest.mark.parametrize("apart", [0.02, 0.3, 1.0])
def test_no_decision_differs_by_more_than_the_information_allows(groups, apart):
    rng = np.random.default_rng(groups)
    for _ in range(200):
        shares, laws = world(rng, groups, 6, apart)
        best = (
            np.abs(laws[0] - laws[1]).sum() / 2
        )  # of the decision that is 1 where the first group's codes are likelier
        assert best <= bound(information_of(shares, laws), shares) + 1e-12


def test_the_bound_is_met_by_groups_that_are_nearly_alike():
    laws = np.array([[0.5 + 1e-3, 0.5 - 1e-3], [0.5 - 1e-3, 0.5 + 1e-3]])
    shares = np.array([0.5, 0.5])
    assert bound(information_of(shares, laws), shares) == pytest.approx(2e-3, rel=1e-4)


def test_the_groups_of_a_training_are_of_what_stands_beside_x_but_the_target():
    data = tw.load_data("digits").with_side({"even": [int(one) % 2 for one in range(1797)], "label": [1, 2, 3] * 599})
    target = data.side.variables[1]
    for wanted, count in ((target, 2), (None, 6)):
        model = tw.VAE.build((1, 8, 8), latent=2, target=wanted, options={"hidden": [8]})
        groups = next(iter(DataPass(model, data)())).groups
        assert len(groups) == 1797 and len(groups.unique()) == count
    alone = data.with_side({"label": [1, 2, 3] * 599})
    model = tw.VAE.build((1, 8, 8), latent=2, target=alone.side.variables[0], options={"hidden": [8]})
    assert len(next(iter(DataPass(model, alone)())).groups.unique()) == 3


@pytest.mark.slow
def test_the_page_runs_and_says_what_comes_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    names = {}
    exec(compile("".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), "fairness.md", "exec"), names)
    for account, said in (("known", ("0.032 ± 0.017", "0.191 ± 0.030")), ("left", ("0.008 ± 0.007", "0.154 ± 0.031"))):
        reading = names[account].by_dimension["side_information_by_variable"]
        for value, words in zip(reading.value, said, strict=True):
            assert words in text
            assert abs(value - float(words.split()[0])) < float(words.split()[2])  # of another machine's arithmetic
    gaps = [tuple(map(float, one)) for one in re.findall(r"gap ([\d.]+), at most ([\d.]+)", capsys.readouterr().out)]
    assert len(gaps) == 2 and all(gap < most for gap, most in gaps) and gaps[1][0] < gaps[0][0]
