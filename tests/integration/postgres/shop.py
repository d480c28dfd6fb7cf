"""A small company: sales by region and by person, and people by department, as the pipeline leaves them."""

import json
from datetime import date

import duckdb

from plumbline.project import Home


def _dimension(name, **meta):
    return {"name": name, "type": "categorical", "config": {"meta": meta}}


def _metric(name, domain):
    return {
        "name": name,
        "type": "simple",
        "type_params": {"measure": {"name": f"{name}_measure"}, "input_measures": []},
        "label": name.capitalize(),
        "description": "",
        "config": {"meta": {"label_zh": "指标", "domain": domain}},
    }


def _model(name, entities, dimensions, measures=()):
    return {
        "name": name,
        "node_relation": {"relation_name": f'"warehouse"."marts"."{name}"'},
        "entities": [{"name": entity, "type": kind, "expr": entity} for entity, kind in entities.items()],
        "dimensions": dimensions,
        "measures": [
            {"name": f"{measure}_measure", "agg": "sum", "expr": measure, "agg_time_dimension": "day"}
            for measure in measures
        ],
    }


def _query(name, metrics, *group_by):
    return {
        "name": name,
        "label": name,
        "description": f"{name} in full.",
        "query_params": {
            "metrics": metrics,
            "group_by": ["TimeDimension('metric_time', 'month')", *group_by],
        },
    }


REGION, PERSON, DEPARTMENT = (
    f"Dimension('{name}')" for name in ("store__region", "seller__name", "department__name")
)
MANIFEST = {
    "project_configuration": {"time_spines": []},
    "semantic_models": [
        _model(
            "orders",
            {"order": "primary", "store": "foreign", "seller": "foreign"},
            [{"name": "day", "type": "time", "type_params": {"time_granularity": "day"}}],
            ("sales", "cost"),
        ),
        _model("stores", {"store": "primary"}, [_dimension("region", label_zh="区域")]),
        _model("sellers", {"seller": "primary"}, [_dimension("name", person=True)]),
        _model(
            "staff",
            {"staff": "primary", "department": "foreign"},
            [{"name": "day", "type": "time", "type_params": {"time_granularity": "day"}}],
            ("headcount", "pay"),
        ),
        _model("departments", {"department": "primary"}, [_dimension("name")]),
    ],
    "metrics": [
        _metric("sales", "sales"),
        _metric("cost", "finance"),
        _metric("headcount", "people"),
        _metric("pay", "people"),
    ],
    "saved_queries": [
        _query("sales_by_region", ["sales", "cost"], REGION),
        _query("sales_by_seller", ["sales"], PERSON),
        _query("staff_by_department", ["headcount", "pay"], DEPARTMENT),
        _query("company_monthly", ["sales", "headcount"]),
    ],
}


def write_manifest(home: Home, manifest: dict | None = None) -> None:
    home.semantic_manifest.write_text(json.dumps(manifest or MANIFEST), encoding="utf-8")


_WIDE = {
    "sales_by_region": """
        SELECT month, region AS store_region, (sales * {batch})::DECIMAL(38, 4) AS sales,
               sales / 3.0::DOUBLE AS cost, false AS is_partial, NULL::VARCHAR AS partial_metrics,
               'certified' AS sales__verdict, 'certified' AS cost__verdict
        FROM (VALUES ('North', 100), ('South', 200), (NULL, 3)) AS place(region, sales), months""",
    "sales_by_seller": """
        SELECT month, seller AS seller_name, 50::DECIMAL(38, 4) AS sales, false AS is_partial,
               NULL::VARCHAR AS partial_metrics, 'certified' AS sales__verdict
        FROM (VALUES ('Ann'), ('Bob')) AS sold(seller), months""",
    "staff_by_department": """
        SELECT month, department AS department_name, heads::BIGINT AS headcount,
               (heads * 1000)::DECIMAL(38, 4) AS pay, false AS is_partial, NULL::VARCHAR AS partial_metrics,
               'certified' AS headcount__verdict, 'certified' AS pay__verdict
        FROM (VALUES ('Sales', 9), ('Board', 2)) AS staff(department, heads), months""",
    "company_monthly": """
        SELECT month, (303 * {batch})::DECIMAL(38, 4) AS sales, 11::BIGINT AS headcount, false AS is_partial,
               NULL::VARCHAR AS partial_metrics, 'certified' AS sales__verdict,
               'certified' AS headcount__verdict
        FROM months""",
}
_LONG = (
    ("sales", "store__region", "store_region", "sales_by_region"),
    ("cost", "store__region", "store_region", "sales_by_region"),
    ("sales", "seller__name", "seller_name", "sales_by_seller"),
    ("headcount", "department__name", "department_name", "staff_by_department"),
    ("pay", "department__name", "department_name", "staff_by_department"),
    ("sales", "", "", "company_monthly"),
    ("headcount", "", "", "company_monthly"),
)


def fill(con: duckdb.DuckDBPyConnection, batch: int, as_of: date) -> None:
    """Fill the warehouse; sales are `batch` times as much."""
    for schema in ("candidates", "quality", "quarantine", "landing_run", "marts"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    con.execute(
        "CREATE OR REPLACE TEMP VIEW months AS SELECT DATE '2026-01-01' + to_months(i::INTEGER) AS moment, "
        "(DATE '2026-01-01' + to_months(i::INTEGER))::DATE AS month FROM range(6) AS counted(i)"
    )
    for name, select in _WIDE.items():
        con.execute(f"CREATE OR REPLACE TABLE candidates.{name} AS {select.format(batch=batch)}")
    parts = []
    for metric, dimension, column, table in _LONG:
        members = f"json_object('{dimension}', {column})::VARCHAR" if dimension else "''"
        parts.append(
            f"SELECT '{metric}' AS metric, 'month' AS grain, month AS period_start, "
            f"'{dimension}' AS dimensions, "
            f"{members} AS members, {metric}::DECIMAL(38, 12) AS value FROM candidates.{table}"
        )
    con.execute(
        f"CREATE OR REPLACE TABLE candidates.indicator_value AS SELECT *, DATE '{as_of}' AS as_of, "
        f"'certified' AS verdict FROM ({' UNION ALL '.join(parts)})"
    )
    con.execute(
        "CREATE OR REPLACE TABLE candidates.indicator AS SELECT * FROM "
        "(VALUES ('sales'), ('cost'), ('headcount'), ('pay')) AS known(name)"
    )
    con.execute(
        "CREATE OR REPLACE TABLE candidates.indicator_edge AS SELECT 'cost' AS parent, 'sales' AS child, "
        "'input' AS role"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE candidates.target AS SELECT 'sales' AS metric, 'month' AS grain, "
        f"month AS period_start, 'store__region' AS dimension, region AS member, "
        f"90::DECIMAL(38, 12) AS value, "
        f"DATE '{as_of}' AS as_of FROM (VALUES ('North'), ('South')) AS place(region), months"
    )
    con.execute(
        "CREATE OR REPLACE TABLE quality.result AS SELECT 'not_null' AS expectation, 'row 7' AS examples"
    )
