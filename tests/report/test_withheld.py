"""What is withheld is shown as withheld, with the reason, wherever an account is shown."""

import json

import pytest
from rich.console import Console

import termwise as tw
from termwise.account import Account
from termwise.account.reading import reading_without_error
from termwise.cli import main
from termwise.report.account_table import account_table
from termwise.report.attribute_tables import attribute_table
from termwise.report.model_card import model_card
from termwise.report.page import page
from termwise.report.pictures import Pictures
from termwise.report.quality_tables import quality_table

REASON = "it reads -3.2 nats, where 0 is the least that there can be"


def shown(renderable):
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(renderable)
    return console.export_text()


def made_up(name, value=-3.2):
    taken = {name: reading_without_error(name, value, estimator="by features of a net", bias="none", n=9)}
    return Account(taken, data={"methods": ["mean-difference"], "attributes": ["hat"], "strength": 1.0, "n": 9})


@pytest.mark.parametrize("name", ["rate", "rate_by_dimension", "population_mi"])
def test_a_row_of_the_tables_the_page_and_the_card_says_why(name):
    content = made_up(name).to_json()
    empty = {"title": "", "config": {}, "metrics": [], "links": [], "pictures": Pictures()}
    for text in (shown(account_table(content)), page(account=content, **empty), model_card({}, content)):
        assert "withheld" in text and REASON in text and json.dumps(content["withheld"]) not in text


def test_the_tables_of_quality_and_of_attributes_say_why():
    content = made_up("frechet_distance").to_json()
    assert "• Fréchet distance is withheld: it reads -3.2 FD, where 0" in shown(quality_table(content))
    empty = {"title": "", "config": {}, "metrics": [], "account": {}, "links": [], "pictures": Pictures()}
    assert "Fréchet distance is withheld: it reads -3.2 FD" in page(**empty, quality=[content])
    content = made_up("attribute_added_by_attribute", value=1.5).to_json()
    for text in (shown(attribute_table(content)), page(**empty, attributes=content)):
        assert "attribute added by attribute is withheld: it reads 1.5 share, where 1 is" in text and "hat" in text


def test_a_report_of_a_run_whose_account_was_tampered_with_says_why(tmp_path, monkeypatch):
    run = tw.train(data="four-points", recipe="vae", epochs=1, out=tmp_path / "run", progress=False)
    content = json.loads(run.folder.account_file.read_text())
    content["readings"]["rate"]["value"] = -3.2
    del content["checksum"]  # which would tell at once
    run.folder.account_file.write_text(json.dumps(content))
    monkeypatch.setattr("sys.argv", ["termwise", "report", str(tmp_path / "run")])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    assert "withheld" in run.folder.report_file.read_text() and "it reads -3.2" in run.folder.report_file.read_text()
    assert tw.load_run(tmp_path / "run").account.withheld.keys() >= {"rate", "elbo"}
