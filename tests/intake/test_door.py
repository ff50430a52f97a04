"""The door: decodes beside the event loop, few pictures at once, within a time; fetches only where it was given a way to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from tests.intake import hostile_files as files

from darkroom.core.errors import Overloaded, Refused
from darkroom.core.uploads import CleanPicture
from darkroom.intake import door as door_module
from darkroom.intake.door import DECODES_AT_ONCE_MAX, Door, public_links
from darkroom.intake.fetching import Fetcher

CLEAN = CleanPicture(png=b"png", width=1, height=1)


class Slow:
    """A decoder that takes until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Semaphore(0)
        self.at_once = self.most = 0

    def __call__(self, data: bytes) -> CleanPicture:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.began.release()
        assert self.go.wait(30)
        self.at_once -= 1
        return CLEAN


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(door_module, "read_picture", slow)
    yield slow
    slow.go.set()


async def test_it_reads_pictures_and_masks() -> None:
    door = Door()
    clean = await door.read(files.encoded())
    assert (clean.width, clean.height, len(clean.rgb)) == (64, 48, 64 * 48 * 3)
    assert (await door.read_mask(files.encoded(files.scene(mode="L")))).width == 64
    with pytest.raises(Refused):
        await door.read(b"no picture")


async def test_only_so_many_are_decoded_at_once(slow: Slow) -> None:
    door = Door()
    reading = [asyncio.create_task(door.read(b"")) for _ in range(6)]
    for _ in range(DECODES_AT_ONCE_MAX):
        await asyncio.to_thread(slow.began.acquire)
    slow.go.set()
    assert await asyncio.gather(*reading) == [CLEAN] * 6
    assert slow.most <= DECODES_AT_ONCE_MAX


async def test_one_that_takes_too_long_is_refused_and_keeps_its_turn_until_it_ends(slow: Slow) -> None:
    door = Door(decode_max_s=0.05)
    for _ in range(DECODES_AT_ONCE_MAX):
        with pytest.raises(Refused, match="takes more than"):
            await door.read(b"")
    waiting = asyncio.create_task(door.read(files.encoded()))
    await asyncio.sleep(0)
    assert not waiting.done()
    slow.go.set()
    assert await waiting == CLEAN


async def test_only_so_many_may_wait(slow: Slow) -> None:
    door = Door(waiting_max=2)
    reading = [asyncio.create_task(door.read(b"")) for _ in range(DECODES_AT_ONCE_MAX + 2)]
    await asyncio.to_thread(slow.began.acquire)
    with pytest.raises(Overloaded):
        await door.read(b"")
    slow.go.set()
    assert await asyncio.gather(*reading) == [CLEAN] * 4


async def test_who_goes_away_gives_the_turn_back(slow: Slow) -> None:
    door = Door()
    for _ in range(5):
        going = asyncio.create_task(door.read(b""))
        await asyncio.sleep(0)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    slow.go.set()
    assert await door.read(b"") == CLEAN


async def test_without_a_way_to_fetch_links_are_refused() -> None:
    with pytest.raises(Refused, match="fetches no pictures") as caught:
        await Door().fetch("http://pictures.example/fox.png")
    assert (caught.value.code, caught.value.field) == ("link_refused", "url")


async def test_links_go_to_what_was_given_which_is_made_once() -> None:
    made = []

    class Links:
        def __init__(self) -> None:
            made.append(self)

        async def fetch(self, url: str) -> bytes:
            return url.encode()

    door = Door(links=Links)
    assert made == []
    assert [await door.fetch("a"), await door.fetch("b")] == [b"a", b"b"]
    assert len(made) == 1


def test_the_way_of_the_service_is_the_strict_one() -> None:
    assert isinstance(public_links(), Fetcher)
