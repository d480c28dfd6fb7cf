"""The OpenAPI document says what answers look like, and random requests get answers that look so."""

import json
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from schemathesis import checks

from plumbline.serving.http import app
from tests.http_examples import QUESTIONS

CASES = 12
# A question whose form is right may still ask for what there is not: that is 422, too.
# Whether tokens are asked for is tested where who asks is: this one sends the token of the test again.
NOT_HELD = [checks.positive_data_acceptance, checks.ignored_auth]


@pytest.fixture(scope="module")
def document(served):
    with served.client() as client:
        return client.get("/openapi.json").json()


def operations(served):
    found = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    return {operation.label: operation for operation in (each.ok() for each in found.get_all_operations())}


def test_random_requests_get_what_the_document_says(served):
    headers = {"authorization": f"Bearer {served.token('ann')}"}
    known = operations(served)
    for operation in known.values():

        @hypothesis.settings(
            max_examples=CASES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy())
        def conforms(case):
            case.call_and_validate(headers=headers, excluded_checks=NOT_HELD)

        conforms()
    assert len(known) == len(QUESTIONS) + 1


def test_every_route_has_an_example_that_is_a_real_answer(document):
    kept = json.loads(Path(app.__file__).with_name("examples.json").read_text("utf-8"))
    shown = [
        operation["responses"]["200"]["content"]["application/json"]["example"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert sorted(kept) == sorted(QUESTIONS)
    assert all(any(example == told for told in kept.values()) for example in shown)


def test_every_parameter_of_a_question_is_explained(document):
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description"), (operation["summary"], parameter["name"])


def test_the_document_needs_no_token_and_tells_how_to_identify(document):
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/query"]["get"]["security"] == [{"token": []}]
    assert "security" not in document["paths"]["/health"]["get"]
