"""Samplers against the exact solution for Gaussian data, and against each other's limits.

For data N(m, s^2) the best denoiser and the path of the probability-flow ODE are both known in closed form: x keeps
its distance from the mean in units of the standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from darkroom.model.samplers import (
    SAMPLERS,
    History,
    Sampler,
    ddim,
    dpmpp_2m,
    dpmpp_2m_flow,
    euler,
    euler_ancestral,
    euler_ancestral_flow,
    heun,
)
from darkroom.model.schedules import flow_sigmas, karras_sigmas

MEAN, SPREAD = 0.7, 0.4
SIGMA_MAX, SIGMA_MIN = 20.0, 0.02

Form = tuple[Callable[[Tensor], Tensor], Callable[[int], tuple[float, ...]]]  # alpha(sigma), schedule(steps)
FLOW: Form = (lambda sigma: 1 - sigma, lambda steps: flow_sigmas(steps))
EXPLODING: Form = (
    torch.ones_like,
    lambda steps: karras_sigmas(steps, sigma_min=SIGMA_MIN, sigma_max=SIGMA_MAX),
)
FORM_OF = {
    "euler": [FLOW, EXPLODING],
    "ddim": [FLOW, EXPLODING],
    "heun": [FLOW, EXPLODING],
    "dpmpp_2m": [EXPLODING],
    "dpmpp_2m_flow": [FLOW],
}
CASES = [(name, form) for name, forms in FORM_OF.items() for form in forms]
IDS = [f"{name}-{'flow' if form is FLOW else 've'}" for name, form in CASES]


def exact_denoiser(x: Tensor, sigma: Tensor, form: Form) -> Tensor:
    alpha = form[0](sigma)
    variance = alpha**2 * SPREAD**2 + sigma**2
    return MEAN + alpha * SPREAD**2 / variance * (x - alpha * MEAN)


def exact_path(x: Tensor, sigma: float, sigma_end: float, form: Form) -> Tensor:
    ends = torch.tensor([sigma, sigma_end], dtype=x.dtype)
    alpha = form[0](ends)
    deviation = (alpha**2 * SPREAD**2 + ends**2).sqrt()
    return alpha[1] * MEAN + (x - alpha[0] * MEAN) * deviation[1] / deviation[0]


def integrate(sampler: Sampler, x: Tensor, sigmas: tuple[float, ...], form: Form) -> Tensor:
    ticks = sampler.ticks(sigmas)
    history = None
    for level, level_next in pairwise(ticks):
        sigma = torch.full((len(x),), level, dtype=x.dtype)
        sigma_next = torch.full((len(x),), level_next, dtype=x.dtype)
        denoised = exact_denoiser(x, sigma.view(-1, 1, 1, 1), form)
        past = History(x=x, denoised=denoised, sigma=sigma)
        x, history = sampler.step(x, denoised, sigma, sigma_next, history), past
    return x


def start(form: Form, dtype: torch.dtype = torch.float64) -> Tensor:
    noise = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return (noise * form[1](2)[0]).to(dtype)


def error(name: str, form: Form, steps: int) -> float:
    """The greatest error where the schedule ends; Karras' one without its step to 0, that no number of steps refines."""
    x = start(form)
    sigmas = form[1](steps)[: None if form is FLOW else -1]
    return float(
        (integrate(SAMPLERS[name], x, sigmas, form) - exact_path(x, sigmas[0], sigmas[-1], form)).abs().max()
    )


@pytest.mark.parametrize(("name", "form"), CASES, ids=IDS)
def test_error_falls_with_the_order_of_the_method(name: str, form: Form) -> None:
    orders = [math.log2(error(name, form, n) / error(name, form, 2 * n)) for n in (64, 128)]
    # From sigma 1, where its lambda has no bound, 2M's error falls as log(N) / N^2.
    expected = {"euler": 1.0, "ddim": 1.0, "dpmpp_2m_flow": 1.75}.get(name, 2.0)
    assert orders == pytest.approx([expected] * 2, abs=0.12)


def test_2m_flow_is_of_second_order_where_lambda_is_bounded() -> None:
    x, errors = start(FLOW), []
    for steps in (64, 128):
        inner = tuple(0.9 - 0.8 * i / steps for i in range(steps + 1))
        found = integrate(SAMPLERS["dpmpp_2m_flow"], x, inner, FLOW)
        errors.append(float((found - exact_path(x, inner[0], inner[-1], FLOW)).abs().max()))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("name", "form"), CASES, ids=IDS)
