"""Noise levels and times are those of diffusers' schedulers, for every configuration that we say we read."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
)

from darkroom.core.errors import ModelError
from darkroom.model.families.noise import DiffusionNoise, FlowNoise

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
"""diffusers' schedulers hand tensors to numpy in a way that numpy 2 warns of."""

KINDS = {
    "euler": EulerDiscreteScheduler,
    "ddim": DDIMScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}
BETAS = [
    {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"trained_betas": [0.001 * i for i in range(1, 200)], "num_train_timesteps": 199},
]


def config_of(scheduler: Any) -> dict[str, object]:
    """What the folder would hold; defaults are left out, so that ours have to be right."""
    given = {
        key: value
        for key, value in scheduler.config.items()
        if not key.startswith("_") or key == "_class_name"
    }
    return {**given, "_class_name": type(scheduler).__name__}


def sigmas_of(scheduler: Any) -> list[float]:
    """The levels of the steps; DDIM tells them by its alphas."""
    if hasattr(scheduler, "sigmas"):
        return [float(sigma) for sigma in scheduler.sigmas[:-1]]
    alphas = scheduler.alphas_cumprod[scheduler.timesteps]
    return [float(sigma) for sigma in ((1 - alphas) / alphas).sqrt()]


@pytest.mark.parametrize("steps", [1, 7, 50])
@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("sampler", sorted(KINDS))
@pytest.mark.parametrize("betas", BETAS, ids=["linear", "scaled_linear", "cosine", "trained"])
def test_levels_and_times_are_those_of_the_scheduler(
    betas: dict[str, Any], sampler: str, spacing: str, steps: int
) -> None:
    offset = 0 if spacing == "linspace" else 1
    theirs = KINDS[sampler](**betas, timestep_spacing=spacing, steps_offset=offset)
    theirs.set_timesteps(steps)
    noise = DiffusionNoise(config_of(theirs))
    assert noise.sampler == sampler
    ours = noise.levels(steps, sampler=sampler, positions=1)
    assert ours.sigmas[-1] == 0
    assert ours.sigmas[:-1] == pytest.approx(sigmas_of(theirs), rel=1e-5)
    times = noise.times(torch.tensor(ours.sigmas[:-1]))
    torch.testing.assert_close(times, theirs.timesteps.float(), rtol=0, atol=2e-3)


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_karras_levels_and_their_times(sampler: str) -> None:
    theirs = KINDS[sampler](**BETAS[1], use_karras_sigmas=True)
    theirs.set_timesteps(12)
    noise = DiffusionNoise(config_of(theirs))
    ours = noise.levels(12, sampler=sampler, positions=1)
    assert ours.sigmas[:-1] == pytest.approx(sigmas_of(theirs), rel=1e-4)
    times = noise.times(torch.tensor(ours.sigmas[:-1]))
    torch.testing.assert_close(times, theirs.timesteps.float(), rtol=0, atol=5e-3)


def test_defaults_of_each_scheduler_are_known() -> None:
    for sampler, kind in KINDS.items():
        theirs = kind()
        theirs.set_timesteps(9)
        ours = DiffusionNoise({"_class_name": kind.__name__}).levels(9, sampler=sampler, positions=1)
        assert ours.sigmas[:-1] == pytest.approx(sigmas_of(theirs), rel=1e-5)


def test_whole_times_are_exact_and_others_stay_between() -> None:
    noise = DiffusionNoise({"_class_name": "EulerDiscreteScheduler", **BETAS[1]})
    every = torch.tensor(noise.table)
    assert torch.equal(noise.times(every), torch.arange(1000.0))
    assert torch.equal(noise.times(every * (1 + 1e-7)), torch.arange(1000.0))
    between = noise.times((every[1:] + every[:-1]) / 2)
    torch.testing.assert_close(between, torch.arange(999.0) + 0.5, rtol=0, atol=1e-3)
    assert noise.times(torch.tensor([1e9, 1e-9])).tolist() == [999.0, 0.0]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_estimate_undoes_what_a_perfect_network_says(prediction: str) -> None:
    noise = DiffusionNoise({"_class_name": "DDIMScheduler", "prediction_type": prediction})
    x0, n = torch.randn(2, 3, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0)).squeeze(2)
    sigmas = torch.tensor([0.1, 1.0, 8.0])
    wide = sigmas.view(-1, 1, 1, 1)
    latents = x0 + wide * n
    alpha = 1 / (1 + wide**2).sqrt()
    said = {"epsilon": n, "sample": x0, "v_prediction": alpha * n - wide * alpha * x0}[prediction]
    torch.testing.assert_close(noise.estimate(latents, sigmas, said), x0, rtol=0, atol=1e-5)
    torch.testing.assert_close(noise.entering(latents, sigmas), alpha * x0 + wide * alpha * n)


