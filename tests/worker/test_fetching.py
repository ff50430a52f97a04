"""The pictures of a recipe on their way to the generator: each is the very one, or the job says kindly why it is not drawn."""

from __future__ import annotations

import hashlib
import logging
import threading
from typing import Any
from uuid import UUID

import pytest

from darkroom.core.recipes import Action, Input, ParentKind, Recipe, Role
from darkroom.worker import fetching

PICTURES = (b"a picture", b"a mask")
DIGESTS = tuple(hashlib.sha256(picture).hexdigest() for picture in PICTURES)
ROLES = (Role.INIT, Role.MASK)
RECIPE = Recipe(
    action=Action.VARY_REGION,
    inputs=tuple(
        Input(role=role, parent_id=UUID(int=1), kind=ParentKind.IMAGE, digest=digest)
        for role, digest in zip(ROLES, DIGESTS, strict=True)
    ),
    strength=0.5,
    seam_px=8,
)


def job(running: Any, text: str = "a fox", **more: Any) -> Any:
    """A job that begins with two pictures."""
    places = {digest: f"/store/{digest}?signature=s" for digest in DIGESTS}
    return running.service.job(text, recipe=RECIPE.as_object(), **{"inputs": places, **more})


def keep(running: Any, *pictures: bytes) -> None:
    for digest, picture in zip(DIGESTS, pictures, strict=False):
        running.service.stored[digest] = ("image/png", picture)


async def reported(running: Any) -> Any:
    await running.service.until(lambda: running.service.reports)
    return running.service.reports[0]


async def test_the_generator_gets_the_recipe_and_its_pictures(running: Any) -> None:
    keep(running, *PICTURES)
    job(running)
    assert (await reported(running))["kind"] == "completed"
    assert running.generator.added[0].recipe == RECIPE
    assert running.generator.inputs == [dict(zip(DIGESTS, PICTURES, strict=True))]
    assert running.generator.given == [None]


async def test_with_pictures_it_goes_on_from_what_was_left_all_the_same(running: Any) -> None:
    keep(running, *PICTURES)
    running.service.stored["left"] = ("application/octet-stream", b"41")
    job(running, "endless", saved_url="/store/left")
    await running.service.until(lambda: running.generator.added)
    assert running.generator.given == [b"41"] and len(running.generator.inputs[0]) == 2


async def test_a_job_of_words_alone_has_no_pictures(running: Any) -> None:
    running.service.job()
    await reported(running)
    assert (running.generator.added[0].recipe, running.generator.inputs) == (Recipe(), [{}])


async def test_a_picture_that_is_gone_is_the_jobs_own_fault(running: Any) -> None:
    keep(running, PICTURES[0])
    job(running)
    report = await reported(running)
    assert (report["fault"], running.generator.added) == ("job", [])
    assert f"is no longer kept (sha256 {DIGESTS[1]})" in report["message"]


async def test_another_picture_is_not_drawn_with(running: Any) -> None:
    keep(running, PICTURES[0], b"another")
    job(running)
    report = await reported(running)
    assert (report["fault"], running.generator.added) == ("job", [])
    assert "is not the one that was chosen" in report["message"]


async def test_a_picture_that_is_too_large_is_not_read(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.worker.fetching.INPUT_MAX_BYTES", 3)
    keep(running, *PICTURES)
    job(running)
    report = await reported(running)
    assert report["fault"] == "job" and "more than 3 bytes" in report["message"]


async def test_without_a_way_to_its_pictures_another_worker_may_do_better(running: Any) -> None:
    keep(running, *PICTURES)
    job(running, inputs={})
    report = await reported(running)
    assert (report["fault"], running.generator.added) == ("infrastructure", [])
    assert "named no way" in report["message"]


async def test_a_store_that_cannot_be_reached_is_asked_again(
    running: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    job(running, inputs=dict.fromkeys(DIGESTS, "http://127.0.0.1:1/x"))
    report = await reported(running)
    assert (report["fault"], running.generator.added) == ("infrastructure", [])
    assert [f"try {tries} of 4" in caplog.text for tries in range(1, 5)] == [True, True, True, False]


async def test_pictures_that_take_too_long_are_given_up(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.worker.fetching.FETCH_WITHIN_S", 0.0)
    job(running)
    report = await reported(running)
    assert report["fault"] == "infrastructure" and "did not come within" in report["message"]


async def test_after_one_that_lacks_its_pictures_the_next_is_drawn(running: Any) -> None:
    job(running)
    await reported(running)
    running.service.job(number=2)
    await running.service.until(lambda: len(running.service.reports) == 2)
    assert running.service.reports[1]["kind"] == "completed"


async def test_all_pictures_of_a_run_together_have_a_limit(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.worker.fetching.TOTAL_MAX_BYTES", sum(map(len, PICTURES)) - 1)
    keep(running, *PICTURES)
    job(running)
    report = await reported(running)
    assert report["fault"] == "job" and f"more than {len(PICTURES[1]) - 1} bytes" in report["message"]


async def test_pictures_are_not_compared_in_the_event_loop(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    plain = fetching._sha256

    def noted(data: bytes) -> str:
        threads.append(threading.get_ident())
        return plain(data)

    monkeypatch.setattr(fetching, "_sha256", noted)
    keep(running, *PICTURES)
    job(running)
    assert (await reported(running))["kind"] == "completed"
    assert len(threads) == 2 and threading.get_ident() not in threads
