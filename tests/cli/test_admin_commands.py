"""`darkroom admin ...`: accounts, everybody's jobs, dead letters, workers, tokens, the moderation log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.service import Running, Service

from darkroom.cli.main import run


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["admin", *arguments]) == code, capsys.readouterr()
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(capsys, *arguments, "--json", code=code))
    return found


@pytest.fixture
def dead(service: Service, capsys: pytest.CaptureFixture[str]) -> str:
    """The id of a job that failed for good."""
    assert run(["imagine", "unpaintable", "--quiet", "--json"]) == 1
    return str(json.loads(capsys.readouterr().out)["jobs"][0]["id"])


def test_users(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    ada = as_json(capsys, "users", "add", "ada", "--plan", "standard", "--role", "admin")
    assert (ada["plan"]["name"], ada["role"]) == ("standard", "admin")
    assert as_json(capsys, "users", "add", "ada", code=1)["error"]["code"] == "name_taken"
    head, *rows = told(capsys, "users", "list").splitlines()
    assert head.split()[-1] == "NAME"
    assert {row.split()[-1] for row in rows} == {"olga", "ada"}
    assert len(as_json(capsys, "users", "list", "--limit", "1")["users"]) == 1
    for name in ("ada", ada["id"], ada["id"][-8:]):
        assert "name           ada\n" in told(capsys, "users", "show", name)


def test_users_change(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    as_json(capsys, "users", "add", "ada")
    changed = as_json(capsys, "users", "set", "ada", "--plan", "pro", "--role", "admin", "--block", "spam")
    assert (changed["plan"]["name"], changed["role"], changed["blocked_reason"]) == ("pro", "admin", "spam")
    assert "blocked: spam" in told(capsys, "users", "list")
    assert as_json(capsys, "users", "set", "ada", "--unblock")["blocked_reason"] == ""
    assert as_json(capsys, "users", "set", "ada", "--plan", "gold", code=2)["error"]["hint"].startswith(
        "Choose"
    )
    assert run(["admin", "users", "set", "ada"]) == 2
    assert run(["admin", "users", "set", "ada", "--block", "x", "--unblock"]) == 2
    assert as_json(capsys, "users", "show", "nobody", code=1)["error"]["code"] == "not_found"


def test_login_links(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "users", "login-link", "olga"]) == 0
    printed = capsys.readouterr()
    assert "/login?token=dl_" in printed.out and len(printed.out.split()) == 1
    assert "in a browser" in printed.err and 'darkroom login "LINK"' in printed.err
    assert set(as_json(capsys, "users", "login-link", "olga")) == {"url", "expires_in_s"}


@pytest.mark.parametrize(("amount", "gpu_ms"), [("90s", 90_000), ("30 min", 1_800_000), ("1.5h", 5_400_000)])
def test_time_is_granted(
    service: Service, capsys: pytest.CaptureFixture[str], amount: str, gpu_ms: int
) -> None:
    before = as_json(capsys, "users", "show", "olga")["balance"]["granted_gpu_ms"]
    after = as_json(capsys, "users", "grant", "olga", amount, "--note", "for the workshop")["granted_gpu_ms"]
    assert after - before == gpu_ms
    assert "granted" in told(capsys, "users", "grant", "olga", amount)


@pytest.mark.parametrize(
    "amount", ["", "90", "h", "-5h", "0s", "1d", "nans", "1e999999h", "1" * 50 + "h", "٣h"]
)
def test_amounts_that_are_none(amount: str) -> None:
    assert run(["admin", "users", "grant", "olga", "--", amount]) == 2


def test_plans(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert "free (default)" in told(capsys, "plans")
    assert as_json(capsys, "plans")["default"] == "free"


def test_jobs_of_everybody(dead: str, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    [found] = as_json(capsys, "jobs", "--state", "failed", "--search", "unpaintable")["jobs"]
    assert found["job"]["id"] == dead
    assert dead[-8:] in told(capsys, "jobs")
    assert as_json(capsys, "jobs", dead[-8:])["history"][-1]["state"] == "failed"
    printed = told(capsys, "jobs", dead)
    assert "nobody can paint that (job_failed)" in printed and "account " in printed
    nobody = "00000000-0000-7000-8000-000000000000"
    assert as_json(capsys, "jobs", "--account", nobody)["jobs"] == []
    owner = str(service.owner.account.id)
    for name in ("olga", owner, owner[-8:], owner[-8:-4]):
        assert [each["job"]["id"] for each in as_json(capsys, "jobs", "--account", name)["jobs"]] == [dead]
        assert as_json(capsys, "moderation", "--account", name)["verdicts"]
    assert as_json(capsys, "jobs", "--account", "nobody", code=1)["error"]["code"] == "not_found"
    assert told(capsys, "cancel", dead) == f"{dead} is failed\n"
    assert as_json(capsys, "cancel", dead)["jobs"][0]["job"]["state"] == "failed"


def test_dead_letters(dead: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody can paint that" in told(capsys, "dead-letters", "list")
    assert f"job            {dead}\n" in told(capsys, "dead-letters", "show", dead[-8:])
    dropped = as_json(capsys, "dead-letters", "drop", dead)
    assert dropped["resolution"] == "dropped"
    assert told(capsys, "dead-letters", "list") == "no dead letters\n"
    assert len(as_json(capsys, "dead-letters", "list", "--all")["dead_letters"]) == 1
    assert as_json(capsys, "dead-letters", "requeue", dead, code=1)["error"]["code"] == "already_resolved"


def test_a_dead_letter_is_requeued(dead: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = told(capsys, "dead-letters", "requeue", dead)
    assert "requeued as" in printed and "state          requeued\n" in printed


def test_workers(service: Service, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "workers", "list") == "no workers\n"
    running.do(service.worker("cellar-1"))
    assert "active" in told(capsys, "workers", "list")
    for order, state in (("drain", "draining"), ("quarantine", "quarantined"), ("readmit", "active")):
        assert state in told(capsys, "workers", order, "cellar-1")
        assert as_json(capsys, "workers", order, "cellar")["state"] == state
    assert as_json(capsys, "workers", "drain", "attic", code=1)["error"]["code"] == "not_found"
    assert len(as_json(capsys, "workers", "list")["workers"]) == 1


def test_worker_tokens(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    secret = told(capsys, "worker-token", "create", "cellar").strip()
    assert secret.startswith("dw_")
    [token] = as_json(capsys, "worker-token", "list")["worker_tokens"]
    assert "good" in told(capsys, "worker-token", "list")
    assert told(capsys, "worker-token", "revoke", token["id"][-8:]) == f"{token['id']} is revoked\n"
    assert "revoked" in told(capsys, "worker-token", "list")


def test_the_moderation_log(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["imagine", "a forbidden fox", "--quiet"]) == 2
    assert run(["imagine", "a fox", "--quiet", "--image", "1"]) == 0
    capsys.readouterr()
    assert {each["decision"] for each in as_json(capsys, "moderation")["verdicts"]} == {"allow", "block"}
    assert "forbidden" in told(capsys, "moderation", "--blocked")
    assert as_json(capsys, "moderation", "--subject", "image")["verdicts"] == []
    account = str(service.owner.account.id)
    assert as_json(capsys, "moderation", "--account", account)["verdicts"]


def test_members_are_no_operators(
    service: Service,
    running: Running,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member = running.do(service.person("mia"))
    monkeypatch.setenv("DARKROOM_KEY", member.secret)
    assert run(["admin", "users", "list"]) == 1
    assert capsys.readouterr().err.startswith("darkroom: ")
