"""Three models to write prompts for: one that can do everything, one that does what the built-in one does, one that does little."""

from collections.abc import Callable

import pytest

from darkroom.core.capabilities import HONOURABLE, ModelCapabilities, ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.core.params import GenerationParams
from darkroom.prompt import BatchLimits, parse

ABLE = ModelCapabilities(
    name="able-1",
    title="does everything",
    family="test",
    honours=HONOURABLE,
    native_px=256,
    large_px=512,
    max_image_prompts=5,
    letters=True,
    default=True,
)
MODEST = ModelCapabilities(
    name="modest-1",
    title="does little",
    family="test",
    honours=frozenset({"aspect", "no"}),
    native_px=256,
    large_px=256,
    widest_aspect=3,
)
CATALOGUE = ModelCatalogue(
    models={"able-1": ABLE, "modest-1": MODEST},
    aliases={"7": "able-1", "niji": "modest-1", "niji 6": "able-1", "old": "modest-1"},
)

Parse = Callable[..., GenerationParams]
Refuse = Callable[..., PromptError]


@pytest.fixture(scope="session")
def catalogue() -> ModelCatalogue:
    return CATALOGUE


@pytest.fixture(scope="session")
def one() -> Parse:
    """Parses a prompt that makes one job."""

    def parse_one(text: str) -> GenerationParams:
        (job,) = parse(text, catalogue=CATALOGUE)
        return job

    return parse_one


@pytest.fixture(scope="session")
def refused() -> Refuse:
    """The error of a prompt that must not be understood; its message must say where, and what would be right."""

    def parse_refused(text: str, limits: BatchLimits | None = None) -> PromptError:
        with pytest.raises(PromptError) as caught:
            parse(text, catalogue=CATALOGUE, limits=limits or BatchLimits())
        error = caught.value
        assert error.hint and error.hint in error.message
        assert error.message.isprintable()
        assert (f"(at character {error.position})" in error.message) == (error.position > 0)
        assert 0 <= error.position <= len(text)
        return error

    return parse_refused
