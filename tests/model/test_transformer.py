"""The network of mini-1: what may influence its estimate, what must not, and for which shapes it works."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor

from darkroom.model import transformer
from darkroom.model.transformer import (
    MASKED,
    NATIVE_SIDE,
    MiniTransformer,
    RMSNorm,
    TransformerConfig,
    attend,
    picture_positions,
    positions,
    rotary_angles,
    rotate,
)

TINY = TransformerConfig(channels=4, dim=32, depth=2, head_dim=16, text_dim=24)
Inputs = dict[str, Tensor]


@pytest.fixture(scope="module")
def network() -> MiniTransformer:
    """A small network in which no weight is zero, so that everything that can matter does."""
    torch.manual_seed(5)
    network = MiniTransformer(TINY)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval().requires_grad_(False)


def inputs(height: int = 8, width: int = 8, *, rows: int = 2, words: int = 6, slots: int = 3) -> Inputs:
    generator = torch.Generator().manual_seed(11)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "latents": noise(rows, TINY.channels, height, width),
        "sigmas": torch.linspace(0.2, 0.9, rows),
        "words": noise(rows, words, TINY.text_dim),
        "words_bias": torch.zeros(rows, words),
        "exemplars": noise(rows, slots, TINY.channels, TINY.exemplar_side, TINY.exemplar_side),
        "exemplars_bias": torch.zeros(rows, slots),
    }


def test_every_input_matters(network: MiniTransformer) -> None:
    given = inputs()
    estimate = network(**given)
    for name, tensor in given.items():
        other = tensor + (0.3 if name == "sigmas" else torch.randn_like(tensor))
        assert not torch.allclose(network(**given | {name: other}), estimate, atol=1e-3), name


def test_masked_words_and_exemplars_have_no_influence_at_all(network: MiniTransformer) -> None:
    given = inputs()
    given["words_bias"][:, 4:] = MASKED
    given["exemplars_bias"][:, 1:] = MASKED
    words, exemplars = given["words"].clone(), given["exemplars"].clone()
    words[:, 4:] = 50.0
    exemplars[:, 1:] = -50.0
    assert torch.equal(network(**given | {"words": words, "exemplars": exemplars}), network(**given))


def test_without_any_word_the_null_word_stands_in(network: MiniTransformer) -> None:
    given = inputs()
    given["words_bias"][0] = MASKED
    estimate = network(**given)
    assert torch.equal(network(**given | {"words": given["words"] * 7}).isfinite(), estimate.isfinite())
    other = network(**given | {"words": torch.cat([given["words"][:1] * 7, given["words"][1:]])})
    assert torch.equal(other, estimate)
    with_null = dict(given, words_bias=given["words_bias"].clone(), words=given["words"].clone())
    with_null["words_bias"][0, 0] = 0.0
    with_null["words"][0, 0] = network.null_word[0, 0]
    torch.testing.assert_close(network(**with_null), estimate)


def test_the_length_that_words_are_padded_to_is_immaterial(network: MiniTransformer) -> None:
    short, long = inputs(words=32), inputs(words=48)
    for given in (short, long):
        given["words"] = torch.cat(
            [inputs()["words"], torch.zeros(2, given["words"].shape[1] - 6, TINY.text_dim)], 1
        )
        given["words_bias"][:, 6:] = MASKED
    long |= {name: short[name] for name in ("latents", "exemplars")}
    torch.testing.assert_close(network(**short), network(**long), rtol=0, atol=1e-5)


@pytest.mark.parametrize("slots", [1, 2])
def test_masked_slots_are_as_good_as_none(network: MiniTransformer, slots: int) -> None:
    three = inputs()
    three["exemplars_bias"][:, slots:] = MASKED
    fewer = {"exemplars": three["exemplars"][:, :slots], "exemplars_bias": three["exemplars_bias"][:, :slots]}
    torch.testing.assert_close(network(**three | fewer), network(**three), rtol=0, atol=1e-5)


def test_a_row_does_not_depend_on_its_company(network: MiniTransformer) -> None:
    given = inputs(rows=3)
    alone = network(**{name: tensor[1:2] for name, tensor in given.items()})
    torch.testing.assert_close(network(**given)[1:2], alone, rtol=0, atol=1e-5)


def test_a_lighter_word_counts_less(network: MiniTransformer) -> None:
    given = inputs()
    given["words_bias"][:, 1:] = MASKED
    alone = network(**given)

    def distance(weight: float) -> float:
        bias = given["words_bias"].clone()
        bias[:, 1] = math.log(weight)
        return float((network(**given | {"words_bias": bias}) - alone).norm())

    distances = [distance(weight) for weight in (0.001, 0.05, 0.3, 1.0)]
    assert distances == sorted(distances)
    assert distances[0] < 0.05 * distances[-1]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (6, 10), (12, 5), (12, 12), (2, 28)])
def test_any_shape_works(network: MiniTransformer, height: int, width: int) -> None:
    given = inputs(height, width)
    estimate = network(**given)
    assert estimate.shape == given["latents"].shape
    assert estimate.isfinite().all()


def test_positions_are_symmetric_about_the_middle() -> None:
    grid = positions(3, 4, 6.0, 8.0).view(3, 4, 2)
    torch.testing.assert_close(grid, -grid.flip(0, 1))
    torch.testing.assert_close(grid[0, 0], torch.tensor([-2.0, -3.0]))
    torch.testing.assert_close(positions(4, 3, 8.0, 6.0).view(4, 3, 2).transpose(0, 1).flip(-1), grid)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 16), (4, 16), (5, 12)])
def test_pictures_of_any_resolution_span_the_same_area(height: int, width: int) -> None:
    grid = picture_positions(height, width).view(height, width, 2)
    step_y, step_x = grid[1, 0, 0] - grid[0, 0, 0], grid[0, 1, 1] - grid[0, 0, 1]
    assert float(step_y * height * step_x * width) == pytest.approx(NATIVE_SIDE**2, rel=1e-5)
    assert float(step_y) == pytest.approx(float(step_x), rel=1e-5)  # cells are square
    torch.testing.assert_close(
        picture_positions(width, height).view(width, height, 2).transpose(0, 1).flip(-1), grid
    )


def test_rotary_attention_depends_on_relative_places_alone() -> None:
    generator = torch.Generator().manual_seed(3)
    query, key = torch.randn(2, 1, 1, 5, 16, generator=generator)
    points = torch.randn(5, 2, generator=generator)

    def logits(at: Tensor) -> Tensor:
        angles = rotary_angles(at, 16)
        turned = [rotate(x, angles.cos(), angles.sin()) for x in (query, key)]
        return turned[0] @ turned[1].mT

    moved = points + torch.tensor([1.5, -0.7])
    torch.testing.assert_close(logits(moved), logits(points), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(points * 2), logits(points), atol=0.1)


def test_rotation_keeps_lengths() -> None:
    x, angles = torch.randn(1, 2, 5, 16), torch.randn(5, 8)
    torch.testing.assert_close(rotate(x, angles.cos(), angles.sin()).norm(dim=-1), x.norm(dim=-1))


def test_the_written_out_attention_equals_the_fused_one() -> None:
    generator = torch.Generator().manual_seed(2)
    query, key, value = torch.randn(3, 2, 4, 7, 16, generator=generator)
    bias = torch.randn(2, 1, 1, 7, generator=generator)
    bias[0, ..., 5:] = MASKED
    fused = attend(query, key, value, bias)
    written_out = attend(query.requires_grad_(), key, value, bias)
    assert fused.grad_fn is None and written_out.grad_fn is not None
    torch.testing.assert_close(written_out.detach(), fused, rtol=1e-5, atol=1e-6)


def test_a_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(1)
    network = MiniTransformer(TINY)
    with (
        torch.no_grad()
    ):  # layers that start at zero block the gradient of those before them for the first step only
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    given = inputs()
    given["words_bias"][0] = MASKED  # so that the null word is used, too
    network(**given).square().mean().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert silent == []


def test_a_fresh_network_estimates_a_plain_zero() -> None:
    assert not MiniTransformer(TINY)(**inputs()).any()


def test_a_row_of_noise_levels_is_told_apart(network: MiniTransformer) -> None:
    given = inputs()
    same = given | {"latents": given["latents"][:1].repeat(2, 1, 1, 1)}
    levels = [
        network(**same | {"sigmas": torch.full((2,), level)})[0] for level in (0.0, 0.01, 0.5, 0.99, 1.0)
    ]
    for first, second in itertools.pairwise(levels):
        assert not torch.allclose(first, second, atol=1e-4)


def test_the_norm_has_unit_mean_square_whatever_the_scale() -> None:
    norm = RMSNorm(32)
    for scale in (0.1, 1.0, 1000.0):
        out = norm(torch.randn(4, 32) * scale)
        torch.testing.assert_close(out.square().mean(-1), torch.ones(4), rtol=1e-2, atol=1e-2)


def test_the_committed_configuration() -> None:
    config = TransformerConfig()
    assert (config.heads, config.hidden, config.exemplar_tokens) == (3, 512, 16)
    assert config.dim % config.head_dim == 0
    count = sum(p.numel() for p in MiniTransformer(config).parameters())
    assert 3e6 < count < 7.5e6  # with the autoencoder in fp16, 16 MB
    assert dataclasses.asdict(config) == dataclasses.asdict(transformer.MiniTransformer().config)
