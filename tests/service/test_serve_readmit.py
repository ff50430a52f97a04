"""A local worker that an operator drained is started again when it is readmitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.service.conftest import ended, serve, until


def test_a_drained_local_worker_comes_back_when_it_is_readmitted(tmp_path: Path) -> None:
    served = serve(tmp_path / "data", "--workers", "1")
    try:
        with served.client() as owner:

            def worker(state: str, reason: str = "") -> Callable[[], Any]:
                def look() -> Any:
                    listed = owner.get("/api/v1/admin/workers").json()["workers"]
                    return (
                        listed and (listed[0]["state"], listed[0]["reason"]) == (state, reason) and listed[0]
                    )

                return look

            address = f"/api/v1/admin/workers/{until(worker('active'))['id']}"
            assert owner.post(f"{address}/drain").json()["state"] == "draining"
            until(worker("gone", "drained by an operator"))
            assert owner.post(f"{address}/readmit").json()["state"] == "gone"
            until(worker("active"))
        assert served.stop() == 0
    finally:
        ended(served)
