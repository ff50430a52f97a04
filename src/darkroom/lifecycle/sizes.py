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
DRAFT_SHARE = 0.75  # of the native side
UNKNOWN = (0, 0)


def native_size(rooms: Rooms, params: GenerationParams) -> tuple[int, int]:
    """Width and height that the model draws for these parameters; (0, 0) where it is no longer installed."""
    model = rooms.catalogue.resolve(params.model)
    if model is None:
        return UNKNOWN
    side = model.large_px if params.hd else model.native_px * (DRAFT_SHARE if params.draft else 1)
    height, width = latent_shape(params.aspect, max(1, round((side / CELL_PX) ** 2)))
    return width * CELL_PX, height * CELL_PX


def native_pixels(rooms: Rooms, name: str) -> int:
    """The area that a model draws by itself, whatever the ratio, draft or large; 0 where it is no longer installed."""
    model = rooms.catalogue.resolve(name)
    return model.native_px**2 if model else 0


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
