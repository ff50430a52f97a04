"""Pictures that tile: going round the edges must make every shift of a picture the shift of the picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.params import GenerationParams, PromptPart
from darkroom.model.autoencoder import FACTOR, Autoencoder
from darkroom.model.mini import DECODER_REACH, Mini
from darkroom.model.seamless import cropped, wrapped
from darkroom.model.transformer import MiniTransformer
from darkroom.model.upscaler import SCALE, Upscaler


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 20))
def test_cropping_undoes_wrapping_however_narrow_the_picture(height: int, width: int, margin: int) -> None:
    x = torch.arange(height * width).view(1, height, width)
    around = wrapped(x, margin)
    assert around.shape == (1, height + 2 * margin, width + 2 * margin)
    assert torch.equal(cropped(around, margin), x)
    assert around[0, 0, 0] == x[0, -margin % height, -margin % width]


@pytest.fixture(scope="module")
def model() -> Mini:
    """mini-1 with random weights; only its pictures' edges matter here."""
    torch.manual_seed(0)
    network = MiniTransformer()
    torch.nn.init.normal_(network.out.weight, std=0.1)
    autoencoder = Autoencoder()
    for name, parameter in autoencoder.decoder.named_parameters():
        if name.endswith("second.weight"):
            torch.nn.init.normal_(parameter, std=0.02)
    made = Mini.__new__(Mini)
    made.network, made.autoencoder = network.eval(), autoencoder.eval()
    return made


def test_a_seamless_picture_has_no_edge_for_the_decoder(model: Mini) -> None:
    latents = torch.randn(1, 16, 8, 12, generator=torch.Generator().manual_seed(1))
    shifted = model.decode(latents.roll((3, 5), (-2, -1)), seamless=True)
    expected = model.decode(latents, seamless=True).roll((3 * FACTOR, 5 * FACTOR), (-2, -1))
    assert torch.allclose(shifted, expected, atol=1e-5)
    plain = model.decode(latents.roll((3, 5), (-2, -1)), seamless=False)
    assert not torch.allclose(plain, expected, atol=1e-3)


def test_the_declared_reach_is_the_decoders(model: Mini) -> None:
    latents = torch.zeros(1, 16, 1, 2 * DECODER_REACH + 3)
    marked = latents.clone()
    marked[..., 0, 0] = 5.0
    difference = (model.decode(latents) - model.decode(marked)).abs().amax((0, 1, 2))
    seen = int(difference.nonzero().max()) // FACTOR
    assert 0 < seen <= DECODER_REACH


def test_a_seamless_picture_has_no_edge_for_the_upscaler() -> None:
    upscaler = Upscaler.load()
    picture = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(2))

    def enlarged(small: torch.Tensor) -> torch.Tensor:
        return cropped(upscaler.upscale(wrapped(small[None], upscaler.overlap)), SCALE * upscaler.overlap)

    rolled = enlarged(picture.roll((7, 9), (-2, -1)))
    assert torch.allclose(rolled, enlarged(picture).roll((7 * SCALE, 9 * SCALE), (-2, -1)), atol=1e-4)


def test_only_seamless_rows_are_rolled_and_each_by_its_own_noise_level(model: Mini) -> None:
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(3, 16, 8, 8, generator=generator)
    config = model.network.config
    row = {
        "words": torch.randn(4, config.text_dim, generator=generator),
        "words_bias": torch.zeros(4),
        "exemplars": torch.zeros(config.slots, config.channels, 8, 8),
        "exemplars_bias": torch.zeros(config.slots),
    }
    plain, tiled = row | {"seamless": torch.tensor(0.0)}, row | {"seamless": torch.tensor(1.0)}
    sigmas = torch.tensor([0.9, 0.9, 0.5])
    mixed = model.denoise(latents, sigmas, [plain, tiled, tiled])
    untouched = model.denoise(latents, sigmas, [plain, plain, plain])
    assert torch.equal(mixed[0], untouched[0])
    for index in (1, 2):
        assert not torch.allclose(mixed[index], untouched[index], atol=1e-4)
    alone = model.denoise(latents[2:].repeat(3, 1, 1, 1), sigmas[2:].repeat(3), [tiled] * 3)
    assert torch.equal(alone[0], mixed[2])


def test_tile_is_passed_on_to_the_decoder(shipped: Mini) -> None:
    params = GenerationParams(
        parts=(PromptPart(text="waves", weight=1.0),), model="mini-1", seed=1, tile=True
    )
    prepared = shipped.prepare(params, index=0)
    assert prepared.seamless and prepared.conditional["seamless"] == 1
