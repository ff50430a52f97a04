"""`jobs`, `cancel`, `open`, `account`: what they ask, what they print, how ids may be shortened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
import httpx
import pytest
from tests.cli.service import Service

from darkroom.billing.plans import read_plans
from darkroom.cli.account import entry_cells, plan_words
from darkroom.cli.jobs import job_facts, row_prompt
from darkroom.cli.main import run
from darkroom.core.accounts import EntryKind


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code, capsys.readouterr()
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(capsys, *arguments, "--json", code=code))
    return found


@pytest.fixture
def drawn(service: Service, capsys: pytest.CaptureFixture[str]) -> Sequence[str]:
    """The ids of two jobs that were drawn: a fox, an apple."""
    found = [
        as_json(capsys, "imagine", f"{what} --seed 7", "--quiet", "--image", "1")["jobs"][0]["id"]
        for what in ("a fox", "an apple")
    ]
    return found


# -- jobs ---------------------------------------------------------------------------------------------------------


def test_jobs_are_listed(drawn: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = told(capsys, "jobs").splitlines()
    assert head.split() == ["ID", "STATE", "LANE", "MODEL", "AHEAD", "CREATED", "PROMPT"]
    assert {row.split()[0] for row in rows} == {job_id[-8:] for job_id in drawn}
    assert all("completed" in row and "--seed 7" in row and "--v" not in row for row in rows)
    assert len({row.index("completed") for row in rows}) == 1


def test_permutations_are_mostapart(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    as_json(capsys, "imagine", "a {red, green} fox --ar {1:1, 3:2}", "--quiet", "--image", "1")
    prompts = [row.partition(" a ")[2] for row in told(capsys, "jobs").splitlines()[1:]]
    assert len(set(prompts)) == len(prompts) == 4
    assert not any("{" in prompt for prompt in prompts)


def test_the_prompt_of_a_row_is_whole_but_for_the_model() -> None:
    job = {"model": "mini-1", "prompt": "a fox --v mini-1 --seed 7"}
    assert row_prompt(job) == "a fox --seed 7"
    assert row_prompt({**job, "model": "able-1"}) == job["prompt"]


def test_only_what_was_drawn_has_a_time_of_drawing(
    drawn: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    job = as_json(capsys, "jobs", drawn[0])
    assert "drawn in" in job_facts(job)
    for state in ("ready", "running", "failed", "cancelled"):
        assert "drawn in" not in job_facts({**job, "state": state, "finished_at": None})


def test_jobs_are_narrowed(drawn: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    fox, _ = drawn
    assert [job["id"] for job in as_json(capsys, "jobs", "--search", "fox")["jobs"]] == [fox]
    assert as_json(capsys, "jobs", "--state", "failed", "--state", "running")["jobs"] == []
    assert as_json(capsys, "jobs", "--lane", "relax")["jobs"] == []
    assert len(as_json(capsys, "jobs", "--limit", "1")["jobs"]) == 1
    assert len(as_json(capsys, "jobs", "--limit", "150")["jobs"]) == 2
    assert told(capsys, "jobs", "--state", "failed") == "no jobs\n"
    assert run(["jobs", "--state", "asleep"]) == 2


def test_one_job_by_the_end_of_its_id(drawn: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    fox, _ = drawn
    printed = told(capsys, "jobs", fox[-8:])
    assert f"id             {fox}\n" in printed
    assert "published" in printed and "submitted" in printed
    assert "http://127.0.0.1" in printed
    found = as_json(capsys, "jobs", fox)
    assert [moved["state"] for moved in found["history"]][-1] == "completed"
    assert len(found["images"]) == 4


@pytest.mark.parametrize(
    ("text", "code", "exit_code"),
    [
        ("00000000-0000-7000-8000-000000000000", "not_found", 1),
        ("ffffffff", "not_found", 1),
        ("019", "invalid_id", 2),
        ("019d", "ambiguous_id", 2),
        ("../../admin", "not_found", 1),
    ],
)
def test_ids_that_name_no_job(
    drawn: Sequence[str], capsys: pytest.CaptureFixture[str], text: str, code: str, exit_code: int
) -> None:
    assert as_json(capsys, "jobs", text, code=exit_code)["error"]["code"] == code


def test_a_prompt_that_would_steer_the_terminal(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "imagine", "a [red]\u202e fox --seed 7", "--quiet", "--image", "1")
    assert "a [red]\\u202e fox" in told(capsys, "jobs")


@pytest.mark.parametrize(("waiting", "batch", "most"), [(10, 40, 40), (10, 4, 10)])
def test_a_plan_says_how_many_may_wait_as_the_caps_below_it_do(waiting: int, batch: int, most: int) -> None:
    plan = {"fast_gpu_ms_month": None, "running": 3, "waiting": waiting, "batch": batch}
    core = replace(read_plans().plan("pro"), waiting=waiting, batch=batch)
    assert core.waiting_cap == most
    assert f"3 at once, {most} waiting, batches of {batch}" in plan_words(plan)


def test_cancel(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.hold = True
    answer = httpx.post(
        f"{service.url}/api/v1/jobs",
        json={"prompt": "a {red, green} fox"},
        headers={"Authorization": f"Bearer {service.owner.secret}"},
    )
    red, green = (job["id"] for job in answer.json()["jobs"])
    assert service.claimed.wait(20)
    printed = told(capsys, "cancel", red, green[-8:])
    assert [line.split()[0] for line in printed.splitlines()] == [red, green]
    assert f"{red} will be cancelled within a step" in printed or f"{red} is cancelled" in printed
    states = as_json(capsys, "cancel", red)["jobs"][0]
    assert states["cancel_requested"] or states["state"] == "cancelled"
    assert run(["cancel"]) == 2


# -- open ---------------------------------------------------------------------------------------------------------


def test_open_gives_a_link_that_works(drawn: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    fox, _ = drawn
    images = as_json(capsys, "jobs", fox)["images"]
    grid = told(capsys, "open", fox[-8:], "--url").strip()
    second = told(capsys, "open", fox, "--image", "2", "--url").strip()
    assert grid != second
    assert told(capsys, "open", images[1]["id"], "--url").strip() == second
    assert told(capsys, "open", images[1]["id"][-12:], "--url").strip() == second
    assert told(capsys, "open", f"{fox[-8:]}/2", "--url").strip() == second
    assert told(capsys, "open", "last", "--url").strip() in (
        grid,
        told(capsys, "open", drawn[1], "--url").strip(),
    )
    assert httpx.get(grid).headers["content-type"] == "image/webp"
    assert httpx.get(second).status_code == 200


def test_open_starts_the_viewer(
    drawn: Sequence[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    answers = iter([0, 1])

    def launch(url: str) -> int:
        opened.append(url)
        return next(answers)

    monkeypatch.setattr(click, "launch", launch)
    printed = told(capsys, "open", drawn[0])
    assert opened == [printed.strip()]
    assert run(["open", drawn[0]]) == 1
    assert "no viewer" in capsys.readouterr().err


def test_open_of_what_has_no_picture(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    [job] = as_json(capsys, "imagine", "unpaintable", "--quiet", code=1)["jobs"]
    assert run(["open", job["id"], "--url"]) == 2
    assert "it is failed" in capsys.readouterr().err
    assert run(["open", "00000000-0000-7000-8000-000000000000"]) == 1


# -- account ------------------------------------------------------------------------------------------------------


def test_account(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    printed = told(capsys, "account")
    assert "name           olga\n" in printed
    assert "without limit" in printed
    account = as_json(capsys, "account")
    assert account["plan"]["name"] == service.owner.account.plan
    assert f", {account['usage']['waiting_cap']} waiting, " in printed


def test_account_preferences(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "account", "set", "--lane", "relax", "--visibility", "stealth")
    assert (found["lane"], found["visibility"]) == ("relax", "stealth")
    assert run(["account", "set"]) == 2


def test_statement_adds_up(drawn: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "account", "statement", "--limit", "100")
    assert {entry["kind"] for entry in found["entries"]} >= {"hold", "release", "settle"}
    printed = told(capsys, "account", "statement", "--limit", "2")
    assert printed.startswith("AT ") and len(printed.splitlines()) == 8
    assert drawn[-1][-8:] in printed
    rows = told(capsys, "account", "statement", "--limit", "100").splitlines()[1:]
    signs = {kind: amount[0] for kind, amount in (row.split()[2:4] for row in rows[: len(found["entries"])])}
    assert signs == {"charge": "-", "release": "+", "hold": "-"}
    ids = [entry["id"] for entry in found["entries"]]
    assert ids == sorted(ids, reverse=True)


def test_the_kinds_of_a_statement() -> None:
    names = [entry_cells({"kind": kind, "amount_gpu_ms": 1500}) for kind in EntryKind]
    assert names == [
        ("grant", "+1.5 s"), ("expiry", "-1.5 s"), ("hold", "-1.5 s"), ("release", "+1.5 s"), ("charge", "-1.5 s"),
    ]  # fmt: skip
    assert entry_cells({"kind": "gift", "amount_gpu_ms": 1500}) == ("gift", "1.5 s")


def test_keys_come_and_go(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["account", "keys", "add", "my script", "--scopes", "read"]) == 0
    printed = capsys.readouterr()
    secret = printed.out.strip()
    assert secret.startswith("dk_") and "only time" in printed.err
    [key] = [key for key in as_json(capsys, "account", "keys", "list")["keys"] if key["name"] == "my script"]
    assert key["scopes"] == ["read"] and secret not in told(capsys, "account", "keys", "list")
    with monkeypatch.context() as patch:
        patch.setenv("DARKROOM_KEY", secret)
        assert run(["account"]) == 0
        capsys.readouterr()
        assert as_json(capsys, "cancel", key["id"], code=1)["error"]["code"]
    assert told(capsys, "account", "keys", "revoke", key["id"][-8:]) == f"{key['id']} is revoked\n"
    monkeypatch.setenv("DARKROOM_KEY", secret)
    assert as_json(capsys, "account", code=1)["error"]["code"] == "not_authenticated"


@pytest.mark.parametrize("scopes", ["", "read,write,everything", ","])
def test_scopes_that_do_not_exist(service: Service, scopes: str) -> None:
    assert run(["account", "keys", "add", "x", "--scopes", scopes]) == 2


def test_asking_a_server_loads_neither_torch_nor_pictures(service: Service) -> None:
    program = (
        "import sys\nfrom darkroom.cli.main import run\nassert run(['jobs']) == 0\nassert run(['account']) == 0\n"
        "sys.exit(str({'torch', 'numpy', 'PIL', 'fastapi'} & set(sys.modules) or ''))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert (found.returncode, found.stderr.strip()) == (1, ""), found.stderr


# -- without a server ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["jobs"], ["cancel", "abcd"], ["open", "abcd"], ["account"], ["admin", "plans"]]
)
def test_no_server_is_a_sentence_that_says_how_to_start_one(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(arguments) == 1
    assert "`darkroom serve`" in capsys.readouterr().err
    monkeypatch.setenv("DARKROOM_URL", "http://127.0.0.1:1")
    assert run(arguments) == 1
    assert "no server answers at http://127.0.0.1:1 " in capsys.readouterr().err
