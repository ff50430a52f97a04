"""Writes what the studio's types are generated from: `python -m checks.openapi FILE`.

The service's own description without the worker protocol and without refusals, which are all one envelope. Starts nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from darkroom.delivery.bus import EventBus
from darkroom.gateway.app import create_app
from darkroom.lifecycle.dispatcher import Dispatcher
from darkroom.lifecycle.rooms import Rooms

WORKER_ROUTES = "/worker/"


def described() -> dict[str, Any]:
    """The description of a service that has all routes and nothing behind them: nobody calls one."""
    nothing: dict[str, Any] = dict.fromkeys(Rooms.__dataclass_fields__)
    rooms = SimpleNamespace(**{**nothing, "bus": EventBus()})
    app = create_app(cast(Rooms, rooms), cast(Dispatcher, None))
    return app.openapi()


def for_the_studio(description: dict[str, Any]) -> dict[str, Any]:
    """What a browser may ask and what it is answered."""
    paths = {
        path: {method: _answered(told) for method, told in methods.items()}
        for path, methods in description["paths"].items()
        if not path.startswith(WORKER_ROUTES)
    }
    return {**description, "paths": paths}


def _answered(told: Any) -> Any:
    if not isinstance(told, dict) or "responses" not in told:
        return told
    return {**told, "responses": {s: r for s, r in told["responses"].items() if s.startswith("2")}}


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(for_the_studio(described())), encoding="utf-8")
