import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from termwise.errors import BadData
from termwise.report.walk_diagram import walk_svg
from termwise.report.walk_layout import stops_in_order
from termwise.report.walks import standard_links

SVG = "{http://www.w3.org/2000/svg}"


def link(name, left, right, value, **more):
    return {"name": name, "from": left, "to": right, "value": value, "stderr": 0.1, "unit": "nats"} | more


def measured(svg, kind, attribute):
    root = ElementTree.fromstring(svg)
    found = [e for e in root.iter() if e.get("class") == kind]
    return {e.get("data-link"): float(e.get(attribute)) for e in found}


def test_arcs_are_as_thick_as_their_nats(account):
    drawn = measured(walk_svg(standard_links(account)), "nats", "stroke-width")
    per_nat = drawn["rate"] / 10.2104
    for name in ("index_code_mi", "total_correlation", "dimension_wise_kl"):
        value = account["readings"][name]["value"]
        assert drawn[name] == pytest.approx(per_nat * value, abs=0.01)  # two decimals are written
    assert "distortion" not in drawn


def test_no_two_arcs_overlap_where_they_meet_a_stop(account):
    root = ElementTree.fromstring(walk_svg(standard_links(account)))
    edges = []
    for arc in (e for e in root.iter() if e.get("class") == "nats"):
        half, path = float(arc.get("stroke-width")) / 2, arc.get("d")
        start = float(re.match(r"M([\d.]+)", path).group(1))
        end = float(re.search(r"1 ([\d.]+) [\d.]+V\d+$", path).group(1))
        edges += [(start - half, start + half), (end - half, end + half)]
    edges.sort()
    assert all(right <= left for (_, right), (left, _) in pairwise(edges))


def test_the_ruler_lays_the_links_end_to_end_in_proportion(links):
    svg = walk_svg(links)
    lengths, starts = measured(svg, "length", "width"), measured(svg, "length", "x")
    assert lengths["index_code_mi"] / lengths["total_correlation"] == pytest.approx(5.6312 / 3.214, rel=1e-3)
    end = starts["index_code_mi"] + lengths["index_code_mi"]
    assert starts["total_correlation"] == pytest.approx(end, abs=0.02)


def test_a_walk_with_a_negative_or_another_unit_has_no_ruler():
    there = link("a", "posterior", "reference", 2.0)
    assert "ruler" in walk_svg([there, link("b", "reference", "prior", 1.0)])
    assert "ruler" not in walk_svg([there, link("b", "reference", "prior", -1.0)])
    assert "ruler" not in walk_svg([there, link("b", "reference", "prior", 1.0, unit="MMD^2")])


def test_a_link_that_noise_alone_puts_below_zero_has_no_length():
    there, noise = link("a", "posterior", "reference", 2.0), link("b", "reference", "prior", -0.1) | {"stderr": 0.06}
    assert measured(walk_svg([there, noise]), "length", "width")["b"] == 0
    assert "ruler" not in walk_svg([there, noise | {"stderr": 0.04}])


def test_every_stop_and_value_can_be_read(links):
    svg = walk_svg(links)
    text = "".join(ElementTree.fromstring(svg).itertext())
    for stop in ("posterior", "aggregate", "marginals", "prior", "q(z|x)", "p(z)"):
        assert stop in text
    assert "3.214 ± 0.012" in text


def test_it_has_a_title_and_tells_each_link_in_words(links):
    root = ElementTree.fromstring(walk_svg(links))
    assert root.find(f"{SVG}title").text and root.get("role") == "img"
    told = root.find(f"{SVG}desc").text
    assert "total correlation, aggregate to marginals: 3.214 ± 0.012 nats." in told


def test_it_takes_its_ink_from_the_page(links):
    svg = walk_svg(links)
    assert 'fill="currentColor"' in svg
    assert set(re.findall(r"(?<=[^-\w])#[0-9a-f]{6}", svg)) <= set(re.findall(r"var\(--[\w-]+, (#[0-9a-f]{6})\)", svg))


def test_hostile_names_stay_text():
    svg = walk_svg([link('<script>"&', "<b>", "prior & more", 1.0)])
    root = ElementTree.fromstring(svg)
    assert not list(root.iter(f"{SVG}script")) and '<script>"&' in "".join(root.itertext())


def test_the_stops_follow_the_walk_whatever_the_order_of_the_links(links):
    assert stops_in_order(list(reversed(links))) == ["posterior", "aggregate", "marginals", "prior"]


def test_a_walk_in_a_circle_is_refused():
    with pytest.raises(BadData, match="without coming back"):
        walk_svg([link("a", "posterior", "prior", 1.0), link("b", "prior", "posterior", 1.0)])


def test_no_links_and_no_values_are_drawn_without_complaint():
    ElementTree.fromstring(walk_svg([]))
    ElementTree.fromstring(walk_svg([link("a", "posterior", "prior", None), link("b", "posterior", "x", float("nan"))]))
