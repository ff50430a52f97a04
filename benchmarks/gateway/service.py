"""The service under test, brought up in a folder of its own as an operator would: `darkroom serve`, and one worker process.

Accounts and their keys are put into the store directly; all else goes over HTTP.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from darkroom.billing.periods import month_after
from darkroom.billing.plans import read_plans
from darkroom.core.accounts import Account, ApiKey, Role, Scope
from darkroom.core.ids import new_id
from darkroom.gateway.credentials import KEY_PREFIX, SHOWN_CHARACTERS, hash_of, new_secret
from darkroom.storage.postgres.embedded import EmbeddedPostgres
from darkroom.storage.postgres.store import PostgresStore

PLAN = "mega"  # 15 running, 10 waiting, a balance that is really drawn on
START_S = 60.0
STOP_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server that answers. `dsn` leads to its database."""

    url: str
    dsn: str
    pid: int
    postgres_pid: int
    owner_key: str


@contextmanager
def serving(folder: Path, *, profile: Path | None = None) -> Iterator[Service]:
    """`darkroom serve` without workers, its data under `folder`; watched where `profile` names a file."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")},
        "DARKROOM_DATA": str(folder / "data"),
        "DARKROOM_CONFIG": str(folder / "none.toml"),
    }
    program = ["benchmarks.gateway.profiled", str(profile)] if profile else ["darkroom.cli"]
    command = [sys.executable, "-m", *program, "serve"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--json", "--port", "0", "--workers", "0"],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    postgres = EmbeddedPostgres(folder / "data" / "postgres")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit((folder / "server.log").read_text())
        found = json.loads(line)
        yield Service(
            url=found["url"],
            dsn=postgres.dsn,
            pid=process.pid,
            postgres_pid=postgres.pid() or 0,
            owner_key=(folder / "data" / "owner.key").read_text().strip(),
        )
    finally:
        stop(process)
        if (left := postgres.pid()) is not None:  # of a server that had to be killed
            os.kill(left, signal.SIGQUIT)


@contextmanager
def working(service: Service, folder: Path, *, slots: int) -> Iterator[subprocess.Popen[bytes]]:
    """The fake worker; its notes lie in `folder`/worker.json once it has gone."""
    token = ask(service, "/api/v1/admin/worker-tokens", {"name": "bench"})["token"]
    command = [
        sys.executable,
        "-m",
        "benchmarks.gateway.drawing",
        "--url",
        service.url,
        "--token",
        str(token),
    ]
    command += ["--slots", str(slots), "--notes", str(folder / "worker.json")]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, and then makes it."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ask(service: Service, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """The owner asks something of the API."""
    request = urllib.request.Request(
        service.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {service.owner_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=START_S) as answer:
        found: dict[str, object] = json.load(answer)
    return found


async def admit(store: PostgresStore, count: int, *, name: str) -> Sequence[str]:
    """Makes accounts on PLAN; the API key of each."""
    now, plan, secrets = datetime.now(UTC), read_plans().plan(PLAN), []
    for number in range(count):
        account = Account(
            id=new_id(now),
            name=f"{name}-{number}",
            role=Role.MEMBER,
            plan=plan.name,
            created_at=now,
            period_start=now,
            period_end=month_after(now),
        )
        await store.accounts.create(account, grant_gpu_ms=plan.fast_gpu_ms_month or 0)
        secret = new_secret(KEY_PREFIX)
        key = ApiKey(
            id=new_id(now),
            account_id=account.id,
            name="bench",
            prefix=secret[:SHOWN_CHARACTERS],
            scopes=frozenset({Scope.READ, Scope.WRITE}),
            created_at=now,
        )
        await store.accounts.add_key(key, secret_hash=hash_of(secret))
        secrets.append(secret)
    return secrets
