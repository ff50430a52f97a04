"""The noise levels that a variance-preserving model was trained on, told by the betas of its scheduler_config.json."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from darkroom.core.errors import ModelError

Config = Mapping[str, object]
"""A scheduler_config.json."""

TRAIN_STEPS_MAX = 100_000
ALPHA_BAR_LEAST = 2.0**-24  # stands for an alpha-bar of 0, whose sigma would be infinite


def trained_sigmas(config: Config, prediction: str) -> tuple[float, ...]:
    """Sigma of each training step, rising. Computed in fp32, as models were trained (DDPM, arXiv 2006.11239, section 2)."""
    alpha_bars = torch.cumprod(1 - _betas(config), dim=0)
    if config.get("rescale_betas_zero_snr"):
        if prediction == "epsilon":
            raise ModelError(
                "rescale_betas_zero_snr needs a model that predicts v: noise alone says nothing of x0"
            )
        roots = alpha_bars.sqrt()
        roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])  # arXiv 2305.08891, algorithm 1
        alpha_bars = (roots**2).clamp_min(ALPHA_BAR_LEAST)
    sigmas: list[float] = ((1 - alpha_bars) / alpha_bars).sqrt().tolist()
    return tuple(sigmas)


def _betas(config: Config) -> Tensor:
    """(T,) fp32."""
    count = train_steps(config)
    trained = config.get("trained_betas")
    if isinstance(trained, (list, tuple)):
        return torch.tensor(trained, dtype=torch.float32)
    start, end = number(config, "beta_start", 1e-4), number(config, "beta_end", 0.02)
    schedule = text(config, "beta_schedule", "linear")
    if schedule == "linear":
        return torch.linspace(start, end, count, dtype=torch.float32)
    if schedule == "scaled_linear":
        return torch.linspace(start**0.5, end**0.5, count, dtype=torch.float32) ** 2
    if schedule == "squaredcos_cap_v2":  # arXiv 2102.09672, eq. 17
        bars = [math.cos((i / count + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(count + 1)]
        return torch.tensor(
            [min(1 - bars[i + 1] / bars[i], 0.999) for i in range(count)], dtype=torch.float32
        )
    raise ModelError(f"a beta_schedule {schedule!r}; known are linear, scaled_linear and squaredcos_cap_v2")


def interpolated(table: tuple[float, ...], time: float) -> float:
    below = min(int(time), len(table) - 2)
    return table[below] + (table[below + 1] - table[below]) * (time - below)


def number(config: Config, key: str, default: float) -> float:
    value = config.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ModelError(f"the scheduler's {key} must be a number, not {value!r}")
    return float(value)


def text(config: Config, key: str, default: str) -> str:
    return str(config.get(key) or default)


def train_steps(config: Config) -> int:
    """How many levels a model was trained on."""
    count = int(number(config, "num_train_timesteps", 1000))
    if not 2 <= count <= TRAIN_STEPS_MAX:
        raise ModelError(
            f"the scheduler's num_train_timesteps must be from 2 to {TRAIN_STEPS_MAX}, not {count}"
        )
    return count
