"""Walks are read off the table of links; an account's links are those of the plain and the disentangled walk."""

from termwise.report.walks import WALKS, standard_links
from termwise.terms.link_names import LINK_NAMES


def test_every_walk_leads_from_the_posterior_to_the_prior_link_by_link():
    laws = {name: ends for ends, name in LINK_NAMES.items()}
    for walk in WALKS:
        stops = [laws[walk[0]][0], *(laws[link][1] for link in walk)]
        assert stops[0] == "posterior" and stops[-1] == "prior"
        assert [laws[link][0] for link in walk] == stops[:-1]
    beyond = {
        ("marginal_kl",), ("total_correlation", "dimension_wise_kl"), ("group_correlation", "group_wise_kl"),
        ("group_correlation", "within_group_correlation", "dimension_wise_kl"),
    }  # fmt: skip
    through_side = {("side_information", *walk) for walk in beyond}
    at_once = {(f"side_and_{walk[0]}", *walk[1:]) for walk in beyond if len(walk) > 1} | {("marginal_kl_given_side",)}
    assert set(WALKS) == {
        ("rate",), ("reference_kl", "reference_to_prior"), *(("index_code_mi", *walk) for walk in beyond),
        *(("index_code_mi_given_side", *walk) for walk in through_side | at_once),
    }  # fmt: skip


def test_the_links_of_an_account_have_their_ends_and_their_numbers(account):
    links = {link["name"]: link for link in standard_links(account)}
    assert list(links) == ["distortion", "rate", "index_code_mi", "total_correlation", "dimension_wise_kl"]
    assert links["total_correlation"] == {
        "name": "total_correlation", "from": "aggregate", "to": "marginals", "value": 3.214, "stderr": 0.012,
        "unit": "nats",
    }  # fmt: skip
