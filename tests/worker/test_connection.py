"""The way to the service: standbys, strangers, refusals, and what each of them means for a worker."""

import asyncio
import random
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from darkroom.core.errors import NotAllowed, NotFound, Refused, StoreUnavailable, Unavailable
from darkroom.core.jobs import Outcome
from darkroom.core.params import Lane
from darkroom.core.work import Claim, Failure, Fault
from darkroom.worker.messages import Introduction
from darkroom.worker.protocol import Connection, backoff_s

CLAIM = Claim(job_id=UUID(int=1), fence=3)
FAILURE = Failure(claim=CLAIM, fault=Fault.JOB, message="no")


def connect(url: str, token: str = "dw_right") -> Connection:
    introduction = Introduction(name="box", device="fake", models=("mini-1",), slots=2, version="1")
    return Connection(url, token, introduction)


def failing(status: int, code: str, **more: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": code, "message": "no", **more}}


async def test_a_job_arrives_as_it_was_sent(service: Any) -> None:
    service.job("a fox", fence=3, lane="turbo", attempt=2)
    async with connect(service.url) as connection:
        pulled = await connection.pull(free=1, warm=("mini-1",), wait_s=1)
    (job,) = pulled.jobs
    assert job.claim == CLAIM and job.lane is Lane.TURBO and (job.seed, job.images, job.attempt) == (7, 4, 2)


async def test_a_standby_shows_the_way_and_the_worker_registers_there(service: Any, serving: Any) -> None:
    async with AsyncExitStack() as stack:
        active = await stack.enter_async_context(serving())
        connection = await stack.enter_async_context(connect(service.url))
        service.failing["*"] = failing(503, "not_active", url=active.url)
        await connection.heartbeat([CLAIM])
        await connection.heartbeat([])
        assert active.calls == ["/register", "/heartbeat", "/heartbeat"] and service.calls == ["/register"]
        active.failing["*"] = failing(503, "not_active", url=service.url)
        service.failing.clear()
        await connection.heartbeat([])
        assert service.calls[-2:] == ["/register", "/heartbeat"]


async def test_standbys_that_point_at_each_other_are_no_way(service: Any, serving: Any) -> None:
    async with serving() as other, connect(service.url) as connection:
        service.failing["*"] = failing(503, "not_active", url=other.url)
        other.failing["*"] = failing(503, "not_active", url=service.url)
        with pytest.raises(Unavailable):
            await connection.heartbeat([])


async def test_when_the_active_one_is_gone_it_asks_at_the_first_address_again(
    service: Any, serving: Any
) -> None:
    async with connect(service.url) as connection:
        async with serving() as active:
            service.failing["*"] = failing(503, "not_active", url=active.url)
            await connection.heartbeat([])
        service.failing.clear()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await connection.heartbeat([])
        await connection.heartbeat([])
        assert service.calls[-1] == "/heartbeat"


async def test_a_standby_without_an_address_is_waited_for(service: Any) -> None:
    service.failing["*"] = failing(503, "not_active")
    async with connect(service.url) as connection:
        with pytest.raises(Unavailable):
            await connection.register()


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with connect(f"http://127.0.0.1:{port}") as connection:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await connection.register()
        await connection.leave()  # nobody to leave


async def test_an_address_that_is_none() -> None:
    async with connect("http://[") as connection:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await connection.register()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failing(401, "not_allowed"), NotAllowed),
        (failing(403, "not_allowed"), NotAllowed),
        (failing(422, "invalid_request"), Refused),
        (failing(404, "not_found"), NotFound),
        ((404, {"detail": "Not Found"}), Unavailable),
        (failing(429, "rate_limited"), Unavailable),
        (failing(500, "error"), Unavailable),
        ((502, {}), Unavailable),
        ((200, {}), Unavailable),
        ((200, {"worker_id": "w", "heartbeat_s": "often", "abort_after_s": 1}), Unavailable),
    ],
)
async def test_what_an_answer_means(service: Any, answer: Any, error: type[Exception]) -> None:
    service.failing["*"] = answer
    async with connect(service.url) as connection:
        with pytest.raises(error) as caught:
            await connection.register()
    assert type(caught.value) is error


async def test_a_wrong_token(service: Any) -> None:
    async with connect(service.url, "dw_wrong") as connection:
        with pytest.raises(NotAllowed, match="this token is not known"):
            await connection.register()


