"""DPM-Solver++(2M) as diffusers computes it, on the noise levels of a rectified-flow model's own scheduler."""

from __future__ import annotations

import warnings
from typing import Any

from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler


class FlowDpm(DPMSolverMultistepScheduler):
    """A step of diffusers' solver; the levels, which it would space otherwise, are those of another scheduler.

    Pipelines of flow models hand their levels to `set_timesteps`, which the solver alone does not take.
    """

    levels: FlowMatchEulerDiscreteScheduler

    @classmethod
    def over(cls, levels: FlowMatchEulerDiscreteScheduler) -> FlowDpm:
        solver = cls(prediction_type="flow_prediction", use_flow_sigmas=True, solver_order=2)
        solver.levels = levels
        solver.register_to_config(
            **{name: value for name, value in levels.config.items() if name not in solver.config}
        )
        return solver

    def set_timesteps(
        self, num_inference_steps: int | None = None, device: Any = None, sigmas: Any = None, mu: Any = None
    ) -> None:
        with warnings.catch_warnings():  # diffusers gives numpy 2 a tensor
            warnings.simplefilter("ignore", DeprecationWarning)
            super().set_timesteps(len(sigmas), device=device)
        self.levels.set_timesteps(sigmas=sigmas, mu=mu, device=device)
        self.sigmas, self.timesteps = self.levels.sigmas, self.levels.timesteps
