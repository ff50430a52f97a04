"""A job -> canonical text: what `parse` reads back as the same job, whatever the defaults of the day are."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from darkroom.core.params import GenerationParams, PromptPart, Reference, VideoParams

DENOMINATOR_MAX = 100  # weights that are fractions with a larger one are written as decimals


def format_prompt(params: GenerationParams) -> str:
    """One line: image prompts, words, then what differs from the defaults in the table's order; always the model."""
    pieces = [reference.source for reference in params.image_prompts]
    pieces.extend(_body(params.parts))
    pieces.extend(_parameters(params))
    return escaped(" ".join(pieces))


def _body(parts: tuple[PromptPart, ...]) -> Iterator[str]:
    weights = _weights(parts)
    for i, (part, weight) in enumerate(zip(parts, weights, strict=True)):
        if weight == "1" and i == len(parts) - 1:
            yield part.text
        else:
            gap = " " if part.text.endswith(":") else ""
            yield f"{part.text}{gap}::{'' if weight == '1' else weight}"


def _weights(parts: tuple[PromptPart, ...]) -> list[str]:
    """The weights as small whole numbers where such numbers mean exactly the same, else as decimals."""
    for scale in range(1, DENOMINATOR_MAX + 1):
        whole = [round(part.weight * scale) for part in parts]
        total = sum(whole)
        if total > 0 and all(
            round(n / total, 12) == part.weight for n, part in zip(whole, parts, strict=True)
        ):
            return [str(n) for n in whole]
    return [_number(part.weight) for part in parts]


def _parameters(params: GenerationParams) -> Iterator[str]:
    if params.aspect.width != params.aspect.height:
        yield f"--ar {params.aspect}"
    yield f"--v {params.model}"
    for name, value, default in (
        ("stylize", params.stylize, 100),
        ("chaos", params.chaos, 0),
        ("weird", params.weird, 0),
        ("quality", params.quality, 1.0),
        ("seed", params.seed, None),
    ):
        if value is not None and value != default:
            yield f"--{name} {_number(value)}"
    if params.negative:
        yield f"--no {', '.join(params.negative)}"
    if params.stop != 100:
        yield f"--stop {params.stop}"
    if params.tile:
        yield "--tile"
    yield from _references(params)
    yield from _mode(params)
    if params.video:
        yield from _video(params.video)


def _references(params: GenerationParams) -> Iterator[str]:
    if params.image_weight != 1:
        yield f"--iw {_number(params.image_weight)}"
    for name, references, weight_name, weight in (
        ("sref", params.style_references, "sw", params.style_weight),
        ("cref", params.character_references, "cw", params.character_weight),
        ("oref", params.omni_references, "ow", params.omni_weight),
    ):
        if references:
            yield f"--{name} {' '.join(_weighted(reference) for reference in references)}"
        if weight != 100:
            yield f"--{weight_name} {weight}"


def _mode(params: GenerationParams) -> Iterator[str]:
    if params.raw:
        yield "--raw"
    if params.profile is not None:
        yield f"--profile {params.profile}".rstrip()
    if params.experimental:
        yield f"--exp {params.experimental}"
    for name, on in (("draft", params.draft), ("hd", params.hd)):
        if on:
            yield f"--{name}"
    for flag in (params.lane, params.visibility):
        if flag:
            yield f"--{flag.value}"


def _video(video: VideoParams) -> Iterator[str]:
    yield "--video"
    if video.motion != "low":
        yield f"--motion {video.motion}"
    if video.loop:
        yield "--loop"
    if video.end is not None:
        yield f"--end {video.end}"
    if video.batch != 4:
        yield f"--bs {video.batch}"


def _weighted(reference: Reference) -> str:
    if reference.weight == 1:
        return reference.source
    return f"{reference.source}::{_number(reference.weight)}"


def _number(value: float) -> str:
    """Without exponent and without a trailing `.0`."""
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def escaped(text: str) -> str:
    """Braces are permutations unless escaped; so is a comma that follows a backslash."""
    written = []
    for before, char in zip(" " + text, text):
        written.append(f"\\{char}" if char in "{}" or (char == "," and before == "\\") else char)
    return "".join(written)
