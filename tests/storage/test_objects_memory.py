"""Objects in a dictionary keep the contract; their URLs are used through the gateway's routes."""

from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI
from tests.contracts.objects_contract import ObjectsContract, Visit

from darkroom.gateway.files import files_router
from darkroom.storage.objects import MemoryObjects

SECRET = b"s" * 32
BASE = "http://studio.test"
INSIDE = "http://loopback.test"  # where workers reach the gateway


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects(secret=SECRET, base_url=BASE)


@pytest.fixture
def visit(objects: MemoryObjects) -> Visit:
    app = FastAPI()
    app.include_router(files_router(objects, upload_max_bytes=1 << 20))

    async def visited(
        method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=INSIDE) as client:
            answer = await client.request(method, url, headers=headers, content=content)
            return answer.status_code, answer.headers, answer.content

    return visited


class TestMemoryObjects(ObjectsContract):
    pass
