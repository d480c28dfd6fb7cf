"""Write the examples of the OpenAPI document: real answers of the built-in company, with long lists cut.

python -m tests.http_examples   asks the company under PLUMBLINE_HOME, as its local operator
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

EXAMPLES = Path(__file__).resolve().parents[1] / "plumbline" / "serving" / "http" / "examples.json"
QUESTIONS = {
    "query": "/query?metrics=net_sales,gross_margin_rate&by=product__category&from=2026-10&to=2026-10",
    "metrics": "/metrics?search=sales",
    "metric": "/metrics/gross_margin_rate",
    "dimensions": "/dimensions?metrics=net_sales",
    "values": "/dimensions/product__category/values",
    "tree": "/tree?metric=gross_margin_rate",
    "targets": "/targets",
    "alerts": "/alerts",
    "quality": "/quality",
    "audit": "/audit/net_sales",
    "publications": "/audit/publications",
    "health": "/health",
    "version": "/version",
}
_SHOWN = 2


def shortened(value: Any) -> Any:
    """Cut lists to two entries."""
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value[:_SHOWN]]
    return value


def answers(client: httpx.Client) -> dict[str, Any]:
    """Ask for all examples."""
    found = {}
    for name, path in QUESTIONS.items():
        response = client.get(path)
        assert response.status_code == 200, f"{path}: {response.text}"
        found[name] = shortened(json.loads(response.content, parse_float=Decimal))
    return found


def main() -> None:
    """Serve the built-in company for a moment, and write its answers."""
    from plumbline.access import load_policy
    from plumbline.audit.auditor import Auditor
    from plumbline.governance.trust import load_trust
    from plumbline.ledger import witnessed_ledger
    from plumbline.project import Project
    from plumbline.serving.http.answers import exact_json
    from tests.unit.serving.http.conftest import running

    project = Project.find()
    home = project.home("demo")
    auditor = Auditor(home, witnessed_ledger(home, load_trust(project, "demo")), "demo", project)
    policy = load_policy(project, "demo")
    with running(home, operator=True, policy=policy, auditor=auditor) as server, server.client() as client:
        lines = [f"{json.dumps(name)}: {exact_json(told)}" for name, told in answers(client).items()]
    EXAMPLES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"written: {EXAMPLES}", file=sys.stderr)


if __name__ == "__main__":
    main()
