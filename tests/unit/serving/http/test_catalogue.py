"""What there is to ask for: metrics, dimensions, members, the tree; as far as a role sees it."""

import pytest

from tests.unit.serving.http.conftest import asking, running


@pytest.fixture(scope="module")
def eve(served):
    with served.client("eve") as client:
        yield client


def names(found, of):
    return [entry["name"] for entry in found.json()[of]]


def test_metrics_are_listed_in_pages(ann):
    every = names(ann.get("/metrics"), "metrics")
    first = ann.get("/metrics", params={"limit": 2}).json()
    rest = ann.get("/metrics", params={"limit": 1000, "offset": first["next_offset"]}).json()
    assert first["total"] == len(every) > 3
    assert [entry["name"] for entry in first["metrics"] + rest["metrics"]] == every
    assert rest["next_offset"] is None
    assert ann.get("/metrics", params={"offset": 99}).json()["metrics"] == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"search": "average ORDER"}, ["average_order_value"]),
        ({"search": "订单数"}, ["orders"]),
        ({"search": "net_sales"}, ["net_sales"]),
        ({"available": "false"}, ["leads"]),
        ({"domain": "marketing"}, ["leads"]),
        ({"search": "nonsense"}, []),
    ],
)
def test_metrics_are_searched(ann, asked, found):
    assert names(ann.get("/metrics", params=asked), "metrics") == found


def test_a_metric_tells_what_it_means(ann):
    told = ann.get("/metrics/净销售额").json()["metric"]
    assert (told["name"], told["label"]) == ("net_sales", "Net sales")
    assert "product__category" in told["dimensions"]


def test_an_unknown_metric_is_not_found(ann):
    found = ann.get("/metrics/net_salse")
    assert (found.status_code, found.json()["code"]) == (404, "unknown-metric")


def test_dimensions_and_their_members(ann):
    assert "product__category" in names(ann.get("/dimensions?metrics=net_sales"), "dimensions")
    told = ann.get("/dimensions/product__category/values").json()
    assert told["values"] == ["Bikes", "Helmets"]
    assert ann.get("/dimensions/product__category/values?search=hel").json()["values"] == ["Helmets"]
    assert ann.get("/dimensions/product__category/values?limit=1").json()["next_offset"] == 1
    assert ann.get("/dimensions/sky/values").status_code == 404


def test_the_tree_tells_what_a_metric_is_made_of(ann):
    nodes = {node["name"]: node for node in ann.get("/tree").json()["nodes"]}
    value = nodes["average_order_value"]
    assert value["inputs"] == [
        {"metric": "net_sales", "role": "numerator"},
        {"metric": "orders", "role": "denominator"},
    ]
    assert value["is_root"]
    assert not nodes["orders"]["is_root"]
    below = ann.get("/tree", params={"metric": "average_order_value"}).json()["nodes"]
    assert {node["name"] for node in below} == {"average_order_value", "orders", "net_sales"}


def test_a_role_is_told_of_its_own_metrics_alone(served, eve):
    assert names(eve.get("/metrics"), "metrics") == ["net_sales", "orders"]
    assert eve.get("/metrics/leads").status_code == eve.get("/metrics/nonsense").status_code == 404
    assert names(eve.get("/tree"), "nodes") == ["net_sales", "orders"]
    with served.client("bob") as bob:
        (value,) = [
            node for node in bob.get("/tree").json()["nodes"] if node["name"] == "average_order_value"
        ]
        assert [child["metric"] for child in value["inputs"]] == ["net_sales"]
        assert value["formula"] is None


def test_a_role_is_told_of_its_own_members_alone(eve):
    assert eve.get("/dimensions/order__channel/values").json()["values"] == ["online"]


def test_what_there_is_not_is_said_so(ann):
    assert ann.get("/targets").json()["targets"] == []
    assert ann.get("/alerts").json()["alerts"] == []
    assert ann.get("/quality").json()["verdicts"] == []


def test_version_tells_program_and_publication(ann):
    told = ann.get("/version").json()
    assert (told["company"], told["publication"]) == ("demo", "demo-000001")


def test_what_is_nowhere_is_a_problem(ann):
    for path, status, code in (
        ("/", 404, "unknown-path"),
        ("/docs", 404, "unknown-path"),
        ("/metrics/", 404, "unknown-path"),
    ):
        found = ann.get(path)
        assert (found.status_code, found.json()["code"]) == (status, code)
    assert ann.delete("/query").status_code == 405


def test_days_are_listed_from_the_first_that_there_is_something_of(begun):
    """The calendar begins earlier: with whichever date is the earliest of all."""
    ((began, ends),) = begun.sql("SELECT min(date_day), max(date_day) FROM marts.time_spine_daily")
    with asking(begun.home) as client:
        days = client.get("/dimensions/metric_time/values?limit=1000").json()["values"]
        months = client.get("/dimensions/metric_time__month/values").json()["values"]
    assert str(began) < days[0] == "2025-01-10"
    assert days[-1] == str(ends)
    assert months[0] == "2025-01-01"


def test_days_begin_with_what_the_role_sees(begun):
    begun.change("INSERT INTO candidates.coverage VALUES ('leads', 'created_date', DATE '2025-01-05')")
    begun.publish()
    with running(begun.home) as server, server.client("bob") as bob, server.client("ann") as ann:
        path = "/dimensions/metric_time/values?limit=1"
        assert bob.get(path).json()["values"] == ["2025-01-10"]
        assert ann.get(path).json()["values"] == ["2025-01-05"]


def test_a_role_of_some_rows_lists_days_too(begun):
    with running(begun.home) as server, server.client("eve") as eve:
        months = eve.get("/dimensions/metric_time__month/values").json()
        assert months["values"][0] == "2025-01-01"
        own = eve.get("/dimensions/metric_time__month/values?metrics=net_sales").json()["values"]
    expected = begun.sql("""
        SELECT DISTINCT date_trunc('month', l.order_date)::DATE::VARCHAR
        FROM marts.order_lines AS l JOIN marts.orders USING (order_id) WHERE channel = 'online' ORDER BY 1""")
    assert own == [month for (month,) in expected]
