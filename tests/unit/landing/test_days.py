"""A day before the first data is told from the landed texts, where staging can read none otherwise."""

from datetime import date

import duckdb
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.landing import begins_after

COLUMN = ("erp", "orders", "OrderDate")
DAY = date(2023, 6, 30)


def first_after(*texts, day=DAY):
    with duckdb.connect() as con:
        con.execute('create schema landing_erp; create table landing_erp.orders ("OrderDate" varchar)')
        con.execute("insert into landing_erp.orders select unnest(?)", [list(texts)])
        return begins_after(con, [COLUMN], day)


@pytest.mark.parametrize(
    "texts",
    [
        ("2023-07-01", "2024-01-05"),
        ("2023-07-01 00:00:00", None, "", "n/a"),
        ("2023-07-01", "2024/1/5", "20240105", "5.1.2024", "2024年1月5日", "2024-02-30"),
    ],
)
def test_where_every_day_is_later_the_first_is_told(texts):
    assert first_after(*texts) == date(2023, 7, 1)


@pytest.mark.parametrize(
    "text",
    [
        *("2023-06-30", "2023-06-30 23:59:59", "2023/7/1", "20230701", "1.7.2023", "2023年7月1日"),
        *("２０２３-06-30", "２０２３年7月1日 2024", "5.1.23", "45112", "yesterday 7"),
    ],
)
def test_what_may_be_of_the_day_leaves_it_open(text):
    assert first_after("2024-01-05", text) is None


def test_where_no_day_has_landed_nothing_is_told():
    assert first_after() is None
    assert first_after("", None, "n/a") is None


class Adapter:
    """Gives macros as they are for DuckDB."""

    def __init__(self, macros):
        self._macros = macros

    def dispatch(self, name, _):
        return getattr(self._macros, f"duckdb__{name}")


@pytest.fixture(scope="module")
def staged(project_root):
    """Reads texts as the staging models do, by the same macros."""
    text = (project_root / "macros" / "engine" / "reading.sql").read_text(encoding="utf-8")
    adapter = Adapter(None)
    macros = jinja2.Environment().from_string(text, globals={"adapter": adapter}).module
    adapter._macros = macros
    readings = [
        f"coalesce({macros.try_plain_value('text', kind, kind)},"
        f" {macros.try_value(macros.cleaned_text('text'), kind, kind)})"
        for kind in ("date", "timestamp")
    ]
    with duckdb.connect() as con:
        yield lambda text: con.execute(
            f"select {', '.join(f'cast({reading} as date)' for reading in readings)} from (select ? as text)",
            [text],
        ).fetchone()


FORMS = (
    *("{0:04}-{1:02}-{2:02}", "{0:04}/{1}/{2}", "{0:04}{1:02}{2:02}", "{2}.{1}.{0:04}", "{0:04}年{1}月{2}日"),
    *(
        "{0:04}-{1}-{2}T10:30:00.1234Z",
        "{0:04}-{1:02}-{2:02} 00:00:00",
        "{2}.{1}.{0:04} 9:05",
        " {0}-{1}-{2}",
    ),
)
WIDE = str.maketrans("0123456789-/.", "０１２３４５６７８９－／．")
days = st.tuples(st.integers(2020, 2026), st.integers(1, 12), st.integers(1, 28))
written = st.builds(lambda form, day: form.format(*day), st.sampled_from(FORMS), days)
texts = st.one_of(
    written, written.map(lambda text: text.translate(WIDE)), st.text("0123456789-/. :T年月日２", max_size=12)
)


@given(text=texts, day=st.dates(date(2019, 1, 1), date(2027, 1, 1)))
def test_no_text_that_staging_reads_as_that_day_or_earlier_is_overlooked(staged, text, day):
    read = [found for found in staged(text) if found]
    if any(found <= day for found in read):
        assert first_after("2030-01-01", text, day=day) is None
