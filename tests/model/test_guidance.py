"""The rules of guidance against what they promise: identity at scale 1, norms kept or limited, no sample touched by another."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.guidance import GUIDANCE_RULES, linear, norm_limit, token_norm

SHAPE = (1, 4, 6, 8)
SIGMA = torch.tensor([0.7])


def latents(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The noisy latent, the conditional and the unconditional estimate."""
    generator = torch.Generator().manual_seed(seed)
    x, conditional, unconditional = (torch.randn(SHAPE, generator=generator) for _ in range(3))
    return x, conditional, unconditional


def tokens(velocity: torch.Tensor) -> torch.Tensor:
    """(1, C, h, w) -> (h/2 * w/2, 4 C), written out position by position."""
    _, _, height, width = velocity.shape
    return torch.stack(
        [
            velocity[0, :, top : top + 2, left : left + 2].flatten()
            for top in range(0, height, 2)
            for left in range(0, width, 2)
        ]
    )


@pytest.mark.parametrize("rule", GUIDANCE_RULES.values(), ids=GUIDANCE_RULES.keys())
@given(seed=st.integers(0, 2**31))
def test_scale_1_is_the_conditional_estimate(rule, seed):
    x, conditional, unconditional = latents(seed)
    assert torch.allclose(rule(x, SIGMA, conditional, unconditional, 1.0), conditional, atol=1e-5)


def test_linear_extrapolates_from_the_unconditional_estimate():
    x, conditional, unconditional = latents()
    expected = -3.0 * unconditional + 4.0 * conditional
    assert torch.allclose(linear(x, SIGMA, conditional, unconditional, 4.0), expected, atol=1e-5)


@given(seed=st.integers(0, 2**31), scale=st.floats(0.5, 20.0))
def test_token_norm_keeps_the_conditional_norm_and_the_guided_direction_of_every_token(seed, scale):
    x, conditional, unconditional = latents(seed)
    kept = tokens(x - token_norm(x, SIGMA, conditional, unconditional, scale))
    guided = tokens(x - linear(x, SIGMA, conditional, unconditional, scale))
    assert torch.allclose(kept.norm(dim=1), tokens(x - conditional).norm(dim=1), rtol=1e-4)
    assert torch.allclose(torch.cosine_similarity(kept, guided, dim=1), torch.ones(len(kept)), atol=1e-4)


def test_token_norm_is_the_same_whatever_the_noise_level():
    x, conditional, unconditional = latents()
    for sigma in (0.02, 1.0):
        velocity = (x - conditional) / sigma, (x - unconditional) / sigma
        guided = velocity[1] + 4.0 * (velocity[0] - velocity[1])
        ratio = tokens(velocity[0]).norm(dim=1) / tokens(guided).norm(dim=1)
        expected = x[0, :, 2, 5] - sigma * guided[0, :, 2, 5] * ratio[1 * 4 + 2]
        got = token_norm(x, torch.tensor([sigma]), conditional, unconditional, 4.0)[0, :, 2, 5]
        assert torch.allclose(got, expected, atol=1e-5)


def test_a_token_without_a_velocity_stays_where_it_is():
    x = torch.ones(SHAPE)
    assert torch.equal(token_norm(x, SIGMA, x, x, 4.0), x)
    assert torch.equal(norm_limit(x, SIGMA, x, x, 4.0), x)


@given(seed=st.integers(0, 2**31), scale=st.floats(0.5, 20.0))
def test_norm_limit_shortens_what_is_longer_than_the_conditional_and_leaves_the_rest(seed, scale):
    x, conditional, unconditional = latents(seed)
    limited = x - norm_limit(x, SIGMA, conditional, unconditional, scale)
    guided = x - linear(x, SIGMA, conditional, unconditional, scale)
    limit = (x - conditional).norm()
    assert torch.allclose(limited.norm(), torch.minimum(guided.norm(), limit), rtol=1e-4)
    assert torch.allclose(limited / limited.norm(), guided / guided.norm(), atol=1e-5)


@pytest.mark.parametrize("rule", GUIDANCE_RULES.values(), ids=GUIDANCE_RULES.keys())
def test_a_sample_is_guided_as_if_it_were_alone(rule):
    """Norms are taken within a sample: a batch of two is two batches of one."""
    ours, other = latents(1), latents(2)
    both = rule(
        *(torch.cat(pair) if i != 1 else SIGMA for i, pair in enumerate(_with_sigma(ours, other))), 5.0
    )
    x, conditional, unconditional = ours
    assert torch.allclose(both[:1], rule(x, SIGMA, conditional, unconditional, 5.0), atol=1e-6)


def _with_sigma(ours, other):
    x, conditional, unconditional = zip(ours, other, strict=True)
    return x, (SIGMA, SIGMA), conditional, unconditional
