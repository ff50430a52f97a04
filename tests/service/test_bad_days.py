"""The service as it runs, on a bad day: its database gone, its disk full, its content check broken. Nothing is lost or charged."""

from __future__ import annotations

import base64
import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.postgres_fixture import FAST
from tests.service.conftest import (
    FINE,
    Hand,
    Served,
    Tenant,
    completed,
    ended,
    failed,
    fault,
    serve,
    tenant,
    until,
)
from tests.service.test_serve import failed_start

from darkroom.billing import plans
from darkroom.classifiers.text import TOKENIZER_FILE, WEIGHTS_FILE, WEIGHTS_FOLDER
from darkroom.storage.postgres.embedded import EmbeddedPostgres

PICTURE = bytes(range(256)) * 400  # some 100 kB that do not repeat another test's
OBJECTS_DISK, DATABASE_DISK = "1m", "160m"
BALLAST = "ballast"
BROKEN_WORD = "zebra"
CLIENTS, BEFORE, AFTER = 4, 16, 16  # who submit while the database goes away, and what
LONG_PROMPTS = 90  # that no full disk takes in
PAUSE_S = 0.1  # of a client before it asks again
ANSWER_S = 10.0  # within which every answer comes, whatever is away
PLAN = """
[plans.busy]
title = "Busy"
fast_minutes_month = 1000
turbo = true
relax = true
running = 3
waiting = 100
batch = 4
stealth = false
weight = 1
images_kept_days = "forever"
requests_per_minute = 100000
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server, and what it stands on. `mounted` says whether objects and database have a small disk each."""

    served: Served
    postgres: EmbeddedPostgres
    weights: Path
    objects: Path
    mounted: bool

    def fill(self) -> None:
        """No room for objects; where no disk could be mounted, by the kernel's limit on what the process may write."""
        if self.mounted:
            fill(self.objects)
        else:
            resource.prlimit(self.served.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def make_room(self) -> None:
        forever = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.served.process.pid, resource.RLIMIT_FSIZE, forever)
        (self.objects / BALLAST).unlink(missing_ok=True)

    def kept(self) -> list[str]:
        """All files of the object store."""
        files = [path for path in self.objects.rglob("*") if path.is_file() and path.name != BALLAST]
        return sorted(str(path.relative_to(self.objects)) for path in files)


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / BALLAST).open("wb", buffering=0) as ballast:
        while ballast.write(b"\0" * 4096):
            pass


@contextmanager
def small_disks(disks: Mapping[Path, str]) -> Iterator[bool]:
    """Mounts disks of these sizes in memory, where this user may; whether that was done."""
    mounted: list[Path] = []
    try:
        for folder, size in disks.items():
            folder.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
            if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
                mounted.append(folder)
        yield len(mounted) == len(disks)
    finally:
        for folder in mounted:
            subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("days")
    shipped = Path(plans.__file__).with_name("plans.toml").read_text(encoding="utf-8")
    (folder / "plans.toml").write_text(shipped + PLAN, encoding="utf-8")
    (folder / "dispatch.toml").write_text("retry_delays_s = [0.0]", encoding="utf-8")
    weights, objects, cellar = (folder / name for name in ("weights", "objects", "cellar"))
    broken_weights(weights)
    with small_disks({objects: OBJECTS_DISK, cellar: DATABASE_DISK}) as mounted:
        postgres = EmbeddedPostgres(cellar / "postgres", settings=FAST)
        try:
            served = serve(
                folder / "data",
                *("--workers", "0"),
                DARKROOM_DATABASE_URL=postgres.start(),
                DARKROOM_OBJECTS=str(objects),
                DARKROOM_PLANS=str(folder / "plans.toml"),
                DARKROOM_DISPATCH=str(folder / "dispatch.toml"),
                DARKROOM_WEIGHTS=str(weights),
            )
            yield Place(served=served, postgres=postgres, weights=weights, objects=objects, mounted=mounted)
            ended(served)
        finally:
            postgres.stop()


