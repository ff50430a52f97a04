"""Text -> jobs: permutations, then each prompt's body and parameters, then repeats. Knows models by their capabilities only."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from darkroom.core.capabilities import ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.core.params import SEED_MAX, GenerationParams, Lane, Reference, VideoParams, Visibility
from darkroom.prompt import permutations, values
from darkroom.prompt.body import Body, read_body
from darkroom.prompt.faults import fault, shown
from darkroom.prompt.lexer import Given, lex
from darkroom.prompt.source import Text, check_readable, text_of
from darkroom.prompt.support import check_aspect, check_conflicts, check_needs, check_support, choose_model
from darkroom.prompt.table import PROMPT_MAX

JOBS_MAX = 40  # what one prompt may expand to on the largest plan
COUNTED_MAX = 1_000  # permutations up to which their repeats are looked at one by one
AMOUNT_MAX = 10**24  # jobs; a larger number is told by its size: Python writes out 4,300 digits at most


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """What one prompt may ask for: jobs in all, jobs where it asks for `--relax`, and characters of text.

    `plan` names the plan that sets the caps, for the message; a larger plan would help where it is not empty.
    """

    jobs: int = JOBS_MAX
    relax_jobs: int = 1
    characters: int = PROMPT_MAX
    plan: str = ""


OWNER = BatchLimits()
STORED = BatchLimits(jobs=1, characters=20 * PROMPT_MAX)
"""For canonical text that comes back from a store: it spells out what the user left open, and so may be longer."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    params: GenerationParams
    repeat: int
    repeat_at: int
    relax_at: int
    seeded: bool


def parse(
    text: str,
    *,
    catalogue: ModelCatalogue,
    limits: BatchLimits = OWNER,
    new_seed: Callable[[], int] | None = None,
) -> tuple[GenerationParams, ...]:
    """All the jobs that a prompt expands to: permutations in order, the leftmost changing slowest, each with its repeats.

    Where the prompt names a seed, repeat i uses (seed + i) modulo 2^32. Where it names none, `new_seed` draws one for each
    job; without `new_seed` it stays None, but for repeats, which only their seeds tell apart. Their seeds, and the code that
    `--sref random` is resolved to, come from `new_seed` or else from the system's entropy.
    Raises PromptError, and nothing else, whatever the text.
    """
    jobs = _read_jobs(text, catalogue, limits)
    return tuple(_with_seed(job, i, new_seed) for job in jobs for i in range(job.repeat))


def drafts(
    text: str, *, catalogue: ModelCatalogue, limits: BatchLimits = OWNER
) -> tuple[GenerationParams, ...]:
    """The same jobs before anything is drawn by lot: a seed that nobody named is None, and `--sref random` stays so."""
    jobs = _read_jobs(text, catalogue, limits)
    return tuple(_numbered(job.params, i) for job in jobs for i in range(job.repeat))


def count_jobs(text: str, *, limits: BatchLimits = OWNER, counted_max: int = COUNTED_MAX) -> int:
    """How many jobs a prompt expands to, building none of them; caps on jobs are not applied.

    Beyond `counted_max` permutations their repeats are not looked at, and the number is that of the permutations alone.
    Raises PromptError where the braces, or the parameters up to there, cannot be read.
    """
    check_readable(text, limits.characters)
    tree = permutations.read_braces(text)
    prompts = permutations.count(tree)
    if prompts > counted_max:
        return prompts
    return sum(read_repeat(lex(each)[1]) for each in permutations.expand(tree))


def _read_jobs(text: str, catalogue: ModelCatalogue, limits: BatchLimits) -> list[_Job]:
    jobs = [_read_job(each, catalogue) for each in expanded(text, limits)]
    _check_batch(jobs, limits)
    return jobs


def expanded(text: str, limits: BatchLimits) -> list[Text]:
    """The prompts without braces that a prompt stands for. PromptError, also where they are more than the limits allow."""
    check_readable(text, limits.characters)
    if permutations.is_plain(text) and limits.jobs:
        return [text_of(text, tuple(range(1, len(text) + 1)))]
    tree = permutations.read_braces(text)
    prompts = permutations.count(tree)
    if prompts > limits.jobs:
        raise _too_many(
            f'"{{" opens permutations that make {_amount(prompts)} jobs',
            permutations.first_choice(tree),
            limits,
        )
    return list(permutations.expand(tree))


def _read_job(text: Text, catalogue: ModelCatalogue) -> _Job:
    body_text, given = lex(text)
    body = read_body(body_text)
    params = read_params(given, body)
    check_conflicts(given)
    _check_content(body, given)
    model = choose_model(given, catalogue)
    check_support(given, body, model, catalogue)
    check_needs(given, body)
    check_aspect(given, params.aspect, model)
    return _Job(
        params=replace(params, model=model.name),
        repeat=read_repeat(given),
        repeat_at=given["repeat"].at if "repeat" in given else 0,
        relax_at=given["relax"].at if "relax" in given else 0,
        seeded="seed" in model.honours,
    )


