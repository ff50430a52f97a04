"""The creative loop with a model that somebody owns, from a recipe to a picture: the real generator around a tiny folder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from tests.families import builders_flux
from tests.families.drive import picture, without

from darkroom.bootstrap import open_catalogue, open_studio, settings_of_process
from darkroom.core.params import Lane
from darkroom.core.recipes import Action, Frame, Input, ParentKind, Recipe, Role
from darkroom.core.work import Assignment, Claim, Failure, Fault
from darkroom.model.entries import entry_of
from darkroom.model.folders import inspect
from darkroom.worker.drawing import EngineGenerator
from darkroom.worker.generator import Drawn, Happening
from darkroom.worker.studio import Picture

REGISTRY = """
[models.mini-1]
title = "mini-1"
family = "mini"
default = true
native_px = 256
large_px = 384
honours = ["seed"]

[models.tiny]
title = "tiny"
family = "flux"
folder = "tiny"
native_px = 64
large_px = 96
max_image_prompts = 4
honours = {honours}

[models.blind]
title = "blind"
family = "flux"
folder = "blind"
native_px = 64
large_px = 96
honours = ["quality", "seed"]
"""
SEAM_PX = 4
STEPS_MAX = 2000  # of the generator; each waits for a moment where nothing can be stepped


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineGenerator]:
    """Over a tiny FLUX.1, which has its guidance distilled into it: one row for each image."""
    place = tmp_path_factory.mktemp("models")
    builders_flux.build(place / "tiny")
    builders_flux.build(place / "blind")
    without(place / "blind", "encoder.")
    entry = entry_of("tiny", place / "tiny", inspect(place / "tiny"))
    (place / "registry.toml").write_text(REGISTRY.format(honours=sorted(entry.honours)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DARKROOM_REGISTRY", str(place / "registry.toml"))
        patch.setenv("DARKROOM_DATA", str(place / "data"))
        patch.setenv("DARKROOM_THREADS", "1")
        settings = settings_of_process()
        catalogue = open_catalogue(settings)
        yield EngineGenerator(open_studio(settings, catalogue, beside=True), catalogue)


def image(seed: int, *, width: int = 64, height: int = 64) -> Image.Image:
    levels = picture(seed, height=height, width=width).permute(1, 2, 0).numpy() * 255
    return Image.fromarray(levels.round().astype(np.uint8))


OLD, OTHER = image(4), image(5)
LEFT = Image.fromarray(np.repeat(np.arange(64)[None] < 32, 64, axis=0).astype(np.uint8) * 255)
"""A mask whose left half is white."""


def png(shown: Image.Image) -> bytes:
    buffer = io.BytesIO()
    shown.save(buffer, "PNG")
    return buffer.getvalue()


def told_of(
    generator: EngineGenerator, prompt: str, *pictures: tuple[Role, Image.Image], **recipe: object
) -> list[Happening]:
    """What happens to a job of two images."""
    files = {hashlib.sha256(file).hexdigest(): file for file in (png(shown) for _, shown in pictures)}
    inputs = tuple(
        Input(
            role=role,
            parent_id=UUID(int=1),
            kind=ParentKind.IMAGE,
            digest=hashlib.sha256(png(shown)).hexdigest(),
        )
        for role, shown in pictures
    )
    made = Recipe(**{"action": Action.VARY_STRONG, "inputs": inputs, "indices": (0, 2), **recipe})  # type: ignore[arg-type]
    assignment = Assignment(
        claim=Claim(job_id=UUID(int=len(prompt)), fence=1),
        prompt=prompt,
        model="blind" if "--v blind" in prompt else "tiny",
        seed=7,
        lane=Lane.FAST,
        images=made.images,
        attempt=1,
        recipe=made,
    )
    generator.add(assignment, None, files)
    told: list[Happening] = []
    for _ in range(STEPS_MAX):
        if not generator.busy:
            break
        told += generator.step()
    return told


def run(
    generator: EngineGenerator, prompt: str, *pictures: tuple[Role, Image.Image], **recipe: object
) -> list[Picture]:
    """Its pictures, in order."""
    told = told_of(generator, prompt, *pictures, **recipe)
    failures = [each.message for each in told if isinstance(each, Failure)]
    assert not failures, failures
    (drawn,) = [each for each in told if isinstance(each, Drawn)]
    return [drawn.pictures[index] for index in sorted(drawn.pictures)]


def levels(shown: Picture | Image.Image) -> np.ndarray:
    return np.asarray(shown.image if isinstance(shown, Picture) else shown, np.float64)


def off(shown: Picture, other: Picture | Image.Image) -> float:
    return float(np.abs(levels(shown) - levels(other)).mean())


WORDS = "a red cat --v tiny --seed 7 --quality 0.25"


def test_a_variation_is_nearer_to_its_picture_the_less_is_drawn_anew(generator: EngineGenerator) -> None:
    """Its VAE has random weights, so that even what is kept looks otherwise when it is decoded."""
    (kept, _), (near, _), (far, other), (new, third) = (
        run(generator, WORDS, (Role.INIT, OLD), strength=strength) for strength in (0.0, 0.3, 0.7, 1.0)
    )
    assert off(near, kept) < off(far, kept) < off(new, kept)
    assert off(far, other) > 0 and off(new, third) > 0
    plain, plain_third = run(generator, WORDS)
    assert off(new, plain) == 0 == off(third, plain_third)


def test_a_remix_has_other_words(generator: EngineGenerator) -> None:
    (one, _), (other, _) = (
        run(generator, words, (Role.INIT, OLD), strength=0.7, action=Action.REMIX)
        for words in (WORDS, WORDS.replace("red cat", "blue fox on the hill"))
    )
    assert off(one, other) > 0


def test_black_of_a_mask_stays_bit_for_bit(generator: EngineGenerator) -> None:
    pictures = run(
        generator,
        WORDS,
        (Role.INIT, OLD),
        (Role.MASK, LEFT),
        strength=1.0,
        seam_px=SEAM_PX,
        action=Action.VARY_REGION,
    )
    for each in pictures:
        assert np.array_equal(levels(each)[:, 32:], levels(OLD)[:, 32:])
        assert np.abs(levels(each)[:, : 32 - SEAM_PX] - levels(OLD)[:, : 32 - SEAM_PX]).mean() > 1


@pytest.mark.parametrize(
    ("action", "words", "frame"),
    [
        (
            Action.ZOOM_OUT,
            WORDS,
            Frame(width=128, height=128, left=32, top=32, inner_width=64, inner_height=64),
        ),
        (
            Action.PAN,
            f"{WORDS} --ar 3:2",
            Frame(width=96, height=64, left=0, top=0, inner_width=64, inner_height=64),
        ),
    ],
)
def test_a_larger_canvas_keeps_the_old_picture(
    generator: EngineGenerator, action: Action, words: str, frame: Frame
) -> None:
    for each in run(
        generator, words, (Role.INIT, OLD), strength=1.0, seam_px=SEAM_PX, frame=frame, action=action
    ):
        assert each.image.size == (frame.width, frame.height)
        found = levels(each)[frame.top : frame.top + 64, frame.left : frame.left + 64]
        inner = np.s_[SEAM_PX : 64 - SEAM_PX, SEAM_PX : 64 - SEAM_PX]
        assert np.array_equal(found[inner], levels(OLD)[inner])


def test_hd_and_enhance_begin_at_the_picture_at_another_size(generator: EngineGenerator) -> None:
    (large, _) = run(generator, f"{WORDS} --hd", (Role.INIT, OLD), strength=0.55, action=Action.ENHANCE)
    assert large.image.size == (96, 96)
    (twice, _) = run(
        generator, WORDS, (Role.INIT, OLD), strength=0.3, scale=2, action=Action.UPSCALE_CREATIVE
    )
    assert twice.image.size == (128, 128)


def test_image_prompts_styles_and_blends_change_what_is_drawn(generator: EngineGenerator) -> None:
    (plain, _) = run(generator, WORDS)
    (kept, _) = run(generator, WORDS, (Role.INIT, OLD), strength=0.0)
    prompt, style, blend = (
        run(generator, words, *pictures)[0]
        for words, pictures in (
            (f"https://example.com/a.png {WORDS} --iw 3", [(Role.PROMPT, OLD)]),
            (f"{WORDS} --sref https://example.com/a.png 1234 --sw 800", [(Role.STYLE, OLD)]),
            (
                "https://example.com/a.png https://example.com/b.png --v tiny --seed 7 --quality 0.25",
                [(Role.BLEND, OLD), (Role.BLEND, OTHER)],
            ),
        )
    )
    assert min(off(each, plain) for each in (prompt, style, blend)) > 0
    assert off(prompt, kept) < off(plain, kept)


def test_the_same_recipe_gives_the_same_pixels_again(generator: EngineGenerator) -> None:
    """One image of it alone, as a replay asks for it."""
    _, second = run(generator, WORDS, (Role.INIT, OLD), strength=0.7)
    (alone,) = run(generator, WORDS, (Role.INIT, OLD), strength=0.7, indices=(2,))
    assert second.image.tobytes() == alone.image.tobytes()


def test_a_model_that_cannot_read_pictures_says_so_and_draws_from_words(generator: EngineGenerator) -> None:
    words = WORDS.replace("tiny", "blind")
    (failure,) = (
        each
        for each in told_of(generator, words, (Role.INIT, OLD), strength=0.5)
        if isinstance(each, Failure)
    )
    assert failure.fault is Fault.JOB, "no other worker could do it"
    assert "blind cannot read pictures: the vae in its folder has no encoder" in failure.message
    assert len(run(generator, words)) == 2
