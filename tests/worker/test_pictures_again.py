"""With the weights that ship, a recipe gives the same pixels in another process, and for one image alone as for all four."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image, ImageDraw

from darkroom.bootstrap.drawing import open_studio
from darkroom.core.params import Lane
from darkroom.core.recipes import Action, Frame, Input, ParentKind, Recipe, Role
from darkroom.core.work import Assignment, Claim
from darkroom.finish.pixels import pixel_digest
from darkroom.model.registry import read_registry
from darkroom.settings import read_settings
from darkroom.worker.beside import give_way
from darkroom.worker.drawing import EngineGenerator
from darkroom.worker.generator import Drawn

ALONE = 2
FRAME = Frame(width=120, height=96, left=24, top=16, inner_width=64, inner_height=64)


def scene() -> Image.Image:
    """Something to begin with: a red disc over a meadow."""
    image = Image.new("RGB", (64, 64), (90, 160, 240))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 40, 64, 64), fill=(60, 150, 50))
    pen.ellipse((16, 12, 48, 44), fill=(220, 50, 40))
    return image


def half() -> Image.Image:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (20, 8, 60, 50))
    return mask


PICTURES = {Role.INIT: scene(), Role.MASK: half(), Role.BLEND: scene().rotate(90)}
RECIPES = {
    "vary": ((Role.INIT,), Recipe(action=Action.VARY_STRONG, strength=0.7)),
    "region": ((Role.INIT, Role.MASK), Recipe(action=Action.VARY_REGION, strength=0.9, seam_px=4)),
    "zoom": ((Role.INIT,), Recipe(action=Action.ZOOM_OUT, strength=0.8, frame=FRAME, seam_px=4)),
    "subtle": ((Role.INIT,), Recipe(action=Action.UPSCALE_SUBTLE, scale=2)),
    "creative": ((Role.INIT,), Recipe(action=Action.UPSCALE_CREATIVE, scale=2, strength=0.3)),
    "blend": ((Role.BLEND,), Recipe(action=Action.BLEND)),
}


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def digests(folder: Path, indices: tuple[int, ...]) -> list[str]:
    """Of every picture of every recipe, drawn together as the jobs of one worker."""
    settings = read_settings({"DARKROOM_DATA": str(folder), "DARKROOM_THREADS": "1"})
    generator = EngineGenerator(open_studio(settings, catalogue := read_registry()), catalogue)
    for number, (roles, recipe) in enumerate(RECIPES.values()):
        files = {role: png(PICTURES[role]) for role in roles}
        names = {role: hashlib.sha256(file).hexdigest() for role, file in files.items()}
        inputs = tuple(
            Input(role=role, parent_id=UUID(int=9), kind=ParentKind.IMAGE, digest=names[role])
            for role in roles
        )
        assignment = Assignment(
            claim=Claim(job_id=UUID(int=number), fence=1),
            prompt="a red balloon --draft --quality 0.25 --v mini-1 --seed 7",
            model="mini-1",
            seed=7,
            lane=Lane.FAST,
            images=len(indices),
            attempt=1,
            recipe=replace(recipe, inputs=inputs, indices=indices),
        )
        generator.add(assignment, None, {names[role]: file for role, file in files.items()})
    found: dict[int, Drawn] = {}
    while generator.busy:
        for told in generator.step():
            if isinstance(told, Drawn):
                found[told.claim.job_id.int] = told
    return [
        pixel_digest(picture.image)
        for number in range(len(RECIPES))
        for _, picture in sorted(found[number].pictures.items())
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The digests of the four pictures of each recipe."""
    found = digests(tmp_path_factory.mktemp("whole"), (0, 1, 2, 3))
    return {name: found[4 * place : 4 * place + 4] for place, name in enumerate(RECIPES)}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of one picture of each, drawn alone by a process of its own."""
    script = (
        "import pathlib, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_pictures_again as t\n"
        f"print(*t.digests(pathlib.Path({str(tmp_path_factory.mktemp('elsewhere'))!r}), ({ALONE},)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return dict(zip(RECIPES, found.split(), strict=True))


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_recipe_gives_the_same_pixels(
    name: str, whole: dict[str, list[str]], elsewhere: dict[str, str]
) -> None:
    assert elsewhere[name] == whole[name][ALONE]


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "subtle"])
def test_the_four_are_not_one(name: str, whole: dict[str, list[str]]) -> None:
    assert len(set(whole[name])) == 4


def test_the_upscaler_of_a_worker_lets_others_in_between(tmp_path: Path) -> None:
    settings = read_settings({"DARKROOM_DATA": str(tmp_path), "DARKROOM_THREADS": "1"})
    assert open_studio(settings, read_registry()).upscaler.between is give_way