def read_params(given: Mapping[str, Given], body: Body) -> GenerationParams:
    """What the parameters say, each for itself; the model is left open. PromptError."""

    def whole(key: str, default: int) -> int:
        return values.read_integer(given.get(key), default)

    return GenerationParams(
        parts=body.parts,
        negative=values.read_list(given.get("no")),
        image_prompts=body.images,
        aspect=values.read_aspect(given.get("aspect")),
        model="",
        seed=whole("seed", 0) if "seed" in given else None,
        stylize=whole("stylize", 100),
        chaos=whole("chaos", 0),
        weird=whole("weird", 0),
        quality=float(values.read_choice(given.get("quality"), "1")),
        stop=whole("stop", 100),
        tile=values.read_flag(given.get("tile")),
        image_weight=values.read_decimal(given.get("image_weight"), 1.0),
        style_references=values.read_references(given.get("style_reference")),
        style_weight=whole("style_weight", 100),
        character_references=values.read_references(given.get("character_reference")),
        character_weight=whole("character_weight", 100),
        omni_references=values.read_references(given.get("omni_reference")),
        omni_weight=whole("omni_weight", 100),
        raw=_read_raw(given.get("raw")),
        profile=values.read_identifier(given.get("profile")),
        experimental=whole("experimental", 0),
        draft=values.read_flag(given.get("draft")),
        hd=values.read_flag(given.get("hd")) > values.read_flag(given.get("sd")),
        lane=next((lane for lane in Lane if values.read_flag(given.get(lane.value))), None),
        visibility=next((each for each in Visibility if values.read_flag(given.get(each.value))), None),
        video=_read_video(given),
    )


def _read_raw(given: Given | None) -> bool:
    """`--raw`, or the same as `--style raw`."""
    if given and given.parameter.choices:
        return values.read_choice(given, "") == "raw"
    return values.read_flag(given)


def _read_video(given: Mapping[str, Given]) -> VideoParams | None:
    asked = values.read_flag(given.get("video"))
    video = VideoParams(
        motion=values.read_choice(given.get("motion"), "low"),
        loop=values.read_flag(given.get("loop")),
        end=values.read_link_value(given.get("end")),
        batch=int(values.read_choice(given.get("batch"), "4")),
    )
    return video if asked else None


def read_repeat(given: Mapping[str, Given]) -> int:
    """How often the job is asked for. PromptError."""
    return values.read_integer(given.get("repeat"), 1)


def _check_content(body: Body, given: Mapping[str, Given]) -> None:
    if any(any(c.isprintable() and not c.isspace() for c in part.text) for part in body.parts):
        return
    if not body.images:
        raise fault(
            "empty_prompt",
            "The prompt says nothing to draw",
            hint="Write a few words, such as: a red fox in the snow.",
        )
    if len(body.images) == 1 and "video" not in given:
        what = f"{shown(body.images[0].source)} is one image without any words"
        raise fault(
            "empty_prompt", what, at=body.images_at, hint="Add words, or a second image to blend it with."
        )


def _check_batch(jobs: list[_Job], limits: BatchLimits) -> None:
    total = sum(job.repeat for job in jobs)
    repeated = next((job for job in jobs if job.repeat > 1), None)
    if total > limits.jobs and repeated:
        of = f" of {len(jobs)} permutations" if len(jobs) > 1 else ""
        raise _too_many(
            f"--repeat {repeated.repeat}{of} makes {_amount(total)} jobs", repeated.repeat_at, limits
        )
    relaxed = next((job for job in jobs if job.relax_at), None)
    if relaxed and total > limits.relax_jobs:
        what = f"--relax takes {limits.relax_jobs} job at a time, and this prompt makes {total}"
        raise fault(
            "batch_not_in_relax",
            what,
            at=relaxed.relax_at,
            hint="Use --fast, or leave permutations and --repeat away.",
        )


def _too_many(what: str, at: int, limits: BatchLimits) -> PromptError:
    cap = f"more than the {limits.jobs} that {limits.plan or 'one prompt'} may make"
    code = "plan_required" if limits.plan and limits.jobs < JOBS_MAX else "invalid_parameter"
    return fault(code, f"{what}, {cap}", at=at, hint=f"Ask for at most {limits.jobs}.")


def _amount(number: int) -> str:
    """A number for people; one of hundreds of digits by its size."""
    return f"{number:,}" if number < AMOUNT_MAX else f"about 10^{math.floor(math.log10(number))}"


def _with_seed(job: _Job, index: int, new_seed: Callable[[], int] | None) -> GenerationParams:
    params, draw = _numbered(job.params, index), new_seed or _entropy
    seed = params.seed
    if seed is None and job.seeded and (new_seed or job.repeat > 1):
        seed = draw()
    styles = tuple(_resolved(style, draw) for style in job.params.style_references)
    return replace(params, seed=seed, style_references=styles)


def _numbered(params: GenerationParams, index: int) -> GenerationParams:
    """The repeat of that number: its seed, where the prompt names one, counts on."""
    return params if params.seed is None else replace(params, seed=(params.seed + index) % (SEED_MAX + 1))


def _resolved(style: Reference, draw: Callable[[], int]) -> Reference:
    return replace(style, source=str(draw())) if style.source == values.RANDOM_STYLE else style


def _entropy() -> int:
    return secrets.randbelow(SEED_MAX + 1)
