"""A client that we did not write: schemathesis reads our OpenAPI and asks everything, sensible and not.

No answer may be a 5xx but the 503 that is declared, and each must be as the schema says. The stream of events is left out,
because it never ends.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.gateway.conftest import House
from tests.service.conftest import Served

STREAM = "/api/v1/events"
EXAMPLES = 15  # requests to each route
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
)


@pytest.fixture(scope="module")
def worker_token(served: Served) -> str:
    with served.client() as client:
        answer = client.post("/api/v1/admin/worker-tokens", json={"name": "schemathesis"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


@pytest.fixture(scope="module")
def schema(served: Served) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


def operations() -> list[tuple[str, str]]:
    """Every (path, method) that the service describes."""
    paths = House().app.openapi()["paths"]
    return [(path, method) for path in paths for method in paths[path] if path != STREAM]


@pytest.mark.parametrize(("path", "method"), operations())
def test_every_route_answers_as_it_says(
    served: Served, worker_token: str, schema: BaseSchema, path: str, method: str
) -> None:
    secret = worker_token if path.startswith("/worker/") else served.key

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=schema[path][method].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=list(CHECKS))

    ask()