def test_many_steps_in_fp32_reach_the_exact_solution(name: str, form: Form) -> None:
    x, sigmas = start(form, torch.float32), form[1](400)
    found = integrate(SAMPLERS[name], x, sigmas, form)
    assert found.dtype == torch.float32
    allowed = 0.02 if name in {"euler", "ddim"} else 2e-3  # of which 1.3e-3 is Karras' last step
    torch.testing.assert_close(found, exact_path(x, sigmas[0], 0.0, form), atol=allowed, rtol=0)


@pytest.mark.parametrize("name", [n for n, sampler in SAMPLERS.items() if sampler.past])
def test_second_order_beats_euler_at_equal_evaluations(name: str) -> None:
    form = FORM_OF[name][0]
    steps = 16 // SAMPLERS[name].evaluations
    assert error(name, form, steps) < 0.5 * error("euler", form, 16)


@pytest.mark.parametrize(("name", "form"), CASES, ids=IDS)
def test_a_single_step_to_zero_is_the_estimate(name: str, form: Form) -> None:
    x = start(form, torch.float32)
    level = form[1](1)[0]
    estimate = exact_denoiser(x, torch.tensor(level), form)
    torch.testing.assert_close(
        integrate(SAMPLERS[name], x, (level, 0.0), form), estimate, atol=2e-6, rtol=2e-6
    )


@pytest.mark.parametrize("step", [ddim, heun, dpmpp_2m, dpmpp_2m_flow])
def test_every_first_step_is_eulers(step: Callable[..., Tensor]) -> None:
    x, denoised = torch.randn(2, 3, 2, 4, 4).unbind()
    sigma, sigma_next = torch.tensor([1.0, 0.6, 0.3]), torch.tensor([0.9, 0.1, 0.0])
    expected = euler(x, denoised, sigma, sigma_next, None)
    torch.testing.assert_close(step(x, denoised, sigma, sigma_next, None), expected, atol=3e-6, rtol=1e-5)


def test_ddim_is_the_papers_formula_in_scaled_space() -> None:
    """Eq. 12 with eta 0: x' = sqrt(a') x0 + sqrt(1 - a') eps, where eps = (x - sqrt(a) x0) / sqrt(1 - a)."""
    x_vp, x0 = torch.randn(2, 1, 2, 4, 4, dtype=torch.float64).unbind()
    a, a_next = 0.3, 0.55
    eps = (x_vp - math.sqrt(a) * x0) / math.sqrt(1 - a)
    paper = math.sqrt(a_next) * x0 + math.sqrt(1 - a_next) * eps
    levels = [math.sqrt((1 - each) / each) for each in (a, a_next)]
    sigma, sigma_next = torch.tensor(levels, dtype=torch.float64).view(2, 1).unbind()
    ours = ddim(x_vp / math.sqrt(a), x0, sigma, sigma_next, None)
    torch.testing.assert_close(ours * math.sqrt(a_next), paper)
    torch.testing.assert_close(euler(x_vp / math.sqrt(a), x0, sigma, sigma_next, None), ours)


def test_2m_is_the_papers_formula_in_both_forms() -> None:
    """Algorithm 2, by hand: D = (1 + 1/2r) D_i - 1/2r D_(i-1), x' = s'/s x - a' (exp(-h) - 1) D."""
    x, now, before = torch.randn(3, 1, 2, 4, 4, dtype=torch.float64).unbind()
    last, here, following = 0.8, 0.5, 0.35
    for step, alpha in ((dpmpp_2m, lambda s: 1.0), (dpmpp_2m_flow, lambda s: 1 - s)):
        lam = [math.log(alpha(s) / s) for s in (last, here, following)]
        h, r = lam[2] - lam[1], (lam[1] - lam[0]) / (lam[2] - lam[1])
        mixed = (1 + 1 / (2 * r)) * now - 1 / (2 * r) * before
        paper = following / here * x - alpha(following) * (math.exp(-h) - 1) * mixed
        one = [torch.tensor([level], dtype=torch.float64) for level in (here, following, last)]
        found = step(x, now, one[0], one[1], History(x=x, denoised=before, sigma=one[2]))
        torch.testing.assert_close(found, paper)


def test_heun_visits_each_level_twice_but_the_first_and_zero() -> None:
    heuns = SAMPLERS["heun"]
    assert heuns.ticks((1.0, 0.5, 0.0)) == (1.0, 0.5, 0.5, 0.0)
    assert heuns.ticks((1.0, 0.5)) == (1.0, 0.5, 0.5), "a stopped schedule ends with its correction"
    assert SAMPLERS["euler"].ticks((1.0, 0.5, 0.0)) == (1.0, 0.5, 0.0)


