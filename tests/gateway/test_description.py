"""The API's description: complete, true, and with nothing of the framework's own in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.conftest import House, Person

METHODS_WITH_BODY = {"post", "patch", "put"}


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    return house.app.openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_has_a_name_of_its_own_a_tag_and_a_sentence(document: dict[str, Any]) -> None:
    found = operations(document)
    names = [operation["operationId"] for *_, operation in found]
    assert len(set(names)) == len(names) > 30
    tags = {tag["name"] for tag in document["tags"]}
    for path, _, operation in found:
        assert set(operation["tags"]) <= tags, path
        assert operation.get("description"), path


def test_every_refusal_is_our_envelope(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and (path, status) != ("/readyz", "503"):
                schema = response["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/ErrorEnvelope"), (path, method, status)
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_locked_route_says_how_it_is_opened_and_what_it_may_refuse(document: dict[str, Any]) -> None:
    public = {"/", "/healthz", "/readyz", "/metrics", "/login", "/api/v1/login"}
    for path, method, operation in operations(document):
        assert bool(operation.get("security")) == (path not in public), path
        if operation.get("security"):
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), (path, method)
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), (path, method)
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"apiKey", "session", "workerToken"}


def test_bodies_of_the_public_api_have_examples_that_fit(document: dict[str, Any], house: House) -> None:
    schemas = document["components"]["schemas"]
    for path, method, operation in operations(document):
        form = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
        if path.startswith("/api/") and "requestBody" in operation and not form:
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[
                2
            ]
            assert schemas[name]["additionalProperties"] is False, (path, method)
            for example in schemas[name]["examples"]:
                assert set(example) <= set(schemas[name]["properties"]), path


async def test_it_is_served_and_loads_nothing_from_elsewhere(house: House, member: Person) -> None:
    served = await house.client().get("/openapi.json")
    assert served.status_code == 200 and served.json() == house.app.openapi()
    for path in ("/docs", "/redoc"):
        assert (await house.client().get(path)).status_code == 404
