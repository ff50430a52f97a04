"""From the estimates of a pass to samples one step on: guidance and one sampler step, fp32, outside the network.

Samples of a pass are stepped together where that is elementwise, which leaves the bits of each as they are alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.engine.corrections import corrected, is_corrected
from darkroom.engine.rows import Row, Sample
from darkroom.model.guidance import ELEMENTWISE_RULES, GUIDANCE_RULES
from darkroom.model.samplers import History, Sampler


def in_order(picked: Sequence[Sample]) -> list[Sample]:
    """The picked, the guided ones first, as `rows_of` and `stepped` want them."""
    return sorted(picked, key=lambda sample: sample.ticket.rows, reverse=True)


def rows_of(samples: Sequence[Sample]) -> list[Row]:
    """The rows of S samples, G of them guided: S conditional ones, then G unconditional ones."""
    guided = _count_guided(samples)
    return [
        *(sample.conditional for sample in samples),
        *(sample.unconditional for sample in samples[:guided]),
    ]


def finite_of(samples: Sequence[Sample], estimates: Tensor) -> list[bool]:
    """For each of S samples whether all numbers of its rows are finite. One wait for the device."""
    largest: list[float] = estimates.abs().flatten(1).amax(dim=1).tolist()  # NaN where there is one
    count, guided = len(samples), _count_guided(samples)
    return [
        math.isfinite(own) and (i >= guided or math.isfinite(largest[count + i]))
        for i, own in enumerate(largest[:count])
    ]


def stepped(samples: Sequence[Sample], estimates: Tensor, *, exact: bool) -> list[Sample]:
    """S samples one tick on, given the estimates (S + G, C, h, w) of their rows; `exact`, if their passes were."""
    x = torch.cat([sample.x for sample in samples])  # (S, C, h, w)
    denoised = _corrected(samples, _guided(samples, x, estimates.float()))  # (S, C, h, w)
    groups: dict[str, list[int]] = {}
    for i, sample in enumerate(samples):
        groups.setdefault(sample.image.prepared.sampler, []).append(i)
    if len(groups) == 1:
        moved = _moved(samples, x, denoised)
    else:
        moved = [x] * len(samples)
        for places in groups.values():
            own = [samples[i] for i in places]
            for i, each in zip(places, _moved(own, x[places], denoised[places]), strict=True):
                moved[i] = each
    estimated = _apart(denoised)
    return [
        sample.at(
            sample.step + 1,
            x=moved[i],
            denoised=estimated[i],
            past_x=sample.x if sample.image.sampler.past else None,
            exact=sample.exact and exact,
        )
        for i, sample in enumerate(samples)
    ]


def _count_guided(samples: Sequence[Sample]) -> int:
    return sum(sample.ticket.rows == 2 for sample in samples)


def _guided(samples: Sequence[Sample], x: Tensor, estimates: Tensor) -> Tensor:
    """One estimate for each of S samples, the guided ones first: (S + G, C, h, w) -> (S, C, h, w)."""
    count, guided = len(samples), _count_guided(samples)
    conditional, unconditional = estimates[:count], estimates[count:]
    if not guided:
        return conditional
    rules = {sample.image.prepared.guidance_rule for sample in samples[:guided]}
    scales = [sample.image.prepared.guidance for sample in samples[:guided]]
    sigma = _levels(samples[:guided], x, ahead=0)
    if rules <= ELEMENTWISE_RULES and len(rules) == 1:
        rule, scale = GUIDANCE_RULES[rules.pop()], _tensor(scales, x).view(-1, 1, 1, 1)
        made = [rule(x[:guided], sigma, conditional[:guided], unconditional, scale)]
    else:
        made = []
        for i in range(guided):
            own, rule = slice(i, i + 1), GUIDANCE_RULES[samples[i].image.prepared.guidance_rule]
            made.append(rule(x[own], sigma[own], conditional[own], unconditional[own], scales[i]))
    return torch.cat([*made, conditional[guided:]])


def _corrected(samples: Sequence[Sample], estimates: Tensor) -> Tensor:
    """Moves the estimates (S, C, h, w) of those that pictures have a say in, each by itself."""
    if not any(is_corrected(sample.image.prepared) for sample in samples):
        return estimates
    return torch.stack(
        [
            corrected(sample.image.prepared, estimate, sample.image.ticks[sample.step])
            for sample, estimate in zip(samples, estimates, strict=True)
        ]
    )


def _moved(samples: Sequence[Sample], x: Tensor, denoised: Tensor) -> Sequence[Tensor]:
    """One sampler's step for S samples: their new latents, (1, C, h, w) each."""
    sampler = samples[0].image.sampler
    sigma, sigma_next = _levels(samples, x, ahead=0), _levels(samples, x, ahead=1)
    history = _history(sampler, samples, x, denoised, sigma)
    noise = torch.cat([noise_of(sample) for sample in samples]) if sampler.stochastic else None
    return _apart(sampler.step(x, denoised, sigma, sigma_next, history, noise))


def _history(
    sampler: Sampler, samples: Sequence[Sample], x: Tensor, denoised: Tensor, sigma: Tensor
) -> History | None:
    """The ticks behind S samples; a sample without one carries its present level."""
    if not sampler.past or all(sample.past_x is None for sample in samples):
        return None
    past_x = [sample.x if sample.past_x is None else sample.past_x for sample in samples]
    past_denoised = [
        denoised[i : i + 1] if sample.denoised is None else sample.denoised
        for i, sample in enumerate(samples)
    ]
    levels = [sample.image.ticks[max(sample.step - 1, 0)] for sample in samples]
    return History(x=torch.cat(past_x), denoised=torch.cat(past_denoised), sigma=_tensor(levels, x))


def _levels(samples: Sequence[Sample], like: Tensor, *, ahead: int) -> Tensor:
    return _tensor([sample.image.ticks[sample.step + ahead] for sample in samples], like)  # (S,)


def _tensor(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device)


def _apart(rows: Tensor) -> Sequence[Tensor]:
    """(S, C, h, w) -> S copies (1, C, h, w): a view would keep the whole pass alive for as long as one sample."""
    parts: Sequence[Tensor] = torch.split_copy(rows, 1)  # type: ignore[func-returns-value,assignment]  # a wrong stub
    return parts


def noise_of(sample: Sample) -> Tensor:
    """What a stochastic sampler adds in this step: a function of the image's seed and the number of the step alone."""
    generator = torch.Generator().manual_seed(_mixed(sample.image.prepared.noise_seed, sample.step))
    noise = torch.randn(sample.x.shape, generator=generator)  # drawn on the CPU: the same on every device
    return noise.to(sample.x.device)


def _mixed(seed: int, step: int) -> int:
    """A seed for the noise of one step: a 64-bit mix as in `image_seed`, so that neighbouring steps share nothing."""
    mask = (1 << 64) - 1
    z = (seed * 0xD1B54A32D192ED03 + (step + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1
