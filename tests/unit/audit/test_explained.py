"""How an explained figure is shown: as text, as JSON, as a page."""

import json
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from plumbline.audit.book import short_commit
from plumbline.audit.explain_page import render_page
from plumbline.cli.explain import _member, write_out
from plumbline.cli.explained import tell
from plumbline.errors import StorageError, UsageError
from tests.unit.audit.conftest import Audited
from tests.unit.gate.conftest import failed

VOID = {"meta", "link", "br", "hr", "img", "use", "path", "circle"}


class Outline(HTMLParser):
    """Reads a page: text, links, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.targets: set[str] = set()
        self.places: set[str] = set()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        if given.get("href", "").startswith("#mark-") is False and "href" in given:
            self.targets.add(given["href"])
        if "id" in given:
            self.places.add(f"#{given['id']}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_text_fits_a_screen_or_two(poisoned: Audited) -> None:
    lines = list(tell(poisoned.explain("costs", "2024-01")))
    assert len(lines) <= 60


def test_text_begins_with_figure_and_verdict(poisoned: Audited) -> None:
    lines = list(tell(poisoned.explain("costs", "2024-01")))
    assert lines[0].startswith("Costs")
    assert lines[1].split() == ["value", "64"]
    told = " ".join(" ".join(lines[2:6]).split())
    assert "held since 2025-03-11 06:00 UTC: the last good figure, of shop-000001, is shown" in told


def test_checks_of_a_held_figure_are_those_of_the_run_that_made_it(company: Audited) -> None:
    company.checked(failed(column="cost", verdict="passed"))
    company.day(as_of=date(2025, 3, 1))
    company.day(failed(column="cost"))
    found = company.explain("costs", "2024-01")
    lines = list(tell(found))
    assert "Checks of what it rests on, in the run of shop-000001: 1 passed, 0 failed" in "\n".join(lines)
    assert "Expectations of the run of shop-000001 on the tables" in Outline(render_page(found)).text
    assert any(line.startswith("Extracts: 1 load with ") for line in lines)


def test_failed_checks_beside_a_certified_figure_are_said_not_to_have_changed_it(company: Audited) -> None:
    company.checked(failed(column="amount"))
    company.day()
    found = company.explain("sales", "2025-02")
    assert "None of the rows that break a rule can have changed this figure." in "\n".join(tell(found))
    assert "违反规则的行都不会改变这个数字" in Outline(render_page(found)).text


def test_a_commit_from_which_files_differed_keeps_its_mark() -> None:
    assert short_commit("0123456789abcdef+") == "0123456789ab+"
    assert short_commit("0123456789abcdef") == "0123456789ab"


def test_text_tells_that_a_figure_differs(changed: Audited) -> None:
    changed.tamper("UPDATE published.indicator_value SET value = 9 WHERE metric = 'sales'")
    lines = list(tell(changed.explain("sales", "2025-02")))
    assert any("DIFFERS" in line and "published as 9" in line for line in lines)
    assert any(line.startswith("  NO  computed again") for line in lines)


def test_full_text_has_every_line_of_sql(published: Audited) -> None:
    found = published.explain("margin", "2025-02")
    full = "\n".join(tell(found, full=True))
    assert all(line in full for line in found.calculation.sql.splitlines())


def test_json_keeps_every_digit(published: Audited) -> None:
    told = json.loads(json.dumps(published.explain("margin", "2025-02").as_json()))
    assert told["figure"]["value"] == "0.714285714286"
    assert told["calculation"]["agrees"] is True
    assert told["proven"]["whole"] is True


@pytest.fixture(scope="module")
def page(poisoned: Audited) -> str:
    return render_page(poisoned.explain("costs", "2024-01"))


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert not outline.tags & {"script", "link", "img", "iframe"}
    assert not re.search(r"https?://|url\(|@import", page)


def test_every_link_of_the_page_leads_somewhere(page: str) -> None:
    outline = Outline(page)
    assert {target for target in outline.targets if not target.startswith("#mark-")} <= outline.places


def test_the_page_says_in_both_languages_what_is_held(page: str) -> None:
    text = Outline(page).text
    assert "Held: the last good figure is shown 暂缓发布" in text
    assert "Finance: controller" in text
    assert "1,004" not in text


def test_the_page_shows_what_is_not_proven(changed: Audited) -> None:
    changed.tamper("UPDATE published.indicator_value SET value = 9 WHERE metric = 'sales'")
    text = Outline(render_page(changed.explain("sales", "2025-02"))).text
    assert "NOT PROVEN: computed again, file as recorded." in text


def test_text_from_the_data_is_escaped(changed: Audited) -> None:
    changed.tamper("UPDATE published.extract SET source = '<b>orders</b>'")
    assert "&lt;b&gt;orders&lt;/b&gt;" in render_page(changed.explain("sales", "2025-02"))


@pytest.mark.parametrize("text", ["product__category", "=Bikes"])
def test_a_member_needs_its_dimension(text: str) -> None:
    with pytest.raises(UsageError, match="names no member"):
        _member(text)


def test_a_member_may_have_an_equals_sign() -> None:
    assert _member("product__name=A=B") == ("product__name", "A=B")


def test_output_that_cannot_be_written_is_told(tmp_path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_out("text", tmp_path / "missing" / "page.html")
