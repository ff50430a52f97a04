"""The autoencoder of mini-1: any size, local in both directions, and able to learn pictures."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.model.autoencoder import FACTOR, Autoencoder, AutoencoderConfig, PixelNorm

SMALL = AutoencoderConfig(channels=12, widths=(16, 24, 32))
REACH = 12
"""Latent positions beyond which the decoder may not look: each of its convolutions looks one further."""


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    torch.manual_seed(2)
    network = Autoencoder(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (6, 10), (12, 5), (3, 42)])
def test_shapes(network: Autoencoder, height: int, width: int) -> None:
    latents = network.encode(torch.zeros(2, 3, FACTOR * height, FACTOR * width))
    assert latents.shape == (2, SMALL.channels, height, width)
    assert network.decode(latents).shape == (2, 3, FACTOR * height, FACTOR * width)


def test_latents_are_bounded(network: Autoencoder) -> None:
    latents = network.encode(torch.randn(2, 3, 64, 64) * 1e4)
    assert latents.abs().max() <= SMALL.bound


def test_the_scale_is_divided_out_and_multiplied_in() -> None:
    network = Autoencoder(SMALL)
    pictures = torch.randn(1, 3, 32, 32)
    raw, decoded = network.encode(pictures), network.decode(network.encode(pictures))
    network.scale.copy_(torch.linspace(0.5, 2.0, SMALL.channels)[:, None, None])
    torch.testing.assert_close(network.encode(pictures) * network.scale, raw)
    torch.testing.assert_close(network.decode(network.encode(pictures)), decoded)


def test_the_scale_travels_with_the_weights() -> None:
    network = Autoencoder(SMALL)
    network.scale.fill_(1.7)
    other = Autoencoder(SMALL)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.scale, network.scale)


def test_a_corner_of_the_latents_does_not_change_the_far_corner(network: Autoencoder) -> None:
    side = 2 * REACH
    latents = torch.randn(1, SMALL.channels, side, side)
    other = latents.clone()
    other[:, :, :2, :2] += 3.0
    change = (network.decode(other) - network.decode(latents)).abs()
    assert change[..., : 2 * FACTOR, : 2 * FACTOR].max() > 0.01
    assert not change[..., REACH * FACTOR :, :].any() and not change[..., :, REACH * FACTOR :].any()


def test_a_corner_of_the_picture_does_not_change_the_far_latents(network: Autoencoder) -> None:
    pictures = torch.randn(1, 3, 160, 160)
    other = pictures.clone()
    other[:, :, :8, :8] += 1.0
    change = (network.encode(other) - network.encode(pictures)).abs()
    assert change[..., 0, 0].max() > 0
    assert not change[..., 6:, :].any() and not change[..., :, 6:].any()


def test_a_large_picture_can_be_decoded_in_tiles(network: Autoencoder) -> None:
    latents = torch.randn(1, SMALL.channels, 4, 40)
    whole = network.decode(latents)
    left = network.decode(latents[..., : 20 + REACH])[..., : 20 * FACTOR]
    torch.testing.assert_close(left, whole[..., : 20 * FACTOR], rtol=0, atol=1e-5)


def test_the_pixel_norm_evens_out_brightness() -> None:
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(PixelNorm(8)(x * 100), PixelNorm(8)(x), rtol=1e-3, atol=1e-3)


def shapes_to_learn() -> Tensor:
    """Eight pictures (8, 3, 32, 32) in [-1, 1]: a disc of one colour on a ground of another."""
    generator = torch.Generator().manual_seed(4)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    pictures = []
    for _ in range(8):
        x, y, radius = (
            torch.rand(3, generator=generator) * torch.tensor([16, 16, 6]) + torch.tensor([8, 8, 5])
        ).tolist()
        inside = ((columns - x).hypot(rows - y) < radius).float()
        disc, ground = torch.rand(2, 3, 1, 1, generator=generator) * 2 - 1
        pictures.append(inside * disc + (1 - inside) * ground)
    return torch.stack(pictures)


def test_a_short_overfit_beats_20_db() -> None:
    torch.manual_seed(0)
    network, pictures = Autoencoder(AutoencoderConfig(widths=(12, 16, 24))), shapes_to_learn()
    flat = 10 * torch.log10(4 / (pictures - pictures.mean((2, 3), keepdim=True)).square().mean())
    optimizer = torch.optim.Adam(network.parameters(), lr=8e-3)
    for _ in range(80):
        loss = F.mse_loss(network.decode(network.encode(pictures)), pictures)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    psnr = 10 * torch.log10(4 / loss.detach())
    assert flat < 18
    assert psnr > 20