async def test_a_service_that_forgets_at_once(service: Any) -> None:
    service.failing["/heartbeat"] = failing(404, "unknown_worker")
    async with connect(service.url) as connection:
        with pytest.raises(Unavailable, match="forgets"):
            await connection.heartbeat([])


async def test_outcomes_must_match_the_reports(service: Any) -> None:
    service.failing["/reports"] = (200, {"outcomes": ["accepted", "stale"]})
    async with connect(service.url) as connection:
        with pytest.raises(Unavailable, match="2 of 1"):
            await connection.reports([FAILURE])
        service.failing["/reports"] = (200, {"outcomes": ["repeated"]})
        assert await connection.reports([FAILURE]) == [Outcome.REPEATED]


async def test_a_message_that_no_store_could_keep_is_made_plain(service: Any) -> None:
    async with connect(service.url) as connection:
        await connection.reports([replace(FAILURE, message="a\0b\ud800" + "x" * 9999)])
    assert service.reports[0]["message"] == ("a?b?" + "x" * 9999)[:2000]


async def test_a_path_to_upload_to_is_one_where_the_service_is_reached(service: Any, serving: Any) -> None:
    """The service names no host: whatever its public address is, and whoever is active now."""
    path = f"/store/{CLAIM.job_id}/3/0.png?signature=s"
    async with serving() as active, connect(f"{service.url}/") as connection:
        urls = await connection.uploads(CLAIM, {"0.png": "image/png"})
        assert urls == {"0.png": f"{service.url}{path}"}
        await connection.put(urls["0.png"], b"pixels", media_type="image/png")
        assert service.stored == {f"{CLAIM.job_id}/3/0.png": ("image/png", b"pixels")}
        service.failing["*"] = failing(503, "not_active", url=active.url)
        assert await connection.uploads(CLAIM, {"0.png": "image/png"}) == {"0.png": f"{active.url}{path}"}


async def test_a_service_below_a_path_keeps_its_files_there(service: Any) -> None:
    async with connect(f"{service.url}/studio") as connection:
        urls = await connection.uploads(CLAIM, {"0.png": "image/png"})
        assert urls["0.png"].startswith(f"{service.url}/studio/store/")


async def test_a_store_of_its_own_keeps_its_address(service: Any, serving: Any) -> None:
    async with serving() as store, connect(service.url) as connection:
        service.store_url = store.url
        urls = await connection.uploads(CLAIM, {"0.png": "image/png"})
        await connection.put(urls["0.png"], b"pixels", media_type="image/png")
        assert store.stored == {f"{CLAIM.job_id}/3/0.png": ("image/png", b"pixels")} and not service.stored


async def test_an_upload_that_cannot_connect_names_the_host_and_not_the_signature(service: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    async with connect(service.url) as connection:
        with pytest.raises(StoreUnavailable, match=f"^{host} cannot be reached for an upload: ") as caught:
            await connection.put(f"http://{host}/x?signature=s3cret", b"", media_type="image/png")
        assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("url", ["http://x:y/", "files/x", "", "nowhere:8"])
async def test_a_place_to_upload_to_that_is_none(service: Any, url: str) -> None:
    async with connect(service.url) as connection:
        with pytest.raises(StoreUnavailable, match="a place for a file that"):
            await connection.put(url, b"", media_type="image/png")


async def test_an_upload_that_breaks_off_names_the_host(service: Any) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        await asyncio.start_server(hang_up, "127.0.0.1", 0) as rude,
        connect(service.url) as connection,
    ):
        host = f"127.0.0.1:{rude.sockets[0].getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match=f"an upload to {host} broke off: ."):
            await connection.put(f"http://{host}/x", b"", media_type="image/png")


async def test_the_store_says_why(service: Any) -> None:
    service.failing["/store/x"] = failing(507, "store_full")
    async with connect(service.url) as connection:
        with pytest.raises(
            StoreUnavailable, match=r"^127\.0\.0\.1:\d+ did not take a file \(HTTP 507\): no$"
        ):
            await connection.put(f"{service.url}/store/x", b"", media_type="image/png")


def test_the_pauses_double_up_to_a_limit() -> None:
    rng = random.Random(1)
    pauses = [backoff_s(tries, rng) for tries in (1, 2, 3, 10, 10_000)]
    for pause, longest in zip(pauses, (0.25, 0.5, 1, 5, 5), strict=True):
        assert longest / 2 <= pause <= longest
