"""Pictures reach just the size that they are to have, by the network where they lack much, and round their edges in tiles."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.model.upscaler import WEIGHTS_FOLDER, Upscaler
from darkroom.worker.enlarging import brought_to, enlarged, enlarger_facts, image_of, tensor_of


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler.load()


class Counted:
    """An upscaler that notes how large its pictures were, and repeats pixels."""

    overlap = 0

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def parameters(self) -> list[torch.Tensor]:
        return iter([torch.zeros(1)])  # type: ignore[return-value]

    def upscale(self, picture: torch.Tensor) -> torch.Tensor:
        self.sizes.append((picture.shape[3], picture.shape[2]))
        return picture.repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.mark.parametrize(
    ("size", "wanted", "passes"),
    [
        ((8, 8), (8, 8), 0),
        ((8, 8), (10, 9), 0),
        ((8, 8), (16, 16), 1),
        ((8, 6), (32, 24), 1),
        ((8, 6), (64, 48), 2),
        ((8, 6), (5, 3), 0),
        ((1, 1), (200, 1), 3),
    ],
)
def test_just_that_size(size: tuple[int, int], wanted: tuple[int, int], passes: int) -> None:
    counted = Counted()
    found = brought_to(counted, torch.rand(3, size[1], size[0]), *wanted)  # type: ignore[arg-type]
    assert found.size == wanted and found.mode == "RGB" and len(counted.sizes) == passes


def test_what_may_be_stretched_is_not_enlarged() -> None:
    counted = Counted()
    found = brought_to(counted, torch.rand(3, 8, 8), 16, 16, stretch_max=2.0)  # type: ignore[arg-type]
    assert found.size == (16, 16) and counted.sizes == []


def test_pixels_come_back_as_they_went() -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    assert image_of(tensor_of(image)).tobytes() == image.tobytes()
    assert tensor_of(image.convert("L")).shape == (3, 5, 7)


def test_a_tile_is_enlarged_round_its_edges(upscaler: Upscaler) -> None:
    """What a rolled tile becomes is the rolled enlargement."""
    tile = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(1))
    whole = enlarged(upscaler, tile, seamless=True)
    rolled = enlarged(upscaler, tile.roll((5, 9), (1, 2)), seamless=True)
    assert torch.allclose(rolled, whole.roll((20, 36), (1, 2)), atol=1e-4)
    assert not torch.allclose(
        enlarged(upscaler, tile.roll((5, 9), (1, 2))), whole.roll((20, 36), (1, 2)), atol=1e-2
    )


def test_the_facts_say_which_weights(upscaler: Upscaler) -> None:
    digest = hashlib.sha256((WEIGHTS_FOLDER / "upscaler.safetensors").read_bytes()).hexdigest()
    facts = enlarger_facts(upscaler)
    assert (facts["weights_hash"], facts["model"]) == (digest, "upscaler")
    assert {"torch", "device", "threads", "processor", "cpu_capability", "dtype"} <= set(facts)
