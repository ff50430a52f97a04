"""The real generator with recipes, around networks of three lines: what a model is given, what stays, what it costs."""

import hashlib
import io
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import torch
from PIL import Image
from tests.worker.test_drawing import Bench, ask, drawn, failures, rest

from darkroom.core.params import Lane
from darkroom.core.recipes import Action, Frame, Input, ParentKind, Recipe, Role
from darkroom.core.work import Assignment, Claim, Fault
from darkroom.engine.fingerprint import fingerprint_of
from darkroom.engine.rows import Finished
from darkroom.finish.pixels import pixel_digest
from darkroom.worker.beside import Beside, give_way
from darkroom.worker.unfinished import latent_of, packed, read

FRAME = Frame(width=32, height=16, left=16, top=0, inner_width=16, inner_height=16)
Inputs = dict[str, bytes]


def noise(width: int = 16, height: int = 16, seed: int = 1) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def task(
    *pictures: tuple[Role, Image.Image | bytes], text: str = "a fox", number: int = 1, **recipe: object
) -> tuple[Assignment, None, Inputs]:
    """An assignment with pictures, as `Generator.add` takes it."""
    files = [data if isinstance(data, bytes) else png(data) for _, data in pictures]
    digests = [hashlib.sha256(file).hexdigest() for file in files]
    inputs = tuple(
        Input(role=role, parent_id=UUID(int=1), kind=ParentKind.IMAGE, digest=digest, weight=0.5)
        for (role, _), digest in zip(pictures, digests, strict=True)
    )
    made = Recipe(**{"action": Action.VARY_STRONG, "inputs": inputs, **recipe})  # type: ignore[arg-type]
    assignment = replace(ask(text, number, images=made.images), recipe=made)
    return assignment, None, dict(zip(digests, files, strict=True))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_model_is_given_the_picture_at_its_own_size(bench: Bench) -> None:
    old = noise(40, 20)
    bench.generator.add(*task((Role.INIT, old), strength=0.35))
    found = drawn(rest(bench.generator))[1]
    given = bench.tinies["mini-1"].given[-1]
    assert given and given.init is not None and given.region is None
    assert (given.init.shape, given.strength) == ((3, 4, 4), 0.35)
    middle = old.resize((4, 4), Image.Resampling.LANCZOS, box=(10, 0, 30, 20))
    expected = np.asarray(middle).transpose(2, 0, 1) / 255
    assert torch.allclose(given.init, torch.tensor(expected, dtype=torch.float32), atol=1.5 / 255)
    assert len(found.pictures) == 4 and found.pictures[0].image.size == (16, 16)


def test_guides_come_by_role_and_with_their_weight(bench: Bench) -> None:
    roles = (Role.STYLE, Role.PROMPT, Role.BLEND, Role.STYLE, Role.SOURCE)
    bench.generator.add(*task(*((role, noise(seed=seed)) for seed, role in enumerate(roles))))
    assert drawn(rest(bench.generator))
    given = bench.tinies["mini-1"].given[-1]
    assert given and given.init is None
    assert [len(each) for each in (given.prompts, given.styles, given.blends)] == [1, 2, 1]
    assert given.styles[0].weight == 0.5 and given.styles[0].picture.shape == (3, 4, 4)


def test_a_job_of_words_alone_is_given_nothing(bench: Bench) -> None:
    bench.generator.add(ask())
    assert drawn(rest(bench.generator))
    assert bench.tinies["mini-1"].given == [None] * 4


def test_one_image_alone_is_the_one_of_the_four(bench: Bench) -> None:
    bench.generator.add(*task((Role.INIT, noise()), number=1))
    four = drawn(rest(bench.generator))[1].pictures
    for indices in ((2,), (3, 1)):
        assignment, _, inputs = task((Role.INIT, noise()), number=1, indices=indices)
        bench.generator.add(replace(assignment, claim=Claim(job_id=UUID(int=7), fence=1)), None, inputs)
        some = drawn(rest(bench.generator))[7].pictures
        assert sorted(some) == list(range(len(indices)))
        for place, index in enumerate(indices):
            assert pixel_digest(some[place].image) == pixel_digest(four[index].image)