def broken_weights(folder: Path) -> None:
    """The weights as they ship, but for one word: the tokeniser has a row for it that the encoder lacks."""
    folder.mkdir()
    for file in WEIGHTS_FOLDER.iterdir():
        (folder / file.name).symlink_to(file)
    text = (WEIGHTS_FOLDER / TOKENIZER_FILE).read_text(encoding="utf-8")
    before, entry, row = text.partition(f'"{BROKEN_WORD}":')
    assert entry
    (folder / TOKENIZER_FILE).unlink()
    (folder / TOKENIZER_FILE).write_text(f"{before}{entry}9{row.lstrip()}", encoding="utf-8")


@pytest.fixture
def mia(place: Place, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    mia = tenant(place.served, request.node.name, plan="busy")
    yield mia
    mia.client.close()


@pytest.fixture
def hand(place: Place) -> Iterator[Hand]:
    hand = Hand(place.served, str(uuid4()), slots=8)
    yield hand
    hand.leave()


def parts(place: Place) -> tuple[int, dict[str, str]]:
    answer = httpx.get(f"{place.served.url}/readyz", timeout=ANSWER_S)
    return answer.status_code, answer.json()["parts"]


def unavailable(answer: httpx.Response, code: str) -> None:
    fault(answer, 503, code)
    assert int(answer.headers["retry-after"]) > 0


# The disk is full


def test_a_full_disk_costs_a_try_and_nothing_else(place: Place, mia: Tenant, hand: Hand) -> None:
    accepted = mia.submit("a fox on a full disk").json()["jobs"][0]["id"]
    first = hand.take()
    before, kept = mia.books(), place.kept()
    place.fill()
    try:
        unavailable(hand.put(first, PICTURE), "store_unavailable")
        until(lambda: parts(place) == (503, {"database": "ok", "objects": "failing", "dispatcher": "ok"}))
        assert httpx.get(f"{place.served.url}/healthz").status_code == 200
        preview = {"preview": base64.b64encode(PICTURE).decode(), "scores": FINE, "done": 1, "total": 2}
        claim = {"job_id": first["job_id"], "fence": first["fence"]}
        hand.told("progress", worker_id=hand.name, items=[{**claim, **preview}])
        assert hand.report(failed(first, fault="infrastructure", message="no room")) == ["accepted"]
        assert mia.submit("jobs are still taken").status_code == 202
        assert place.kept() == kept, "no half file is left"
    finally:
        place.make_room()
    job, after = mia.job(accepted), mia.books()
    assert (job["state"], job["charged_gpu_ms"] or 0, job["images"]) == ("ready", 0, [])
    assert after["balance"]["settled_gpu_ms"] == before["balance"]["settled_gpu_ms"] == 0
    until(lambda: parts(place)[0] == 200)
    second = hand.take()
    assert (second["job_id"], second["seed"], second["attempt"]) == (accepted, first["seed"], 2)
    assert hand.put(second, PICTURE).status_code == 204
    assert hand.report(completed(second, data=PICTURE)) == ["accepted"]
    job = mia.job(accepted)
    assert job["charged_gpu_ms"] == mia.books()["balance"]["settled_gpu_ms"] == 1_600
    assert httpx.get(job["images"][0]["files"]["png"]["url"]).content == PICTURE
    hand.draw()


def test_a_full_disk_of_the_database_refuses_and_forgets_nothing(
    place: Place, mia: Tenant, hand: Hand
) -> None:
    if not place.mounted:
        pytest.skip("no small disk can be mounted by this user")
    accepted = [mia.submit("a fox before the flood").json()["jobs"][0]["id"]]
    job, cellar = hand.take(), place.objects.with_name("cellar")
    fill(cellar)
    try:
        for number in range(LONG_PROMPTS):
            answer = mia.submit("a fox " + "in the snow " * 100, key=f"{number}")
            if answer.status_code != 202:
                break
            accepted.append(answer.json()["jobs"][0]["id"])
        unavailable(answer, "store_unavailable")
        assert "disk of the database is full" in answer.json()["error"]["message"]
        assert set(mia.states()) == set(accepted), "what is there can still be read"
    finally:
        (cellar / BALLAST).unlink()
    again = mia.submit("a fox " + "in the snow " * 100, key=f"{number}").json()
    assert not again["replayed"]
    assert hand.report(completed(job)) == ["accepted"]
    for _ in accepted:
        hand.draw()
    assert set(mia.states()) == {*accepted, again["jobs"][0]["id"]}
    assert mia.books()["balance"]["settled_gpu_ms"] == 1_600 * (len(accepted) + 1)


# The content check is broken


def test_what_cannot_be_checked_is_not_accepted(mia: Tenant, hand: Hand) -> None:
    before = mia.books()
    for prompt in (f"a {BROKEN_WORD}", f"a {{fox, {BROKEN_WORD}}} in the snow", f"a fox --no {BROKEN_WORD}"):
        unavailable(mia.submit(prompt, key="the-same"), "moderation_unavailable")
    assert mia.books() == before
    assert hand.pull() == []
    assert not mia.submit("a horse", key="the-same").json()["replayed"]
    hand.draw()


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_without_a_text_encoder_the_server_says_so_and_does_not_start(
    place: Place, tmp_path: Path, harm: str
) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(place.weights, weights, symlinks=True)
    (weights / WEIGHTS_FILE).unlink()
    if harm == "damaged":
        (weights / WEIGHTS_FILE).write_bytes((WEIGHTS_FOLDER / WEIGHTS_FILE).read_bytes()[:100_000])
    told = failed_start(
        tmp_path / "data",
        *("--port", "0", "--workers", "0"),
        DARKROOM_DATABASE_URL=place.postgres.dsn,
        DARKROOM_WEIGHTS=str(weights),
    )
    assert f"No text encoder can be read from {weights}, so no prompt can be checked" in told


def test_pictures_that_nobody_scored_are_not_published(place: Place, mia: Tenant, hand: Hand) -> None:
    accepted = mia.submit("a fox whom nobody scored").json()["jobs"][0]["id"]
    data, kept = PICTURE[::-1], place.kept()
    job = hand.take()
    for scores in ({}, {"beauty": 0.0}):
        assert hand.put(job, data).status_code == 204
        assert hand.report(completed(job, data=data, scores=scores)) == ["accepted"]
        shown = mia.job(accepted)
        assert (shown["state"], shown["images"]) == ("ready", [])
        assert not [key for key in set(place.kept()) - set(kept) if key.startswith("blobs/")]
        job = hand.take()
    assert mia.books()["balance"]["settled_gpu_ms"] == 0
    assert hand.put(job, data).status_code == 204
    assert hand.report(completed(job, data=data)) == ["accepted"]
    assert httpx.get(mia.job(accepted)["images"][0]["files"]["png"]["url"]).content == data


# The database is away


@dataclass
class Crowd:
    """Clients that submit with a key of their own each, and again until they are heard."""

    mia: Tenant
    statuses: set[int]
    refused: threading.Event
    stop: threading.Event

    def submit(self, name: str) -> str:
        """The job that came of it."""
        while not self.stop.is_set():
            answer = self.mia.submit("a fox in a crowd", key=name)
            self.statuses.add(answer.status_code)
            if answer.status_code == 202:
                return str(answer.json()["jobs"][0]["id"])
            fault(answer, 503, "store_unavailable")
            self.refused.set()
            self.stop.wait(PAUSE_S)
        raise AssertionError("never heard")


ASKED: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("POST", "/api/v1/jobs", {"prompt": "a fox that nobody heard of"}),
    ("GET", "/api/v1/jobs", None),
    ("GET", "/api/v1/jobs?q=fox", None),
    ("GET", "/api/v1/jobs/{job}", None),
    ("GET", "/api/v1/jobs/{job}/history", None),
    ("DELETE", "/api/v1/jobs/{job}", None),
    ("GET", "/api/v1/images", None),
    ("GET", "/api/v1/images/{job}", None),
    ("GET", "/api/v1/account", None),
    ("PATCH", "/api/v1/account", {"lane": "turbo"}),
    ("GET", "/api/v1/account/statement", None),
    ("GET", "/api/v1/account/keys", None),
    ("POST", "/api/v1/account/keys", {"name": "a key"}),
    ("POST", "/api/v1/login", {"token": "dl_" + "x" * 43}),
)


