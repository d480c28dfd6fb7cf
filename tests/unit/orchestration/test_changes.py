"""Only models behind which a load or the as-of day has changed are built."""

import pytest

from orchestration.changes import models_to_build


def node(name, *parents, schema="marts", materialized="table"):
    return {
        "resource_type": "model",
        "name": name,
        "schema": schema,
        "alias": name,
        "config": {"materialized": materialized},
        "depends_on": {"nodes": list(parents)},
    }


def staged(table, *parents):
    facts = ("source.run.loads", "source.run.gone_rows")
    return node(
        f"stg_{table}", f"source.erp.{table}", *facts, *parents, schema="staging", materialized="staged"
    )


@pytest.fixture
def manifest():
    sources = {"erp": ["order", "line", "shop"], "run": ["loads", "gone_rows", "context"]}
    return {
        "nodes": {
            "model.order": staged("order"),
            "model.line": staged("line", "model.order"),
            "model.shop": staged("shop"),
            "model.orders": node("orders", "model.order", "source.run.context"),
            "model.lines": node("lines", "model.line"),
            "model.shops": node("shops", "model.shop"),
            "model.counts": node("counts", "model.shop", "source.run.loads", schema="quarantine"),
            "test.shops": {"resource_type": "test", "name": "t", "depends_on": {"nodes": ["model.shops"]}},
        },
        "sources": {
            f"source.{system}.{table}": {"source_name": system, "name": table}
            for system, tables in sources.items()
            for table in tables
        },
    }


def existing(manifest):
    return {(each["schema"], each["alias"]) for each in manifest["nodes"].values() if "schema" in each}


def built(manifest, *tables, new_day=False, without=()):
    changed = [("erp", table) for table in tables]
    return models_to_build(manifest, changed, existing(manifest) - set(without), new_day=new_day)


def test_a_new_load_builds_what_stands_on_its_table_and_what_counts_loads(manifest):
    assert built(manifest, "line") == ["stg_line", "lines", "counts"]
    assert built(manifest, "order") == ["stg_order", "stg_line", "orders", "lines", "counts"]
    assert built(manifest) == ["counts"]


def test_a_new_day_builds_what_reads_the_as_of_day(manifest):
    assert built(manifest, new_day=True) == ["orders", "counts"]


def test_seeds_and_what_reads_them_are_built_always(manifest):
    manifest["nodes"]["seed.targets"] = {
        "resource_type": "seed",
        "name": "targets",
        "schema": "seeds",
        "alias": "targets",
        "config": {},
        "depends_on": {"macros": []},
    }
    manifest["nodes"]["model.plans"] = node("plans", "seed.targets", "model.shop")
    assert built(manifest) == ["counts", "targets", "plans"]


def test_a_model_that_is_not_there_is_built_with_all_that_stands_on_it(manifest):
    assert built(manifest, without=[("staging", "stg_shop")]) == ["stg_shop", "shops", "counts"]