def test_a_frame_keeps_the_old_pixels(bench: Bench) -> None:
    old = noise()
    bench.generator.add(*task((Role.INIT, old), action=Action.PAN, frame=FRAME, seam_px=2, strength=0.8))
    pictures = drawn(rest(bench.generator))[1].pictures
    for picture in pictures.values():
        assert picture.image.size == (32, 16)
        kept = picture.image.crop((18, 0, 32, 16))
        assert kept.tobytes() == old.crop((2, 0, 16, 16)).tobytes()
    assert len({pixel_digest(picture.image) for picture in pictures.values()}) == 4
    given = bench.tinies["mini-1"].given[-1]
    assert given and given.region is not None and given.around
    assert given.region.tolist() == [[[0, 0.125, 0.875, 1][::-1]] * 4]


def test_a_mask_keeps_what_is_black(bench: Bench) -> None:
    old, mask = noise(), Image.new("L", (16, 16), 0)
    mask.paste(255, (0, 0, 16, 8))
    bench.generator.add(*task((Role.INIT, old), (Role.MASK, mask), action=Action.VARY_REGION, seam_px=3))
    for picture in drawn(rest(bench.generator))[1].pictures.values():
        assert picture.image.crop((0, 8, 16, 16)).tobytes() == old.crop((0, 8, 16, 16)).tobytes()
        assert picture.image.crop((0, 0, 16, 4)).tobytes() != old.crop((0, 0, 16, 4)).tobytes()
    given = bench.tinies["mini-1"].given[-1]
    assert given and not given.around, "a region shows what the words name"


def test_a_creative_upscale_has_just_so_many_pixels(bench: Bench) -> None:
    bench.generator.add(
        *task((Role.INIT, noise(17, 15)), action=Action.UPSCALE_CREATIVE, scale=4, strength=0.3, indices=(0,))
    )
    (picture,) = drawn(rest(bench.generator))[1].pictures.values()
    assert picture.image.size == (68, 60)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_subtle_upscale_needs_no_model(bench: Bench, scale: int) -> None:
    old = Image.new("RGB", (10, 6), (200, 60, 20))
    bench.generator.add(*task((Role.INIT, old), action=Action.UPSCALE_SUBTLE, scale=scale, indices=(3,)))
    found = drawn(rest(bench.generator))[1]
    (picture,) = found.pictures.values()
    assert picture.image.size == (10 * scale, 6 * scale)
    assert np.abs(np.asarray(picture.image).astype(int) - (200, 60, 20)).max() <= 16
    assert (picture.fingerprint["model"], picture.fingerprint["exact"]) == ("upscaler", True)
    assert len(picture.weights_hash) == 64 and found.parameters["seed"] == 1
    assert bench.tinies["mini-1"].rows == []


def test_a_subtle_upscale_waits_for_no_model_to_be_loaded(bench: Bench) -> None:
    assignment, _, inputs = task((Role.INIT, noise()), action=Action.UPSCALE_SUBTLE, scale=2, indices=(0,))
    prompt = assignment.prompt.replace("mini-1", "giant")
    bench.generator.add(replace(assignment, prompt=prompt, model="giant"), None, inputs)
    assert drawn(rest(bench.generator)) and bench.loads == ["mini-1"]


def test_what_would_be_too_large_is_made_smaller_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.worker.plates.SIDE_MAX_PX", 24)
    bench.generator.add(*task((Role.INIT, noise()), action=Action.UPSCALE_SUBTLE, scale=4, indices=(0,)))
    found = drawn(rest(bench.generator))[1]
    assert found.pictures[0].image.size == (24, 24)
    assert found.notes == (
        "the result would be 64x64 px; it is 24x24 px, because 24 px is the longest side there is",
    )


def test_it_pays_for_what_is_done_beside_the_steps(bench: Bench) -> None:
    bench.generator.add(*task((Role.INIT, noise())))
    assert drawn(rest(bench.generator))[1].measured_gpu_ms == 2000 + 2 * 6000 + 4 * 1000


BOMB = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d494844527fffffff7fffffff0802000000b9d01c8c")


@pytest.mark.parametrize("data", [b"", b"no picture", png(noise())[:200], BOMB, b"GIF89a\1\0\1\0\0\0\0;"])
@pytest.mark.parametrize("action", [Action.VARY_SUBTLE, Action.UPSCALE_SUBTLE])
def test_a_picture_that_cannot_be_read_is_the_jobs_own_fault(
    bench: Bench, data: bytes, action: Action
) -> None:
    bench.generator.add(*task((Role.INIT, data), action=action, scale=2))
    bench.generator.add(ask(number=2))
    happened = rest(bench.generator)
    failure = failures(happened)[1]
    assert failure.fault is Fault.JOB
    assert failure.message.startswith("the job cannot be drawn: the picture that is its init cannot be read")
    assert list(drawn(happened)) == [2]


