"""docs/api.md names every route that is there, and none that is not."""

import re
from pathlib import Path

from tests.gateway.conftest import House

DOCS = Path(__file__).parents[2] / "docs"
ROUTE = re.compile(r"`(GET|POST|PATCH|PUT|DELETE) (/[a-z0-9/_{}-]*)`")


def test_every_route_is_described_and_exists() -> None:
    paths = House().app.openapi()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    told = set(ROUTE.findall((DOCS / "api.md").read_text(encoding="utf-8")))
    protocol = (DOCS / "architecture" / "05-dispatch-and-workers.md").read_text(encoding="utf-8")
    told |= {(method, f"/worker/v1{path}") for method, path in ROUTE.findall(protocol)}
    assert told - {("GET", "/openapi.json")} == served
