"""What a prompt may ask for under its account's plan: how many jobs, which models, lanes and visibility.

Decides and refuses; stores nothing, charges nothing.
"""

from __future__ import annotations

from darkroom.core.accounts import Account, Plan
from darkroom.core.capabilities import ModelCapabilities
from darkroom.core.errors import NotAllowed, PromptError
from darkroom.core.params import GenerationParams, Lane, Visibility
from darkroom.lifecycle.rooms import Rooms
from darkroom.prompt import BatchLimits, drafts, parse

RELAX_JOBS_MAX = 1  # jobs of one prompt in the relax lane


def check_account(account: Account) -> None:
    """NotAllowed (`account_blocked`) for an account that an operator blocked."""
    if account.blocked_reason:
        raise NotAllowed(
            f"This account is blocked: {account.blocked_reason}",
            code="account_blocked",
            hint="Ask an operator of this service.",
        )


def read_prompt(rooms: Rooms, plan: Plan, text: str) -> tuple[GenerationParams, ...]:
    """The jobs of a prompt within the plan's batch, each with its seed drawn. PromptError."""
    drawn = parse(text, catalogue=rooms.catalogue, limits=limits_of(plan), new_seed=rooms.new_seed)
    return tuple(check_model(rooms, params) for params in drawn)


def read_draft(rooms: Rooms, plan: Plan, text: str) -> tuple[GenerationParams, ...]:
    """The same jobs before their seeds are drawn. PromptError."""
    drafted = drafts(text, catalogue=rooms.catalogue, limits=limits_of(plan))
    return tuple(check_model(rooms, params) for params in drafted)


def limits_of(plan: Plan) -> BatchLimits:
    """What one prompt may ask for under a plan."""
    return BatchLimits(jobs=plan.batch, relax_jobs=RELAX_JOBS_MAX, plan=plan.title)


def drawable(rooms: Rooms, model: ModelCapabilities) -> bool:
    """Whether this version can draw with a model."""
    return rooms.families is None or model.family in rooms.families


def check_model(rooms: Rooms, params: GenerationParams) -> GenerationParams:
    """The parameters, where this version can draw with their model. PromptError."""
    model = rooms.catalogue.resolve(params.model)
    if model is None or not drawable(rooms, model):
        raise PromptError(
            "unsupported_by_model",
            f"This version of Darkroom cannot draw with {params.model}.",
            hint="Leave --v away, or name another model.",
        )
    return params


def lanes_of(plan: Plan) -> frozenset[Lane]:
    """The lanes that a plan has."""
    has = {Lane.TURBO: plan.turbo, Lane.FAST: True, Lane.RELAX: plan.relax}
    return frozenset(lane for lane in Lane if has[lane])


def choose_lane(
    params: GenerationParams, wished: Lane | None, account: Account, plan: Plan, *, batch: int
) -> Lane:
    """The lane of one job of a batch: as wished, else as the prompt says, else the account's. PromptError, NotAllowed."""
    if wished and params.lane and wished is not params.lane:
        raise PromptError(
            "parameter_conflict",
            f"The prompt says --{params.lane.value}, and the request asks for the lane {wished.value}.",
            hint="Say it in one place only.",
        )
    lane = wished or params.lane or account.lane
    if lane not in lanes_of(plan):
        raise NotAllowed(
            f"The plan {plan.title} has no {lane.value} lane.",
            code="lane_not_in_plan",
            hint="Use --fast, or a plan that has it.",
            field="lane",
        )
    if lane is Lane.RELAX and batch > RELAX_JOBS_MAX:
        raise PromptError(
            "batch_not_in_relax",
            f"The relax lane takes {RELAX_JOBS_MAX} job at a time, and this prompt makes {batch}.",
            hint="Use --fast, or leave permutations and --repeat away.",
        )
    return lane


def choose_visibility(params: GenerationParams, account: Account, plan: Plan) -> Visibility:
    """As the prompt says, else the account's. PromptError (`plan_required`) for stealth without the plan for it."""
    visibility = params.visibility or account.visibility
    if visibility is Visibility.STEALTH and not plan.stealth:
        raise PromptError(
            "plan_required",
            f"The plan {plan.title} has no stealth mode.",
            hint="Use --public, or a plan that has it.",
        )
    return visibility
