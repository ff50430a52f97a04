"""How large the pictures of a job become, in pixels of the finished picture, before anything is drawn.

Where old pixels stay the size is exact. A model's own size for a ratio is reckoned as the built-in model does, and other families
come near it.
"""

from __future__ import annotations

from darkroom.core.errors import NotFound, PromptError
from darkroom.core.images import Variant
from darkroom.core.jobs import Job, NewJob
from darkroom.core.params import GenerationParams
from darkroom.core.recipes import ParentKind, Role
from darkroom.lifecycle.rooms import Rooms
from darkroom.model.shapes import latent_shape
from darkroom.prompt import stored

CELL_PX = 32  # of a finished picture for one position of the built-in model's latents
DRAFT_SHARE = 0.75  # of the native side; added models draw their drafts at full size, with fewer steps
SMALLER = 0.9  # of the area: what is nearer to it is no smaller picture
UNKNOWN = (0, 0)


def native_size(rooms: Rooms, params: GenerationParams) -> tuple[int, int]:
    """Width and height that the model draws for these parameters; (0, 0) where it is no longer installed."""
    model = rooms.catalogue.resolve(params.model)
    if model is None:
        return UNKNOWN
    small = params.draft and model.source is None
    side = model.large_px if params.hd else model.native_px * (DRAFT_SHARE if small else 1)
    height, width = latent_shape(params.aspect, max(1, round((side / CELL_PX) ** 2)))
    return width * CELL_PX, height * CELL_PX


def native_pixels(rooms: Rooms, name: str) -> int:
    """The area that a model draws by itself, whatever the ratio, draft or large; 0 where it is no longer installed."""
    model = rooms.catalogue.resolve(name)
    return model.native_px**2 if model else 0


def smaller_note(size: tuple[int, int], begun_at: tuple[int, int]) -> str:
    """What to say where pictures become smaller than the one that they begin at; "" else, and where nobody knows."""
    if size == UNKNOWN or size[0] * size[1] >= SMALLER * begun_at[0] * begun_at[1]:
        return ""
    return (
        f"It is drawn at the model's own size, {size[0]} x {size[1]} pixels, which is smaller than the picture that it begins "
        f"at ({begun_at[0]} x {begun_at[1]}). Upscale the one that you like."
    )


async def size_of(rooms: Rooms, job: Job | NewJob) -> tuple[int, int]:
    """Width and height of a job's pictures, from its recipe and its prompt; (0, 0) where nobody can tell any more."""
    recipe = job.recipe
    if recipe.frame is not None:
        return recipe.frame.width, recipe.frame.height
    if recipe.scale is not None or recipe.of(Role.MASK):
        width, height = await _start(rooms, job)
        return width * (recipe.scale or 1), height * (recipe.scale or 1)
    try:
        return native_size(rooms, stored(job.prompt, catalogue=rooms.catalogue))
    except PromptError:
        return UNKNOWN


async def _start(rooms: Rooms, job: Job | NewJob) -> tuple[int, int]:
    """The size of what a job starts from; (0, 0) where its files are gone."""
    for each in job.recipe.of(Role.INIT):
        if each.kind is ParentKind.IMAGE:
            try:
                file = (await rooms.library.image(each.parent_id)).file(Variant.PNG)
            except NotFound:
                return UNKNOWN
            return (file.width, file.height) if file else UNKNOWN
    return UNKNOWN
