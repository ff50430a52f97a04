"""The plans that ship, the strict reader, and docs/plans.md, which must say the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.billing import plans as plans_module
from darkroom.billing.plans import BUILTIN_PLANS, FOREVER, MS_PER_MINUTE, UNLIMITED, Plans, read_plans
from darkroom.billing.pricing import read_prices
from darkroom.core.accounts import Plan
from darkroom.core.errors import DarkroomError, NotFound
from darkroom.core.params import GenerationParams, Lane, PromptPart
from darkroom.dispatch.policy import read_dispatch_policy

DOC = Path(__file__).parents[2] / "docs" / "plans.md"

PLAN = st.builds(
    Plan,
    name=st.just("x"),
    title=st.text(min_size=1).filter(str.strip),
    fast_gpu_ms_month=st.none() | st.integers(0, 10**6).map(lambda minutes: minutes * MS_PER_MINUTE),
    turbo=st.booleans(),
    relax=st.booleans(),
    running=st.integers(1, 10**6),
    waiting=st.integers(0, 10**6),
    batch=st.integers(1, 10**6),
    stealth=st.booleans(),
    weight=st.integers(1, 10**6),
    images_kept_days=st.none() | st.integers(1, 10**6),
    requests_per_minute=st.integers(1, 10**6),
)


def test_the_plans_that_ship() -> None:
    plans = read_plans()
    assert list(plans.plans) == ["free", "basic", "standard", "pro", "mega", "unlimited"]
    assert (plans.default, plans.owner) == ("free", "unlimited")
    assert plans.plan("unlimited").unlimited
    assert [plans.plan(name).fast_gpu_ms_month for name in ("free", "basic", "mega")] == [
        1_440_000,
        11_880_000,
        216_000_000,
    ]


def test_an_unknown_plan_is_not_found_and_the_hint_lists_those_that_are() -> None:
    with pytest.raises(NotFound, match="no plan 'gold'") as raised:
        read_plans().plan("gold")
    assert (raised.value.code, raised.value.field) == ("plan_not_found", "plan")
    assert "standard" in raised.value.hint


def written(plans: Plans) -> str:
    """TOML that is to be read as the same plans."""
    lines = [f'default = "{plans.default}"', f'owner = "{plans.owner}"']
    for name, plan in plans.plans.items():
        lines += ["", f"[plans.{name}]", *(f"{key} = {_shown(each)}" for key, each in _row(plan).items())]
    return "\n".join(lines) + "\n"


def _row(plan: Plan) -> dict[str, object]:
    granted = plan.fast_gpu_ms_month
    return {
        "title": plan.title,
        "fast_minutes_month": UNLIMITED if granted is None else granted // MS_PER_MINUTE,
        "turbo": plan.turbo,
        "relax": plan.relax,
        "running": plan.running,
        "waiting": plan.waiting,
        "batch": plan.batch,
        "stealth": plan.stealth,
        "weight": plan.weight,
        "images_kept_days": FOREVER if plan.images_kept_days is None else plan.images_kept_days,
        "requests_per_minute": plan.requests_per_minute,
    }


def _shown(value: object) -> str:
    if isinstance(value, str):
        return (
            '"' + "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in value) + '"'
        )
    return str(value).lower()


@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), PLAN, min_size=1, max_size=4),
    st.data(),
)
def test_plans_survive_being_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, Plan], data: Any
) -> None:
    names = st.sampled_from(sorted(rows))
    named = {name: replace(plan, name=name) for name, plan in rows.items()}
    plans = Plans(plans=named, default=data.draw(names), owner=data.draw(names))
    path = tmp_path_factory.mktemp("plans") / "plans.toml"
    path.write_text(written(plans), encoding="utf-8")
    assert read_plans(path) == plans


def changed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (changed("batch = 4", "batches = 4"), "plans.free has an unknown key 'batches'"),
        (changed("batch = 4\n", ""), "plans.free lacks 'batch'"),
        (
            changed("batch = 4", "batch = '4'"),
            "plans.free.batch must be a whole number of at least 1, not '4'",
        ),
        (changed("batch = 4", "batch = true"), "plans.free.batch must be a whole number"),
        (changed("batch = 4", "batch = 0"), "plans.free.batch must be a whole number of at least 1"),
        (changed("batch = 4", "batch = 4.0"), "plans.free.batch must be a whole number"),
        (
            changed("waiting = 10", "waiting = -1"),
            "plans.free.waiting must be a whole number of at least 0, not -1",
        ),
        (changed("weight = 12", "weight = 0"), "plans.mega.weight must be"),
        (changed("weight = 1\n", f"weight = {10**13}\n"), "plans.free.weight must be"),
        (changed("turbo = true", "turbo = 1"), "plans.free.turbo must be true or false, not 1"),
        (changed('"Free"', '" "'), "plans.free.title must be a text"),
        (changed('"Free"', "7"), "plans.free.title must be a text, not 7"),
        (
            changed("= 198", "= 'lots'"),
            "plans.basic.fast_minutes_month must be a whole number or 'unlimited', not 'lots'",
        ),
        (changed("= 30\n", "= 0\n"), "plans.free.images_kept_days must be a whole number of at least 1"),
        (changed("default = ", "defaults = "), "the file has an unknown key 'defaults'"),
        (changed('default = "free"\n', ""), "the file lacks 'default'"),
        (
            changed('default = "free"', 'default = "gold"'),
            "default names 'gold', which is no plan in the file",
        ),
        (changed('owner = "unlimited"', "owner = 3"), "owner must be a text"),
        (changed("[plans.free]", "[plans.'Free plan']"), "is no name for a plan"),
        (lambda text: 'default = "a"\nowner = "a"\nplans = 3', "plans must be a table, not 3"),
        (lambda text: 'default = "a"\nowner = "a"\n[plans]', "lists no plan"),
        (lambda text: 'default = "a"\nowner = "a"\nplans.a = 3', "plans.a must be a table, not 3"),
        (lambda text: "default = ", "is not valid TOML"),
        (lambda text: "#" * 1_000_001, "is larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_name_the_plan_and_the_key(
    tmp_path: Path, change: Callable[[str], str], fault: str
) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(change(BUILTIN_PLANS.read_text()))
    with pytest.raises(DarkroomError) as raised:
        read_plans(path)
    assert str(path) in raised.value.message and fault in raised.value.message


@pytest.mark.parametrize("name", ["nowhere.toml", "nul\0.toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DarkroomError, match="cannot be read"):
        read_plans(tmp_path / name)


def table_of(first: str) -> dict[str, list[str]]:
    """The rows of the table in the document whose first heading is `first`, by their first cell."""
    lines = DOC.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows: dict[str, list[str]] = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        rows[cells[0]] = cells[1:]
    return rows


def shown(plan: Plan) -> list[str]:
    granted = plan.fast_gpu_ms_month
    return [
        "no limit" if granted is None else f"{granted / 3_600_000:g} h",
        *("yes" if each else "no" for each in (plan.turbo, plan.relax, plan.stealth)),
        *(str(each) for each in (plan.running, plan.waiting, plan.batch)),
        "for ever" if plan.images_kept_days is None else f"{plan.images_kept_days} days",
        str(plan.weight),
        str(plan.requests_per_minute),
    ]


def test_the_document_tells_the_plans_as_they_are() -> None:
    rows = table_of("plan")
    plans = read_plans()
    assert {name: row for name, row in rows.items() if name in plans.plans} == {
        name: shown(plan) for name, plan in plans.plans.items()
    }
    assert len(rows) == len(plans.plans) + 2  # the heading and the line under it
    text = DOC.read_text(encoding="utf-8")
    assert f"new member gets `{plans.default}`" in text and f"owner has `{plans.owner}`" in text


def test_the_document_tells_every_key_of_the_files() -> None:
    text = DOC.read_text(encoding="utf-8")
    keys = plans_module._KEYS | {
        "denoise_gpu_ms",
        "finish_gpu_ms",
        "draft_percent",
        "hd_percent",
        "margin_percent",
    }
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_the_document_tells_the_prices_as_they_are() -> None:
    prices, rows = read_prices(), table_of("a job of mini-1")
    parts = (PromptPart(text="a fox", weight=1.0),)
    jobs: dict[str, dict[str, Any]] = {
        "a grid of four": {},
        "--draft": {"draft": True},
        "--hd": {"hd": True},
        "--q 2": {"quality": 2.0},
        "--q 0.5": {"quality": 0.5},
        "--stop 50": {"stop": 50},
    }
    for name, fields in jobs.items():
        params = GenerationParams(parts=parts, model="mini-1", **fields)
        fast, turbo, relax = (prices.price(params, lane) for lane in (Lane.FAST, Lane.TURBO, Lane.RELAX))
        wanted = [
            fast.estimate_gpu_ms,
            turbo.cost_gpu_ms,
            fast.cost_gpu_ms,
            relax.cost_gpu_ms,
            fast.hold_gpu_ms,
        ]
        assert rows[name] == [f"{each:,}" for each in wanted], name
    assert len(rows) == len(jobs) + 2
    lanes = table_of("lane")
    shares = read_dispatch_policy().shares
    assert {lane: lanes[lane.value][:2] for lane in Lane} == {
        lane: [f"{prices.lanes[lane]} %", f"{100 * shares[lane] // sum(shares.values())} %"] for lane in Lane
    }
