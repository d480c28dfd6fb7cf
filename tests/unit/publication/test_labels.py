"""What the columns of marts mean is told in Chinese too, where the definitions say it."""

import json

from plumbline.publication.labels import read_dictionary
from tests.unit.definitions import shop


def mart(name, label_zh, **columns):
    return {
        "name": name,
        "resource_type": "model",
        "schema": "marts",
        "description": "",
        "config": {"meta": {"label_zh": label_zh}},
        "columns": {
            column: {"description": text, "config": {"meta": {}}} for column, text in columns.items()
        },
    }


def test_columns_are_told_in_chinese_as_dimensions_and_keys_are(tmp_path):
    manifest = shop.write(tmp_path / "semantic_manifest.json", shop.manifest())
    nodes = {
        "orders": mart("orders", "订单", order_date="Day.", product_id="Product.", amount="Amount."),
        "products": mart("products", "产品", product_id="Its number."),
    }
    nodes["orders"]["columns"]["amount"]["config"] = {"meta": {"label_zh": "金额"}}
    manifest.with_name("manifest.json").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    told = read_dictionary(manifest).mart_columns
    assert told == {
        "orders": {
            "order_date": "Day. · 维度order_date",
            "product_id": "Product. · 产品编号",
            "amount": "Amount. · 金额",
        },
        "products": {"product_id": "Its number. · 产品编号"},
    }
