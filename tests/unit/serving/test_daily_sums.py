"""Which questions are added up from sums by day, made with the third of a kind, and what they say."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from plumbline.access import Account, Policy, Principal, Role, Selection
from plumbline.errors import DefinitionError
from plumbline.serving import Question, daily_sums
from plumbline.serving.desk import Desk

POLICY = Policy(
    "demo",
    {"store": Role("store", metrics=Selection(everything=True), rows={"order__channel": ("store",)})},
    accounts={"sam": Account("sam", ("store",))},
)
SAM = Principal("sam", "store")
DAYS = [f"2025-{month:02d}-{day:02d}" for month in (1, 2) for day in (5, 10, 28)]
TABLES = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE database_name = 'memory' ORDER BY 1"


@contextmanager
def visiting(shop, principal=None):
    desk = Desk(shop.home, POLICY)
    with desk.visit(principal) as visit:
        yield visit
    desk.close()


@pytest.fixture
def published(shop):
    shop.publish()
    return shop


@pytest.fixture
def visit(published):
    with visiting(published) as visit:
        yield visit


def tables(visit):
    return visit.source.connection.execute(TABLES).fetchall()


def asked(visit, *metrics, by=(), start="2025-01-05", **more):
    """Ask one question of each range, and give what the last one says."""
    return [visit.ask(Question(metrics, by, start=start, end=day, **more)) for day in DAYS][-1]


def test_the_third_question_of_a_kind_makes_its_sums(visit):
    made = []
    for day in DAYS[:4]:
        visit.ask(Question(("net_sales",), ("product__category",), end=day))
        made.append(len(tables(visit)))
    assert made == [0, 0, 1, 1]


def test_kinds_of_the_same_sums_share_them(visit):
    for grain, end in (("month", "2025-01-10"), ("day", "2026-01-10"), (None, "2026-02-01")):
        visit.ask(Question(("net_sales",), ("product__category",), end=end, grain=grain))
        where = ("product__category = 'Bikes'",)
        visit.ask(Question(("net_sales",), (), where, end=end, grain=grain))
    assert len(tables(visit)) == 1


def test_a_ratio_is_that_of_sums(published, visit):
    reply = asked(visit, "average_order_value", by=("order__channel",))
    assert len(tables(visit)) == 1
    assert reply.rows() == published.sql("""
        SELECT o.channel, sum(l.net_amount)::DOUBLE / count(DISTINCT o.order_id)
        FROM marts.orders AS o JOIN marts.order_lines AS l USING (order_id)
        WHERE o.order_date BETWEEN '2025-01-05' AND '2025-02-28' GROUP BY 1 ORDER BY 1""")


@pytest.mark.parametrize(
    ("grain", "before"), [(None, "2024-12-22' AND '2025-01-25"), ("month", "2024-12-01' AND '2024-12-31")]
)
def test_what_is_compared_is_added_up_of_the_same_sums(published, visit, grain, before):
    asked(visit, "net_sales")
    ((made, _),) = tables(visit)
    start, end = ("2025-01", "2025-01") if grain else ("2025-01-26", "2025-03-01")
    question = Question(("net_sales",), start=start, end=end, grain=grain, compare="previous")
    with visiting(published) as other:
        calculated = other.ask(question)
    found = visit.ask(question)
    assert (found.rows(), found.sql) == (calculated.rows(), calculated.sql)
    ((then,),) = published.sql(
        f"SELECT sum(net_amount) FROM marts.order_lines WHERE order_date BETWEEN '{before}'"
    )
    assert calculated.rows()[0][calculated.names.index("net_sales__previous")] == then
    assert [name for name, _ in tables(visit)] == [made]


def test_what_is_said_does_not_tell_where_it_was_read(published):
    """A publication gives the same answer, to the letter, whoever asked before."""
    question = Question(
        ("net_sales",), ("product__category",), start="2025-01-05", end="2026-02-14", grain="month"
    )
    with visiting(published) as visit:
        asked(visit, "net_sales", by=("product__category",))
        summed = visit.ask(question)
        assert len(tables(visit)) == 1
    with visiting(published) as visit:
        calculated = visit.ask(question)
    assert summed.rows() == calculated.rows()
    assert (summed.origin, summed.sql, summed.plan) == (calculated.origin, calculated.sql, calculated.plan)
    assert (summed.notes, summed.verdicts, summed.names) == (
        calculated.notes,
        calculated.verdicts,
        calculated.names,
    )
    assert list(summed.objects()) == list(calculated.objects())


def test_each_role_has_its_own_figures_of_sums_that_all_share(published):
    expected = """
        SELECT sum(net_amount) FROM marts.order_lines JOIN marts.orders AS o USING (order_id)
        WHERE o.order_date BETWEEN '2025-01-05' AND '2025-02-28'"""
    desk = Desk(published.home, POLICY)
    with desk.visit() as everything, desk.visit(SAM) as sam:
        where = ("order__channel IN ('store', 'online')",)
        assert asked(everything, "net_sales", where=where).rows() == published.sql(expected)
        assert asked(sam, "net_sales").rows() == published.sql(f"{expected} AND o.channel = 'store'")
        assert len(tables(everything)) == 1
    desk.close()


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ("sales_so_far", {}),
        ("sales_this_year", {"grain": "day"}),
        ("invoiced", {}),
        ("net_sales", {"by": ("metric_time__month", "metric_time__day")}),
        ("net_sales", {"where": ("metric_time__month > '2020-01-01'",)}),
    ],
)
def test_anything_else_is_calculated(visit, metric, more):
    asked(visit, metric, **more)
    assert tables(visit) == []


def test_fractions_are_not_added_up(shop):
    shop.change("ALTER TABLE marts.order_lines ALTER net_amount TYPE DOUBLE")
    shop.publish()
    with visiting(shop) as visit:
        asked(visit, "net_sales")
        assert tables(visit) == []


def test_what_is_too_large_is_tried_once(visit, monkeypatch):
    monkeypatch.setattr(daily_sums, "MOST_ROWS", 2)
    tried = []
    made = daily_sums._made
    monkeypatch.setattr(daily_sums, "_made", lambda *given: tried.append(given) or made(*given))
    asked(visit, "net_sales", by=("product__name",))
    assert (len(tried), tables(visit)) == (1, [])


def test_rows_without_a_day_count_where_no_range_is_asked_for(shop):
    shop.change("INSERT INTO marts.order_lines VALUES (7, 1, 1, NULL, 1000), (8, 1, 1, '2027-05-01', 0.5)")
    shop.publish()
    with visiting(shop) as visit:
        asked(visit, "net_sales")
        assert len(tables(visit)) == 1
        for start, end in ((None, None), ("2025-02-01", None), (None, "2026-12-31")):
            days = [f"order_date >= '{start}'"] * bool(start) + [f"order_date <= '{end}'"] * bool(end)
            reply = visit.ask(Question(("net_sales",), start=start, end=end))
            assert reply.rows() == shop.sql(
                f"SELECT sum(net_amount) FROM marts.order_lines WHERE {' AND '.join(days) or 'true'}"
            )


def test_a_condition_that_fails_is_blamed_as_before(visit):
    told = set()
    for day in DAYS:
        with pytest.raises(DefinitionError) as raised:
            visit.ask(
                Question(
                    ("net_sales",), (), ("product__category > 7 AND product__category + 1 = 2",), end=day
                )
            )
        told.add(str(raised.value))
    assert len(told) == 1


def test_a_table_that_has_been_dropped_is_calculated(published, visit):
    asked(visit, "net_sales", by=("product__category",))
    ((name, _),) = tables(visit)
    visit.source.connection.execute(f"DROP TABLE memory.main.{name}")
    for where in ((), ("product__category = 'Bikes'",)):
        reply = visit.ask(Question(("net_sales",), ("product__category",), where, start="2025-01-01"))
        assert (
            dict(reply.rows())["Bikes"]
            == published.sql("SELECT sum(net_amount) FROM marts.order_lines WHERE product_id = 1")[0][0]
        )


def test_many_ask_at_a_time_and_the_sums_are_made_once(published):
    desk = Desk(published.home, POLICY)

    def ask(number):
        with desk.visit() as visit:
            end = f"2026-02-{1 + number % 28:02d}"
            return end, visit.ask(Question(("net_sales",), ("order__channel",), end=end)).rows()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(80)))
    for end, rows in found:
        assert rows == published.sql(f"""
            SELECT channel, sum(net_amount) FROM marts.order_lines AS l
            JOIN marts.orders AS o USING (order_id)
            WHERE o.order_date <= '{end}' GROUP BY 1 ORDER BY 1""")
    with desk.visit() as visit:
        assert len(tables(visit)) == 1
    desk.close()


def test_nothing_is_added_up_where_a_figure_is_held(visit, monkeypatch):
    monkeypatch.setattr("plumbline.serving.door._is_held", lambda source: True)
    asked(visit, "net_sales")
    assert tables(visit) == []


def test_sums_that_fail_on_rows_of_other_days_are_not_kept(visit):
    def fails(query):
        return "SELECT DATE '2020-01-01' AS metric_time__day, error('no number') AS net_sales"

    sums = daily_sums.Sums(("net_sales",), ())
    assert daily_sums._made(visit.source.connection, sums, fails, 1) is None
    assert tables(visit) == []