def stop_at_once(postgres: EmbeddedPostgres) -> None:
    pid = postgres.pid()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    until(lambda: postgres.pid() is None)


def refused_everywhere(place: Place, mia: Tenant, job_id: str) -> None:
    """What people ask is refused in time and in words, and the process says what is the matter."""
    with httpx.Client(base_url=place.served.url, timeout=ANSWER_S) as client:
        headers = {"Origin": place.served.url, "Authorization": f"Bearer {mia.secret}"}
        for method, path, body in ASKED:
            answer = client.request(method, path.replace("{job}", job_id), json=body, headers=headers)
            unavailable(answer, "store_unavailable")
        events = client.get("/api/v1/events", headers=headers)  # browsers come back to a stream that ends
        assert events.status_code == 503 or events.text.startswith("retry: ")
        assert client.get("/healthz").status_code == 200
    status, found = parts(place)
    assert (status, found["database"], found["objects"]) == (503, "failing", "ok")


def first_heard(call: Callable[[], httpx.Response]) -> httpx.Response:
    """The first answer that is not 503."""
    answer: httpx.Response = until(lambda: (found := call()).status_code != 503 and found)
    return answer


def test_a_database_that_dies_under_load_takes_nothing_with_it(place: Place, mia: Tenant, hand: Hand) -> None:
    running = mia.submit("a fox that is drawn meanwhile").json()["jobs"][0]["id"]
    job = hand.take()
    assert hand.put(job, PICTURE).status_code == 204
    crowd = Crowd(mia=mia, statuses=set(), refused=threading.Event(), stop=threading.Event())
    with ThreadPoolExecutor(CLIENTS) as pool:
        try:
            submitted = [pool.submit(crowd.submit, f"before-{number}") for number in range(BEFORE)]
            until(lambda: any(each.done() for each in submitted))
            stop_at_once(place.postgres)
            submitted += [pool.submit(crowd.submit, f"after-{number}") for number in range(AFTER)]
            assert crowd.refused.wait(ANSWER_S)
            refused_everywhere(place, mia, running)
            report = completed(job, data=PICTURE)
            assert hand.call("reports", worker_id=hand.name, reports=[report]).status_code == 503
            until(lambda: parts(place)[1]["dispatcher"] == "failing")  # by now the lease has run out, too
            for path, body in (
                ("pull", {"free": 1}),
                ("heartbeat", {"claims": []}),
                ("reports", {"reports": [report]}),
            ):
                assert hand.call(path, worker_id=hand.name, **body).status_code == 503
            place.postgres.start()
            told = first_heard(lambda: hand.call("reports", worker_id=hand.name, reports=[report]))
            assert told.json() == {"outcomes": ["accepted"]}
            accepted = [each.result() for each in submitted]
        finally:
            crowd.stop.set()
    assert crowd.statuses == {202, 503}
    until(lambda: parts(place)[0] == 200)
    assert len(set(accepted)) == BEFORE + AFTER
    assert set(mia.states()) == {running, *accepted}, "each is there once, and what was refused is not"
    assert httpx.get(mia.job(running)["images"][0]["files"]["png"]["url"]).content == PICTURE
    hand.register()
    for _ in accepted:
        hand.draw()
    assert set(mia.states().values()) == {"completed"}
    balance = mia.books()["balance"]
    assert (balance["held_gpu_ms"], balance["settled_gpu_ms"]) == (0, 1_600 * (1 + len(accepted)))