def test_a_picture_that_is_too_large_is_not_opened(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom.worker.plates.OPENED_PIXELS_MAX", 255)
    bench.generator.add(*task((Role.INIT, noise())))
    assert "16x16 px, which is too large" in failures(rest(bench.generator))[1].message


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"action": Action.UPSCALE_SUBTLE}, "says which picture it enlarges, and how many times"),
        ({"frame": FRAME}, "for which there is no picture"),
    ],
)
def test_a_recipe_that_lacks_its_picture_says_so(
    bench: Bench, recipe: dict[str, object], message: str
) -> None:
    bench.generator.add(*task((Role.PROMPT, noise()), **recipe))
    failure = failures(rest(bench.generator))[1]
    assert failure.fault is Fault.JOB and message in failure.message


def test_without_its_files_a_job_is_not_drawn(bench: Bench) -> None:
    assignment, _, _ = task((Role.INIT, noise()))
    bench.generator.add(assignment, None, {})
    assert "the picture that is its init is not there" in failures(rest(bench.generator))[1].message


def test_a_model_that_breaks_on_a_picture_is_the_devices_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(picture: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("the device is on fire")

    monkeypatch.setattr(bench.tinies["mini-1"], "encode_picture", encode)
    bench.generator.add(*task((Role.INIT, noise())))
    failure = failures(rest(bench.generator))[1]
    assert (failure.fault, failure.message) == (Fault.INFRASTRUCTURE, "the device is on fire")


@pytest.mark.parametrize("action", [Action.VARY_SUBTLE, Action.UPSCALE_SUBTLE])
def test_cancelled_while_its_pictures_are_laid_out(bench: Bench, action: Action) -> None:
    assignment, _, inputs = task((Role.INIT, noise()), action=action, scale=2)
    bench.generator.add(assignment, None, inputs)
    bench.generator._look_after_models()
    bench.generator.cancel(assignment.claim)
    assert not bench.generator._errands, "nobody opens the pictures of a run that is gone"
    failure = failures(rest(bench.generator))[1]
    assert (failure.fault, failure.measured_gpu_ms) == (Fault.CANCELLED, 0)
    assert bench.tinies["mini-1"].given == []


def test_a_run_is_handed_on_and_ends_with_the_same_pixels() -> None:
    whole, first, second = Bench(), Bench(), Bench()
    run = task((Role.INIT, noise()), action=Action.PAN, frame=FRAME, seam_px=2, strength=0.8)
    for bench in (whole, first):
        bench.generator.add(*run)
    expected = drawn(rest(whole.generator))[1]
    while not first.generator._runs or not any(each.steps_done for each in first.generator._runs.values()):
        first.generator.step()
    saved = first.generator.save(run[0].claim)
    assert saved is not None
    second.generator.add(run[0], saved, run[2])
    second.generator._look_after_models()
    assert second.generator.save(run[0].claim) == saved, "nothing is lost while its pictures are laid out"
    found = drawn(rest(second.generator))[1]
    assert [pixel_digest(found.pictures[i].image) for i in range(4)] == [
        pixel_digest(expected.pictures[i].image) for i in range(4)
    ]
    assert len(second.tinies["mini-1"].rows) == 1


def test_a_finished_latent_counts_only_for_the_recipe_that_made_it(bench: Bench) -> None:
    assignment, _, _ = task((Role.INIT, noise()), strength=0.5)
    tiny: Any = bench.tinies["mini-1"]
    finished = Finished(
        job_id="a",
        index=0,
        denoiser=tiny,
        latent=torch.zeros(3, 4, 4),
        fingerprint=fingerprint_of(tiny, rows=1),
        exact=True,
        seamless=False,
    )
    saved = packed([latent_of(finished, assignment, steps=2, device_ms=1.0)])
    assert list(read(saved, assignment).latents) == [0]
    other = replace(assignment, recipe=replace(assignment.recipe, strength=0.6))
    assert read(saved, other).latents == {}


@pytest.fixture
def beside() -> Iterator[Beside]:
    thread = Beside("making")
    yield thread
    thread.shutdown()


def test_pictures_are_never_opened_in_the_thread_that_steps(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(decode_on=beside, wait=True)
    threads: list[str] = []
    encode = bench.tinies["mini-1"].encode_picture

    def noted(picture: torch.Tensor) -> torch.Tensor:
        threads.append(threading.current_thread().name)
        return encode(picture)

    monkeypatch.setattr(bench.tinies["mini-1"], "encode_picture", noted)
    bench.generator.add(*task((Role.INIT, noise()), frame=FRAME))
    subtle = task((Role.INIT, noise()), action=Action.UPSCALE_SUBTLE, scale=2, number=2, indices=(0,))
    bench.generator.add(*subtle)
    assert sorted(drawn(rest(bench.generator))) == [1, 2]
    assert threads == ["making"]


def test_pictures_of_the_urgent_are_made_between_the_parts_of_a_long_upscale() -> None:
    """And the upscale does not pay for them."""
    now = [0.0]
    beside = Beside("making", timer=lambda: now[0])
    bench = Bench(decode_on=beside, wait=True)
    begun, go_on = threading.Event(), threading.Event()

    def between() -> None:
        if threading.current_thread().name == "making" and not begun.is_set():
            begun.set()
            go_on.wait(20)
        now[0] += 1.0
        give_way()

    bench.studio.upscaler.between = between
    subtle = task((Role.INIT, noise(8, 1000)), action=Action.UPSCALE_SUBTLE, scale=2, indices=(0,))
    relax = (replace(subtle[0], lane=Lane.RELAX), *subtle[1:])
    bench.generator.add(*relax)
    assert begun.wait(20)
    bench.generator.add(replace(ask(number=2), lane=Lane.TURBO))
    while len(bench.generator._decoder) < 4:
        bench.generator.step()
    go_on.set()
    told = rest(bench.generator)
    assert list(drawn(told)) == [2, 1]
    spent = {number: each.measured_gpu_ms for number, each in drawn(told).items()}
    assert spent[1] == 8 * 1000, "a second for each of its eight parts"
    beside.shutdown()


def test_an_upscale_that_is_cancelled_ends_at_its_next_part_and_is_paid_so_far() -> None:
    now = [0.0]
    beside = Beside("making", timer=lambda: now[0])
    bench = Bench(decode_on=beside, wait=True)
    begun, go_on, parts = threading.Event(), threading.Event(), []

    def between() -> None:
        parts.append(1)
        now[0] += 5.0
        begun.set()
        go_on.wait(20)
        give_way()

    bench.studio.upscaler.between = between
    job = task((Role.INIT, noise(8, 1000)), action=Action.UPSCALE_SUBTLE, scale=2, indices=(0,))
    bench.generator.add(*job)
    assert begun.wait(20)
    bench.generator.cancel(job[0].claim)
    go_on.set()
    failure = failures(rest(bench.generator))[1]
    assert (failure.fault, failure.measured_gpu_ms) == (Fault.CANCELLED, 5000)
    beside.at(9).submit(lambda: None).result(20)
    assert len(parts) == 1
    beside.shutdown()


def test_once_its_images_are_in_the_engine_a_run_lets_go_of_its_pictures(bench: Bench) -> None:
    bench.generator.add(*task((Role.INIT, noise()), (Role.STYLE, noise()), frame=FRAME))
    while not (runs := list(bench.generator._runs.values())) or not runs[0].entered:
        bench.generator.step()
    plates = runs[0].plates
    assert plates and plates.given.init is None and not plates.given.styles and plates.canvas
    assert drawn(rest(bench.generator))


def test_a_file_that_breaks_its_reader_is_the_jobs_own_fault(bench: Bench) -> None:
    """An empty colour profile behind the pixels, over which the reader of PNG stumbles."""
    whole = png(noise())
    profile = b"\0\0\0\0iCCP" + zlib.crc32(b"iCCP").to_bytes(4, "big")
    bench.generator.add(*task((Role.INIT, whole[:-12] + profile + whole[-12:])))
    failure = failures(rest(bench.generator))[1]
    assert failure.fault is Fault.JOB and "cannot be read" in failure.message


def test_of_two_upscales_that_of_the_more_urgent_lane_is_made_first(beside: Beside) -> None:
    bench = Bench(decode_on=beside, wait=True)
    begun, go_on = threading.Event(), threading.Event()

    def between() -> None:
        begun.set()
        go_on.wait(20)
        give_way()

    bench.studio.upscaler.between = between
    for number, lane in ((1, Lane.RELAX), (2, Lane.TURBO)):
        job = task(
            (Role.INIT, noise(8, 1000)), action=Action.UPSCALE_SUBTLE, scale=2, indices=(0,), number=number
        )
        bench.generator.add(replace(job[0], lane=lane), *job[1:])
        assert begun.wait(20)
    go_on.set()
    assert list(drawn(rest(bench.generator))) == [2, 1]