def test_pure_noise_starts_where_each_scheduler_wants_it() -> None:
    for spacing in ("leading", "trailing", "linspace"):
        theirs = EulerDiscreteScheduler(**BETAS[1], timestep_spacing=spacing)
        theirs.set_timesteps(10)
        ours = DiffusionNoise(config_of(theirs)).levels(10, sampler="euler", positions=1)
        assert ours.noise_scale == pytest.approx(float(theirs.init_noise_sigma), rel=1e-5)
    ours = DiffusionNoise({"_class_name": "DDIMScheduler"}).levels(10, sampler="ddim", positions=1)
    assert ours.noise_scale == pytest.approx(math.hypot(1, ours.sigmas[0]))


def test_schedulers_that_we_lack_are_told_or_replaced_with_a_note() -> None:
    near = DiffusionNoise({"_class_name": "PNDMScheduler"})
    assert near.sampler == "dpmpp_2m"
    assert "asks for PNDMScheduler" in near.notes[0]
    for usual, notes in (("dpmsolver++", 0), ("sde-dpmsolver++", 1)):
        config = {
            "_class_name": "DPMSolverMultistepScheduler",
            "algorithm_type": usual,
            "lambda_min_clipped": -math.inf,
        }
        assert len(DiffusionNoise(config).notes) == notes
    with pytest.raises(ModelError, match="cannot be drawn with LCMScheduler"):
        DiffusionNoise({"_class_name": "LCMScheduler"})
    with pytest.raises(ModelError, match="cannot be drawn with DDIMScheduler"):
        FlowNoise({"_class_name": "DDIMScheduler"})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"use_beta_sigmas": True}, "use_beta_sigmas"),
        ({"prediction_type": "flow"}, "predicts 'flow'"),
        ({"beta_schedule": "sigmoid"}, "beta_schedule 'sigmoid'"),
        ({"beta_end": "high"}, "beta_end must be a number"),
        ({"num_train_timesteps": 10**9}, "num_train_timesteps"),
        ({"rescale_betas_zero_snr": True}, "predicts v"),
        ({"timestep_type": "continuous"}, "timestep_type is 'continuous'"),
        ({"lambda_min_clipped": -5.1}, "clips its noise levels"),
    ],
)
def test_configurations_that_we_cannot_read_are_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        DiffusionNoise({"_class_name": "EulerDiscreteScheduler", **config})


def test_spacings_and_numbers_of_steps_out_of_bounds_are_refused() -> None:
    odd = DiffusionNoise({"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "golden"})
    with pytest.raises(ModelError, match="'golden'"):
        odd.levels(5, sampler="euler", positions=1)
    for steps in (0, 1000):
        with pytest.raises(ModelError, match="from 1 to 999"):
            DiffusionNoise({"_class_name": "DDIMScheduler"}).levels(steps, sampler="ddim", positions=1)


@pytest.mark.parametrize("steps", [1, 4, 28])
@pytest.mark.parametrize(
    "config",
    [{}, {"shift": 3.0}, {"shift_terminal": 0.02, "shift": 1.5}],
    ids=["plain", "shifted", "terminal"],
)
def test_flow_levels_are_those_of_the_scheduler(config: dict[str, Any], steps: int) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(**config)
    if steps == 1 and "shift_terminal" in config:
        pytest.skip("one step cannot both start at 1 and end at the terminal level")
    theirs.set_timesteps(steps)
    noise = FlowNoise(config_of(theirs))
    ours = noise.levels(steps, sampler="euler", positions=1)
    assert ours.sigmas == pytest.approx([float(sigma) for sigma in theirs.sigmas], rel=1e-5)
    times = noise.times(torch.tensor(ours.sigmas[:-1]))
    torch.testing.assert_close(times, theirs.timesteps, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", ["exponential", "linear"])
@pytest.mark.parametrize("positions", [256, 1024, 4096])
def test_dynamic_shifts_follow_the_size_of_the_picture(positions: int, kind: str) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, time_shift_type=kind, shift_terminal=0.02
    )
    noise = FlowNoise(config_of(theirs), last=lambda steps: 1 / steps)
    theirs.set_timesteps(sigmas=[1 - i / 9 for i in range(9)], mu=noise.mu(positions))
    ours = noise.levels(9, sampler="euler", positions=positions)
    assert ours.sigmas == pytest.approx([float(sigma) for sigma in theirs.sigmas], rel=1e-5)
    assert noise.mu(256) == pytest.approx(0.5)
    assert noise.mu(4096) == pytest.approx(1.15)


@pytest.mark.parametrize(
    "key", ["use_karras_sigmas", "use_exponential_sigmas", "invert_sigmas", "stochastic_sampling"]
)
def test_flow_configurations_that_we_lack_are_refused(key: str) -> None:
    with pytest.raises(ModelError, match=key):
        FlowNoise({"_class_name": "FlowMatchEulerDiscreteScheduler", key: True})
