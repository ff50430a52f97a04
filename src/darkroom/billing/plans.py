"""The plans: one TOML file, read into core's Plan. Knows no account and no job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from darkroom.billing import tables
from darkroom.core.accounts import Plan
from darkroom.core.errors import DarkroomError, NotFound

BUILTIN_PLANS = Path(__file__).with_name("plans.toml")
MS_PER_MINUTE = 60_000
UNLIMITED = "unlimited"
FOREVER = "forever"

_FLAGS = ("turbo", "relax", "stealth")
_COUNTS = (
    "running",
    "batch",
    "weight",
    "requests_per_minute",
)  # at least 1: with none, nothing would ever run
_KEYS = frozenset({"title", "fast_minutes_month", "waiting", "images_kept_days", *_FLAGS, *_COUNTS})


@dataclass(frozen=True, kw_only=True)
class Plans:
    """All plans by name, in the order of the file; `default` is what a new member gets, `owner` what the owner gets."""

    plans: Mapping[str, Plan]
    default: str
    owner: str

    def in_force(self, name: str) -> Plan:
        """The plan of an account that is said to be on `name`: the default one where an operator took that out of the file."""
        return self.plans.get(name) or self.plan(self.default)

    def plan(self, name: str) -> Plan:
        """NotFound (`plan_not_found`) where there is none of that name."""
        try:
            return self.plans[name]
        except KeyError:
            known = ", ".join(self.plans)
            raise NotFound(
                f"there is no plan {name!r}", code="plan_not_found", hint=f"Plans are {known}.", field="plan"
            ) from None


def read_plans(path: Path | None = None) -> Plans:
    """The plans in a TOML file, or those that ship. DarkroomError names the file, the plan, the key and what would be right."""
    path = path or BUILTIN_PLANS
    try:
        return _plans(tables.document(path))
    except DarkroomError as error:
        raise DarkroomError(f"the plans {path}: {error.message}") from error.__cause__


def _plans(document: Mapping[str, object]) -> Plans:
    tables.check_keys("the file", document, ("default", "owner", "plans"))
    rows = tables.table("plans", document["plans"])
    if not rows:
        raise DarkroomError("lists no plan; it needs at least one table [plans.NAME]")
    plans = {name: _plan(name, row) for name, row in rows.items()}
    return Plans(
        plans=plans, default=_named("default", document, plans), owner=_named("owner", document, plans)
    )


def _named(key: str, document: Mapping[str, object], plans: Mapping[str, Plan]) -> str:
    name = tables.text(key, document[key])
    if name not in plans:
        raise DarkroomError(
            f"{key} names {name!r}, which is no plan in the file; there are {', '.join(plans)}"
        )
    return name


def _plan(name: str, value: object) -> Plan:
    where = f"plans.{name}"
    if not name.isascii() or not name.replace("-", "").isalnum() or name != name.lower():
        raise DarkroomError(f"{where!r} is no name for a plan; use a-z, 0-9 and dashes")
    row = tables.table(where, value, _KEYS)
    counts = {key: tables.whole(f"{where}.{key}", row[key], least=1) for key in _COUNTS}
    flags = {key: tables.flag(f"{where}.{key}", row[key]) for key in _FLAGS}
    minutes = tables.whole_or(f"{where}.fast_minutes_month", row["fast_minutes_month"], UNLIMITED)
    return Plan(
        name=name,
        title=tables.text(f"{where}.title", row["title"]),
        fast_gpu_ms_month=None if minutes is None else minutes * MS_PER_MINUTE,
        turbo=flags["turbo"],
        relax=flags["relax"],
        running=counts["running"],
        waiting=tables.whole(f"{where}.waiting", row["waiting"]),
        batch=counts["batch"],
        stealth=flags["stealth"],
        weight=counts["weight"],
        images_kept_days=tables.whole_or(
            f"{where}.images_kept_days", row["images_kept_days"], FOREVER, least=1
        ),
        requests_per_minute=counts["requests_per_minute"],
    )