def test_a_stopped_heun_is_of_second_order_too() -> None:
    x = start(FLOW)
    errors = []
    for steps in (32, 64):
        sigmas = flow_sigmas(steps)[: steps // 2 + 1]
        errors.append(
            float((integrate(SAMPLERS["heun"], x, sigmas, FLOW) - exact_path(x, 1.0, 0.5, FLOW)).abs().max())
        )
    assert 1.8 < math.log2(errors[0] / errors[1]) < 2.3


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_rows_at_mixed_levels_equal_rows_alone_bit_for_bit(name: str) -> None:
    """Among the rows: a first step from pure noise, one without a past, one in the middle, a correction, a last one."""
    generator = torch.Generator().manual_seed(1)
    x, denoised, past_x, past_denoised, noise = torch.randn(5, 5, 2, 4, 4, generator=generator).unbind()
    sigma = torch.tensor([1.0, 0.6, 0.5, 0.4, 0.2])
    sigma_next = torch.tensor([0.9, 0.5, 0.4, 0.4 if name == "heun" else 0.3, 0.0])
    past_sigma = torch.tensor([1.0, 0.6, 0.7, 0.5, 0.3])
    step = SAMPLERS[name].step
    together = step(
        x, denoised, sigma, sigma_next, History(x=past_x, denoised=past_denoised, sigma=past_sigma), noise
    )
    assert together.isfinite().all()
    for row in range(5):
        one = slice(row, row + 1)
        past = History(x=past_x[one], denoised=past_denoised[one], sigma=past_sigma[one])
        alone = step(x[one], denoised[one], sigma[one], sigma_next[one], past, noise[one])
        assert torch.equal(alone[0], together[row]), f"row {row}"
        if past_sigma[row] == sigma[row]:
            first = step(x[one], denoised[one], sigma[one], sigma_next[one], None, noise[one])
            assert torch.equal(alone, first), "a row without a past takes a first step"


def test_euler_ancestral_is_the_known_formula() -> None:
    """sigma_up^2 = s'^2 (s^2 - s'^2) / s^2, sigma_down^2 = s'^2 - sigma_up^2, x' = x + (sigma_down - s) d + sigma_up n."""
    x, x0, noise = torch.randn(3, 1, 2, 4, 4, dtype=torch.float64).unbind()
    for s, s_next in ((14.6, 9.1), (0.9, 0.2), (0.03, 0.0)):
        up = math.sqrt(s_next**2 * (s**2 - s_next**2) / s**2)
        known = x + (math.sqrt(s_next**2 - up**2) - s) * (x - x0) / s + up * noise
        sigma, sigma_next = torch.tensor([[s], [s_next]], dtype=torch.float64).unbind()
        torch.testing.assert_close(euler_ancestral(x, x0, sigma, sigma_next, None, noise), known)


@pytest.mark.parametrize(
    ("step", "alpha"), [(euler_ancestral, lambda s: 1.0), (euler_ancestral_flow, lambda s: 1 - s)]
)
def test_ancestral_steps_keep_data_and_noise_in_the_proportions_of_their_level(
    step: Callable[..., Tensor], alpha: Callable[[float], float]
) -> None:
    """Of alpha x0 + sigma n, with x0 known, it makes alpha' x0 + sigma' n', where n' is partly the old and partly new."""
    parts = torch.eye(3, dtype=torch.float64).view(3, 1, 1, 1, 3)  # x0, old noise and new noise, told apart
    x0, old, new = parts.unbind()
    for s, s_next in ((1.0, 0.8), (0.7, 0.3), (0.2, 0.15)):
        sigma, sigma_next = torch.tensor([[s], [s_next]], dtype=torch.float64).unbind()
        found = step(alpha(s) * x0 + s * old, x0, sigma, sigma_next, None, new).flatten().tolist()
        assert found[0] == pytest.approx(alpha(s_next))
        assert math.hypot(found[1], found[2]) == pytest.approx(s_next) and found[2] > 0.1 * s_next


@pytest.mark.parametrize("step", [euler_ancestral, euler_ancestral_flow])
def test_an_ancestral_step_to_zero_is_the_estimate_and_none_goes_without_noise(
    step: Callable[..., Tensor],
) -> None:
    x, x0, noise = torch.randn(3, 2, 2, 4, 4).unbind()
    sigma, zero = torch.tensor([1.0, 0.3]), torch.zeros(2)
    torch.testing.assert_close(step(x, x0, sigma, zero, None, noise), x0, atol=1e-6, rtol=1e-6)
    with pytest.raises(AssertionError, match="noise"):
        step(x, x0, sigma, zero, None)
