"""Two members of a service as it runs: by no route does one of them reach what the other has. Unknown routes fail.

The table of routes is that of tests/gateway/test_every_route.py; here each object is made over HTTP and lies in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from tests.gateway import test_every_route as table
from tests.service.conftest import Hand, Served, Tenant, completed, ended, failed, fault, serve, tenant

PIXELS = b"\x89PNG, as far as anybody looks"
WORKER = "/worker/v1/"  # those routes name runs in their bodies; a key of a person opens none of them


@dataclass(frozen=True, kw_only=True)
class Town:
    """A server, its operator, and two members who have nothing to do with each other."""

    served: Served
    owner: httpx.Client
    mia: Tenant
    eve: Tenant
    hand: Hand


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    (folder / "dispatch.toml").write_text("retry_delays_s = [0.0]", encoding="utf-8")
    served = serve(folder / "data", "--workers", "0", DARKROOM_DISPATCH=str(folder / "dispatch.toml"))
    mia, eve = tenant(served, "mia", plan="pro"), tenant(served, "eve", plan="pro")
    hand, owner = Hand(served, "hand", slots=4), served.client()
    yield Town(served=served, owner=owner, mia=mia, eve=eve, hand=hand)
    for client in (owner, mia.client, eve.client):
        client.close()
    hand.leave()
    ended(served)


def a_job(town: Town) -> str:
    answer = town.mia.submit()
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


def a_running_job(town: Town) -> dict[str, Any]:
    wanted = a_job(town)
    while (job := town.hand.take())["job_id"] != wanted:
        town.hand.report(completed(job))  # of an earlier test
    return job


def a_completed_job(town: Town) -> str:
    job = a_running_job(town)
    assert town.hand.put(job, PIXELS).status_code == 204
    assert town.hand.report(completed(job, data=PIXELS)) == ["accepted"]
    return str(job["job_id"])


def an_image(town: Town) -> str:
    return str(town.mia.job(a_completed_job(town))["images"][0]["id"])


def a_file(town: Town) -> str:
    image = town.mia.client.get(f"/api/v1/images/{an_image(town)}").json()
    return httpx.URL(image["files"]["png"]["url"]).path.removeprefix("/files/")


def a_dead_letter(town: Town) -> str:
    """A job that two workers in good health cannot draw."""
    second = Hand(town.served, "second")
    job = a_running_job(town)
    assert town.hand.report(failed(job, fault="job")) == ["accepted"]
    assert second.report(failed(second.take(), fault="job")) == ["accepted"]
    second.leave()
    assert town.mia.job(str(job["job_id"]))["state"] == "failed"
    return str(job["job_id"])


def a_key(town: Town) -> str:
    answer = town.mia.client.post("/api/v1/account/keys", json={"name": "a key"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def a_hidden_image(town: Town) -> str:
    image = an_image(town)
    answer = town.mia.client.patch(f"/api/v1/images/{image}", json={"visibility": "stealth"})
    assert answer.status_code == 200, answer.text
    return image


def a_trashed_image(town: Town) -> str:
    image = an_image(town)
    assert town.mia.client.delete(f"/api/v1/images/{image}").status_code == 200
    return image


def a_folder(town: Town) -> str:
    return str(town.mia.client.post("/api/v1/folders", json={"name": str(uuid4())}).json()["id"])


def a_search(town: Town) -> str:
    answer = town.mia.client.post("/api/v1/searches", json={"name": "foxes", "query": "q=fox"})
    return str(answer.json()["id"])


def an_upload(town: Town) -> str:
    file = BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, "PNG")
    answer = town.mia.client.post("/api/v1/uploads", files={"file": file.getvalue()})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def a_replay(town: Town) -> str:
    body = {"action": "replay"}
    answer = town.mia.client.post(f"/api/v1/images/{an_image(town)}/actions", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobs"][0]["id"])


def an_appeal(town: Town) -> str:
    assert town.mia.submit("a naked woman").status_code == 403
    verdict = town.mia.client.get("/api/v1/account/verdicts").json()["verdicts"][0]
    body = {"verdict_id": verdict["id"], "reason": "It is a study."}
    return str(town.mia.client.post("/api/v1/appeals", json=body).json()["id"])


def a_user(town: Town) -> str:
    return str(town.owner.post("/api/v1/admin/users", json={"name": str(uuid4())}).json()["id"])


def a_worker(town: Town) -> str:
    name = str(uuid4())
    town.hand.told("register", name=name, device="none", models=[], slots=1)
    return name


def a_worker_token(town: Town) -> str:
    return str(town.owner.post("/api/v1/admin/worker-tokens", json={"name": "a token"}).json()["id"])


MAKERS: Mapping[object, Callable[[Town], str]] = {
    table.a_job: a_job,
    table.an_image: an_image,
    table.a_hidden_image: a_hidden_image,
    table.a_trashed_image: a_trashed_image,
    table.a_replay: a_replay,
    table.a_folder: a_folder,
    table.a_search: a_search,
    table.an_upload: an_upload,
    table.a_dead_letter: a_dead_letter,
    table.a_key: a_key,
    table.a_user: a_user,
    table.a_worker: a_worker,
    table.a_worker_token: a_worker_token,
    table.an_appeal: an_appeal,
    table.a_file: a_file,
}
"""How what the table's makers put into memory is made here."""


