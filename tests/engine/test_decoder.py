"""The stage behind the loop: each picture alone, in order, in a thread of its own, and what breaks breaks alone."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from darkroom.core.errors import ModelError
from darkroom.engine.decoder import Decoded, Decoder, Done, Undone
from darkroom.engine.engine import Engine
from darkroom.engine.rows import Finished


@pytest.fixture
def finished(tiny: Any, ask: Any, put: Any, run: Any) -> list[Finished]:
    engine = Engine()
    for index in range(3):
        put(engine, tiny, "ab"[index // 2], index, ask("fox", seed=index))
    return list(run(engine)[1].values())


def as_it_is(decoded: Decoded) -> Decoded:
    return decoded


def test_each_picture_is_decoded_alone_and_in_order(tiny: Any, finished: list[Finished]) -> None:
    batches = []
    decode = tiny.decode
    tiny.decode = lambda latents, **options: batches.append(len(latents)) or decode(latents, **options)
    decoder = Decoder(as_it_is)
    decoder.add(finished)
    assert len(decoder) == 3 and not batches, "without an executor it is done in `take`"
    done = decoder.take()
    assert [each.index for each in done] == [0, 1, 2] and batches == [1, 1, 1] and len(decoder) == 0
    for before, after in zip(finished, done, strict=True):
        assert isinstance(after, Done) and after.seconds >= after.decode_s >= 0
        picture = after.result.picture
        assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
        assert picture.min() >= 0 and picture.max() <= 1
        assert torch.equal(picture, decode(before.latent[None], seamless=False)[0].clamp(0, 1))
        assert after.result.fingerprint == before.fingerprint and after.result.exact
    assert decoder.take() == []


def test_so_many_at_once_as_are_asked_for(finished: list[Finished]) -> None:
    decoder = Decoder(as_it_is)
    decoder.add(finished)
    assert [len(decoder.take(at_most=2)) for _ in range(3)] == [2, 1, 0]


def test_with_an_executor_nothing_is_done_in_the_thread_that_drives(finished: list[Finished]) -> None:
    where = []
    with ThreadPoolExecutor(max_workers=1) as executor:
        decoder = Decoder(lambda decoded: where.append(threading.get_ident()) or decoded.index, on=executor)
        decoder.add(finished)
        executor.submit(lambda: None).result()
        assert [each.result for each in decoder.take() if isinstance(each, Done)] == [0, 1, 2]
    assert len(set(where)) == 1 and threading.get_ident() not in where


def test_take_does_not_wait_for_who_came_first(finished: list[Finished]) -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(max_workers=2) as executor:
        decoder = Decoder(lambda decoded: decoded.index or gate.wait(), on=executor)
        decoder.add(finished[:2])
        decoder._queue[1].future.result()  # type: ignore[union-attr]
        taken = decoder.take()
        left = len(decoder)
        gate.set()
        assert ([each.index for each in taken], left) == ([1], 1)
        decoder._queue[0].future.result()  # type: ignore[union-attr]
        assert [each.index for each in decoder.take()] == [0]


@pytest.mark.parametrize("fault", [ModelError("no"), RuntimeError("shapes"), OSError("disk full")])
def test_a_picture_that_breaks_fails_alone_and_is_told(
    tiny: Any, finished: list[Finished], fault: Exception
) -> None:
    def then(decoded: Decoded) -> int:
        if decoded.index == 1:
            raise fault
        return decoded.index

    decoder = Decoder(then)
    decoder.add(finished)
    first, broken, last = decoder.take()
    assert isinstance(first, Done) and isinstance(last, Done)
    assert isinstance(broken, Undone) and (broken.job_id, broken.index) == ("a", 1)
    assert str(fault) in broken.reason


def test_our_own_mistakes_are_not_hidden(finished: list[Finished]) -> None:
    decoder = Decoder(lambda decoded: decoded.no_such_thing)  # type: ignore[attr-defined]
    decoder.add(finished)
    with pytest.raises(AttributeError):
        decoder.take()


def test_out_of_memory_is_tried_once_more(tiny: Any, finished: list[Finished]) -> None:
    tries = []
    decode = tiny.decode

    def small(latents: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) in (1, 3, 4):
            raise torch.OutOfMemoryError("out of memory")
        return decode(latents, **options)

    tiny.decode = small
    decoder = Decoder(as_it_is)
    decoder.add(finished)
    kinds = [type(each) for each in decoder.take()]
    assert kinds == [Done, Undone, Done] and len(tries) == 5


def test_what_a_decoder_had_so_far_is_gone_before_it_is_tried_once_more(
    tiny: Any, finished: list[Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault holds its frames, and they the tensors of the try that failed: memory that the next one needs."""
    tries: list[weakref.ref[torch.Tensor]] = []
    left = []
    decode = tiny.decode

    def small(latents: Any, **options: Any) -> Any:
        half_done = torch.zeros(8)
        tries.append(weakref.ref(half_done))
        if len(tries) == 1:
            raise torch.OutOfMemoryError("out of memory")
        return decode(latents, **options)

    tiny.decode = small
    monkeypatch.setattr("darkroom.engine.decoder.release", lambda device: left.append(tries[0]()))
    decoder = Decoder(as_it_is)
    decoder.add(finished[:1])
    assert isinstance(decoder.take()[0], Done) and left == [None]


def test_a_cancelled_job_is_forgotten_even_while_it_is_decoded(finished: list[Finished]) -> None:
    began, gate = threading.Event(), threading.Event()
    made = []

    def then(decoded: Decoded) -> int:
        began.set()
        gate.wait()
        made.append(decoded.index)
        return decoded.index

    with ThreadPoolExecutor(max_workers=1) as executor:
        decoder = Decoder(then, on=executor)
        decoder.add(finished)
        began.wait()
        decoder.cancel("a")
        assert len(decoder) == 1
        gate.set()
        executor.submit(lambda: None).result()
        assert [each.index for each in decoder.take()] == [2]
    assert made == [0, 2], "what had not begun never began"


def test_without_an_executor_a_cancelled_job_is_not_decoded(finished: list[Finished]) -> None:
    decoder = Decoder(as_it_is)
    decoder.add(finished)
    decoder.cancel("a")
    assert [each.index for each in decoder.take()] == [2]
