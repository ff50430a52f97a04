"""What a folder's scheduler_config.json says of noise: which levels an image visits, and how the network sees them.

Everything is told in the convention of `denoiser.py`: sigma per row, estimates of x0. Knows no network and no request.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.model.families.trained import Config, interpolated, number, text, train_steps, trained_sigmas
from darkroom.model.schedules import karras_sigmas

SNAP = 1e-3  # of a training step: times so near a whole one are that one, so that rounding leaves no trace


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The noise levels of one image, and what pure noise of unit variance is multiplied with to stand at the first."""

    sigmas: tuple[float, ...]
    noise_scale: float


class Noise(Protocol):
    """The noise of a model: `positions` is the number of places that its network attends to in an image."""

    @property
    def sampler(self) -> str:
        """The sampler that the folder asks for, or the nearest that there is."""
        ...

    @property
    def samplers(self) -> frozenset[str]:
        """What it can be drawn with."""
        ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def scaled(self) -> bool:
        """Whether latents are x0 + sigma n, and not on the straight line of rectified flow."""
        ...

    def levels(self, steps: int, *, sampler: str, positions: int) -> Levels: ...

    def mixed(self, init: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """A picture's latent under noise of unit variance at a level: all (C, h, w)."""
        ...

    def entering(self, latents: Tensor, sigmas: Tensor) -> Tensor:
        """What the network reads: (R, C, h, w), (R,) fp32 -> (R, C, h, w) fp32."""
        ...

    def times(self, sigmas: Tensor) -> Tensor:
        """(R,) fp32 -> (R,) fp32 on the scale of training steps."""
        ...

    def estimate(self, latents: Tensor, sigmas: Tensor, output: Tensor) -> Tensor:
        """x0 (R, C, h, w) fp32 of what the network said."""
        ...


@dataclass(frozen=True)
class _Kind:
    """A class of diffusers' schedulers: our sampler for it, its usual spacing of steps, and whether it is only near."""

    sampler: str
    spacing: str
    near: bool = False


_KINDS = {
    "EulerDiscreteScheduler": _Kind("euler", "linspace"),
    "EulerAncestralDiscreteScheduler": _Kind("euler_ancestral", "linspace"),
    "HeunDiscreteScheduler": _Kind("heun", "linspace"),
    "DDIMScheduler": _Kind("ddim", "leading"),
    "DPMSolverMultistepScheduler": _Kind("dpmpp_2m", "linspace"),
    "PNDMScheduler": _Kind("dpmpp_2m", "leading", near=True),
    "LMSDiscreteScheduler": _Kind("dpmpp_2m", "linspace", near=True),
    "DPMSolverSinglestepScheduler": _Kind("dpmpp_2m", "linspace", near=True),
    "DEISMultistepScheduler": _Kind("dpmpp_2m", "linspace", near=True),
    "UniPCMultistepScheduler": _Kind("dpmpp_2m", "linspace", near=True),
    "DDPMScheduler": _Kind("ddim", "leading", near=True),
}
_DPM_USUAL = {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint"}
"""What DPM-Solver++(2M) is among the settings of diffusers' multistep solver."""
_EULER_LIKE = frozenset({"euler", "heun", "euler_ancestral"})
_NEAR = "the model's folder asks for {asked}, which Darkroom does not have; it draws with {sampler} instead"


class DiffusionNoise:
    """A variance-preserving model, drawn in the scaled space x / sqrt(alpha-bar) = x0 + sigma n (EDM, section 3).

    A schedule always ends at 0, also where a folder's scheduler would stop at the least level of training.
    """

    scaled = True

    def __init__(self, config: Config) -> None:
        name = str(config.get("_class_name", ""))
        kind = _KINDS.get(name)
        if kind is None:
            known = ", ".join(sorted(_KINDS))
            raise ModelError(
                f"a model of this family cannot be drawn with {name or 'no scheduler'}; known are {known}"
            )
        self.config = config
        self.sampler = kind.sampler
        self.samplers = frozenset({"euler", "heun", "ddim", "dpmpp_2m", "euler_ancestral"})
        near = kind.near or any(config.get(key, usual) != usual for key, usual in _DPM_USUAL.items())
        self.notes = (_NEAR.format(asked=name, sampler=kind.sampler),) if near else ()
        self.spacing = text(config, "timestep_spacing", kind.spacing)
        self.prediction = text(config, "prediction_type", "epsilon")
        if self.prediction not in ("epsilon", "v_prediction", "sample"):
            raise ModelError(
                f"the scheduler predicts {self.prediction!r}; known are epsilon, v_prediction, sample"
            )
        _refuse_odd(config)
        self.karras = bool(config.get("use_karras_sigmas"))
        self.offset = int(number(config, "steps_offset", 0))
        self.table = trained_sigmas(config, self.prediction)
        self._table = torch.tensor(self.table, dtype=torch.float64)
        cosine = config.get("beta_schedule") == "squaredcos_cap_v2"
        self._whole_times = name == "DPMSolverMultistepScheduler" and self.karras and not cosine

    @property
    def train_steps(self) -> int:
        return len(self.table)

    def levels(self, steps: int, *, sampler: str, positions: int) -> Levels:
        if not 1 <= steps < self.train_steps:
            raise ModelError(f"{steps} steps: this model can take from 1 to {self.train_steps - 1}")
        times = self._spaced(steps, sampler)
        table = self.table
        sigmas = [interpolated(table, min(max(t, 0.0), self.train_steps - 1.0)) for t in times]
        if self.karras:
            high, low = (sigmas[0], sigmas[-1]) if sampler in _EULER_LIKE else (table[-1], table[0])
            high, low = number(self.config, "sigma_max", high), number(self.config, "sigma_min", low)
            sigmas = list(karras_sigmas(steps, sigma_min=low, sigma_max=high))[:-1]
        first = sigmas[0]
        plain = sampler in _EULER_LIKE and self.spacing != "leading"
        return Levels(sigmas=(*sigmas, 0.0), noise_scale=first if plain else math.sqrt(1 + first * first))

    def mixed(self, init: Tensor, noise: Tensor, sigma: float) -> Tensor:
        return init + sigma * noise

    def entering(self, latents: Tensor, sigmas: Tensor) -> Tensor:
        return latents / _wide((sigmas * sigmas + 1).sqrt())

    def times(self, sigmas: Tensor) -> Tensor:
        """Between the levels of training times are interpolated, on the way that the folder's scheduler goes."""
        table = self._table = self._table.to(sigmas.device)
        levels = sigmas.double().clamp(table[0], table[-1])
        if self.karras:
            table, levels = table.log(), levels.log()
        above = torch.searchsorted(table, levels).clamp(1, self.train_steps - 1)
        low, high = table[above - 1], table[above]
        times = (above - 1) + (levels - low) / (high - low)
        whole = times.round()
        near = torch.ones_like(times, dtype=torch.bool) if self._whole_times else (times - whole).abs() < SNAP
        return torch.where(near, whole, times).float()

    def estimate(self, latents: Tensor, sigmas: Tensor, output: Tensor) -> Tensor:
        sigma = _wide(sigmas)
        if self.prediction == "epsilon":
            return latents - sigma * output
        if self.prediction == "sample":
            return output
        square = sigma * sigma + 1
        return latents / square - sigma / square.sqrt() * output

    def _spaced(self, steps: int, sampler: str) -> list[float]:
        """The training times of the steps, falling ("Common Diffusion Noise Schedules", arXiv 2305.08891, table 2)."""
        last, extra = self.train_steps, 1 if sampler.startswith("dpmpp") else 0
        if self.spacing == "leading":
            stride = last // (steps + extra)
            times = [float(i * stride + self.offset) for i in range(steps + extra)][::-1]
            return times[:steps]
        if self.spacing == "trailing":
            return [float(round(last - i * last / steps) - 1) for i in range(steps)]
        if self.spacing != "linspace":
            raise ModelError(
                f"the scheduler spaces its steps {self.spacing!r}; known are leading, linspace, trailing"
            )
        count = steps + extra
        times = [i * (last - 1) / max(count - 1, 1) for i in range(count)][::-1][:steps]
        return times if sampler in _EULER_LIKE else [float(round(t)) for t in times]


class FlowNoise:
    """Rectified flow, x = (1 - sigma) x0 + sigma n, with the shifts that a folder asks for (SD3, arXiv 2403.03206).

    `last` gives the level of the last step, before shifting, for a number of steps; without it, that of training.
    """

    scaled = False

    def __init__(self, config: Config, *, last: Callable[[int], float] | None = None) -> None:
        name = str(config.get("_class_name", "FlowMatchEulerDiscreteScheduler"))
        near = name != "FlowMatchEulerDiscreteScheduler"
        if near and not name.startswith(("FlowMatch", "DPMSolver", "UniPC")):
            raise ModelError(
                f"a model of this family cannot be drawn with {name}; FlowMatchEulerDiscreteScheduler would do"
            )
        for key in (
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "invert_sigmas",
            "stochastic_sampling",
        ):
            if config.get(key):
                raise ModelError(
                    f"the scheduler asks for {key}, which Darkroom does not have for rectified flow"
                )
        self.config = config
        self.train_steps = train_steps(config)
        self.dynamic = bool(config.get("use_dynamic_shifting"))
        self.shift = number(config, "flow_shift" if "flow_shift" in config else "shift", 1.0)
        self.shift_kind = text(config, "time_shift_type", "exponential")
        self.terminal = number(config, "shift_terminal", 0.0)
        self.sampler = {"FlowMatchHeunDiscreteScheduler": "heun"}.get(
            name, "dpmpp_2m_flow" if near and not name.startswith("FlowMatch") else "euler"
        )
        self.samplers = frozenset({"euler", "heun", "dpmpp_2m_flow", "euler_ancestral_flow", "ddim"})
        self.notes: tuple[str, ...] = ()
        self._last = last

    def levels(self, steps: int, *, sampler: str, positions: int) -> Levels:
        last = self._last(steps) if self._last else self._trained(1 / self.train_steps)
        even = [1 + (last - 1) * i / max(steps - 1, 1) for i in range(steps)]
        shifted = [self._moved(t, positions) for t in even]
        if self.terminal and steps > 1:
            stretch = (1 - shifted[-1]) / (1 - self.terminal)
            shifted = [1 - (1 - t) / stretch for t in shifted]
        return Levels(sigmas=(*(t for t in shifted if t > 0), 0.0), noise_scale=1.0)

    def mixed(self, init: Tensor, noise: Tensor, sigma: float) -> Tensor:
        return (1 - sigma) * init + sigma * noise

    def entering(self, latents: Tensor, sigmas: Tensor) -> Tensor:
        return latents

    def times(self, sigmas: Tensor) -> Tensor:
        return sigmas * self.train_steps

    def estimate(self, latents: Tensor, sigmas: Tensor, output: Tensor) -> Tensor:
        """The network says the velocity n - x0."""
        return latents - _wide(sigmas) * output

    def _trained(self, t: float) -> float:
        return t if self.dynamic else _shifted(t, self.shift)

    def _moved(self, t: float, positions: int) -> float:
        if not self.dynamic:
            return _shifted(t, self.shift)
        mu = self.mu(positions)
        factor = mu if self.shift_kind == "linear" else math.exp(mu)
        return factor / (factor + (1 / t - 1)) if t > 0 else 0.0

    def mu(self, positions: int) -> float:
        """How far a dynamic shift moves: linear in the number of positions, through (base, base) and (max, max)."""
        low, high = (
            number(self.config, "base_image_seq_len", 256),
            number(self.config, "max_image_seq_len", 4096),
        )
        base, most = number(self.config, "base_shift", 0.5), number(self.config, "max_shift", 1.15)
        return base + (most - base) * (positions - low) / (high - low)


def _refuse_odd(config: Config) -> None:
    """Raises ModelError for settings that would change the noise levels in ways that are not written here."""
    for key in ("use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "use_flow_sigmas"):
        if config.get(key):
            raise ModelError(
                f"the scheduler asks for {key}, which Darkroom does not have; use_karras_sigmas it has"
            )
    for key, usual in (("timestep_type", "discrete"), ("interpolation_type", "linear")):
        if text(config, key, usual) != usual:
            raise ModelError(f"the scheduler's {key} is {config[key]!r}; Darkroom has {usual!r} alone")
    clipped = config.get("lambda_min_clipped")
    if isinstance(clipped, (int, float)) and math.isfinite(clipped):
        raise ModelError("the scheduler clips its noise levels (lambda_min_clipped), which Darkroom does not")


def _shifted(t: float, shift: float) -> float:
    return shift * t / (1 + (shift - 1) * t)


def _wide(per_row: Tensor) -> Tensor:
    """(R,) -> (R, 1, 1, 1)."""
    return per_row.view(-1, 1, 1, 1)