NO_LISTS = {
    "/api/v1/account",
    "/api/v1/account/usage",
    "/api/v1/events",
    "/api/v1/explore",
    "/api/v1/images/count",
    "/api/v1/models",
    "/api/v1/rank",
}


def described(town: Town) -> set[tuple[str, str]]:
    paths = town.owner.get("/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_that_names_an_object_is_walked_here(town: Town) -> None:
    assert {(method, path) for method, path in described(town) if "{" in path} <= set(table.ROUTES)
    assert {each.make for each in (*table.ROUTES.values(), *table.MENTIONS.values())} == set(MAKERS)


def test_every_list_is_walked_here(town: Town) -> None:
    """What answers a GET, names nothing and needs a member's key is a list of theirs, or is known to be none."""
    lists = {
        path
        for method, path in described(town)
        if method == "GET" and "{" not in path and path.startswith("/api/v1/") and "/admin/" not in path
    }
    assert lists == table.LISTS | NO_LISTS


@pytest.mark.parametrize(("method", "path"), table.ROUTES)
def test_a_strangers_key_finds_nothing_and_changes_nothing(town: Town, method: str, path: str) -> None:
    walk = table.ROUTES[method, path]
    name, unknown = MAKERS[walk.make](town), str(uuid4())
    address = table.filled(path, name)
    before = town.mia.books()
    answer = town.eve.client.request(method, address, json=walk.body)
    assert answer.status_code == walk.stranger, answer.text
    if walk.stranger == 404:
        nowhere = town.eve.client.request(method, table.filled(path, unknown), json=walk.body)
        same = {**fault(nowhere, 404, "not_found")}
        same["message"] = same["message"].replace(unknown, name)
        assert fault(answer, 404, "not_found") == same, "the answers must not tell what exists"
    nobody = httpx.request(method, f"{town.served.url}{address}", json=walk.body)
    assert nobody.status_code == (403 if path.startswith("/files/") else 401)
    assert town.mia.books() == before
    if walk.rightful:
        rightful = town.owner if walk.stranger == table.ADMIN else town.mia.client
        answer = rightful.request(method, address, json=walk.body)
        assert answer.status_code < 300, answer.text


@pytest.mark.parametrize("what", table.MENTIONS)
def test_what_a_body_or_a_query_names_is_not_there_for_strangers(town: Town, what: str) -> None:
    mention = table.MENTIONS[what]
    name, unknown = MAKERS[mention.make](town), str(uuid4())
    theirs = replace(town, mia=town.eve, eve=town.mia)
    own = MAKERS[mention.own](theirs) if mention.own else ""
    before = town.mia.books()
    answers = []
    for each in (name, unknown):
        method, address, body = table.mentioned(mention, each, own)
        answers.append(town.eve.client.request(method, address, json=body))
    assert answers[0].status_code == mention.status, answers[0].text
    assert answers[0].text == answers[1].text.replace(unknown, name), "the answers must not tell what exists"
    assert town.mia.books() == before


@pytest.mark.parametrize("path", sorted(table.LISTS | {"/api/v1/account"}))
def test_lists_hold_nothing_of_others(town: Town, path: str) -> None:
    made = {a_job(town), an_image(town), a_key(town), town.mia.id}
    made |= {a_folder(town), a_search(town), a_trashed_image(town), an_upload(town), an_appeal(town)}
    mine, theirs = town.mia.client.get(path), town.eve.client.get(path)
    assert mine.status_code == theirs.status_code == 200
    assert any(each in mine.text for each in made), "the list must show its owner what it hides from others"
    assert not any(each in theirs.text for each in made)


@pytest.mark.parametrize("query", ["batch", "cursor", "q"])
def test_filters_and_cursors_reach_nobody_elses_jobs(town: Town, query: str) -> None:
    answer = town.mia.submit("an unmistakable walrus")
    job = answer.json()["jobs"][0]
    value = {"batch": job["batch_id"], "cursor": "ffffffff-ffff-7fff-bfff-ffffffffffff", "q": "walrus"}[query]
    assert job["id"] in town.mia.client.get("/api/v1/jobs", params={query: value}).text
    assert job["id"] not in town.eve.client.get("/api/v1/jobs", params={query: value}).text


def test_the_same_idempotency_key_of_two_people_makes_two_jobs(town: Town) -> None:
    mine, theirs = (each.submit(key="the-same-key").json() for each in (town.mia, town.eve))
    assert not mine["replayed"] and not theirs["replayed"]
    assert mine["jobs"][0]["id"] != theirs["jobs"][0]["id"]


def test_streams_tell_nobody_of_others(town: Town) -> None:
    with town.eve.client.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: snapshot"
        theirs = a_job(town)
        mine = town.eve.submit().json()["jobs"][0]["id"]
        heard: list[str] = []
        while not heard or mine not in heard[-1]:
            heard.append(next(lines))
    assert not any(theirs in line for line in heard)


def test_a_persons_key_is_no_workers_token_and_the_other_way_round(town: Town) -> None:
    for method, path in sorted(described(town)):
        if path.startswith(WORKER):
            fault(town.mia.client.request(method, path, json={}), 401, "not_authenticated")
    fault(town.hand.client.get("/api/v1/account"), 401, "not_authenticated")
