"""Hostile pictures, masks and links to the service as it runs, with a real worker: each is refused with its code, nothing is kept,
server and worker are the same afterwards, and draw. What needs a hostile server or resolver is in tests/intake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.intake import hostile_files as files
from tests.service.conftest import Served, Tenant, ended, fault, serve, tenant, until

UPLOADS = "/api/v1/uploads"
USES = 50  # of one tenant, who may bring 60 in a minute
GRID_S = 180.0  # a limit, not a measurement


class People:
    """Tenants for many tests, none of whom brings more than an account may."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._made: list[Tenant] = []
        self._uses = 0

    def one(self) -> Tenant:
        if self._uses % USES == 0:
            self._made.append(tenant(self._served, f"eve {len(self._made)}", plan="pro"))
        self._uses += 1
        return self._made[-1]

    def kept(self) -> list[dict[str, Any]]:
        return [each for one in self._made for each in one.client.get(UPLOADS).json()["uploads"]]

    def close(self) -> None:
        for each in self._made:
            each.client.close()


def workers(served: Served) -> list[tuple[str, str, str]]:
    """Who draws, and since when."""
    with served.client() as owner:
        found = owner.get("/api/v1/admin/workers").json()["workers"]
    return [(each["id"], each["registered_at"], each["state"]) for each in found]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = serve(tmp_path_factory.mktemp("hostile") / "data", "--workers", "1")
    until(lambda: workers(served))
    yield served
    ended(served)


@pytest.fixture(scope="module")
def before(served: Served) -> list[tuple[str, str, str]]:
    return workers(served)


@pytest.fixture(scope="module")
def people(served: Served, before: object) -> Iterator[People]:
    people = People(served)
    yield people
    people.close()


def bring(one: Tenant, data: bytes, *, name: str = "fox.png", kind: str = "picture") -> httpx.Response:
    return one.client.post(UPLOADS, files={"file": (name, data, "image/png")}, data={"kind": kind})


@pytest.mark.parametrize("name", files.BAD)
def test_a_bad_file_is_refused(people: People, name: str) -> None:
    make, code = files.BAD[name]
    assert fault(bring(people.one(), make()), 422, code)["hint"]


@pytest.mark.parametrize("name", files.BAD_MASKS)
def test_a_bad_mask_is_refused(people: People, name: str) -> None:
    make, code = files.BAD_MASKS[name]
    assert fault(bring(people.one(), make(), kind="mask"), 422, code)["hint"]


@pytest.mark.parametrize("name", files.BAD_LINKS)
def test_a_bad_link_is_refused(people: People, name: str) -> None:
    url, code = files.BAD_LINKS[name]
    error = fault(people.one().client.post(f"{UPLOADS}/fetch", json={"url": url}), 422, code)
    assert error["field"] == "url" and error["hint"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/fox.png", "http://[::1]/fox.png", "http://2130706433/fox.png"]
)
def test_a_bad_link_in_a_prompt_makes_no_job(people: People, url: str) -> None:
    one = people.one()
    was = one.books()
    fault(one.submit(f"{url} a red fox"), 422, "link_refused")
    assert one.books() == was


def test_nothing_of_all_this_was_kept(people: People) -> None:
    assert people.kept() == []


POLYGLOTS = {
    "PNG and zip": files.encoded() + files.archive(),
    "GIF and zip": files.encoded(form="GIF") + files.archive(),
    "JPEG and HTML": files.jpeg_with(files.segment(0xFE, files.SECRET)) + files.SECRET,
    "JPEG and a place": files.jpeg_turned(6),
}


@pytest.mark.parametrize("name", POLYGLOTS)
def test_of_a_polyglot_only_the_picture_is_served(people: People, name: str) -> None:
    answer = bring(people.one(), POLYGLOTS[name], name="fox.html")
    assert answer.status_code == 201, answer.text
    kept = httpx.get(answer.json()["url"])
    assert kept.headers["content-type"] == "image/png" and kept.content.startswith(files.SIGNATURE)
    assert kept.headers["x-content-type-options"] == "nosniff"
    assert not any(secret in kept.content for secret in (b"stolen", b"PK\3\4", b"GPS"))


def test_all_of_them_at_once_leave_the_service_answering(served: Served, people: People) -> None:
    """Every worst file again, from several sides, while somebody else asks for something else."""
    one, other = people.one(), people.one()
    with httpx.Client(base_url=served.url) as watcher:
        for name in list(files.BAD)[-20:]:
            bring(one, files.BAD[name][0]())
            assert watcher.get("/healthz").status_code == 200
    assert other.client.get("/api/v1/account").status_code == 200


def check_masks_at_use(one: Tenant, other: Tenant, image: dict[str, Any]) -> None:
    """A mask of another size, one that is a picture, somebody else's, and one that there is not."""
    width, height = image["width"], image["height"]
    white = Image.new("L", (width, height), 255)
    small = bring(one, files.encoded(white.resize((64, 64))), kind="mask").json()["id"]
    picture = bring(one, files.encoded(white)).json()["id"]
    theirs = bring(other, files.encoded(white), kind="mask").json()["id"]
    was = one.books()
    for mask, status, code in (
        (small, 422, "mask_invalid"),
        (picture, 422, "mask_invalid"),
        (theirs, 404, "not_found"),
        (image["id"], 404, "not_found"),
    ):
        body = {"action": "vary_region", "mask": mask, "prompt": "a blue fox"}
        fault(one.client.post(f"/api/v1/images/{image['id']}/actions", json=body), status, code)
    assert one.books() == was


def test_server_and_worker_are_the_same_and_draw(
    served: Served, people: People, before: list[tuple[str, str, str]]
) -> None:
    assert served.process.poll() is None
    assert workers(served) == before
    one = tenant(served, "mia", plan="pro")
    reference = bring(one, POLYGLOTS["PNG and zip"]).json()["reference"]
    jobs = [
        one.submit(prompt).json()["jobs"][0]["id"]
        for prompt in ("a red fox --draft", f"{reference} a red fox --draft")
    ]

    def completed() -> bool:
        states = [one.job(each) for each in jobs]
        assert all(each["state"] not in ("failed", "rejected") for each in states), states
        return all(each["state"] == "completed" for each in states)

    until(completed, seconds=GRID_S)
    check_masks_at_use(one, people.one(), one.job(jobs[0])["images"][0])
    assert workers(served) == before
    with served.client() as owner:
        metrics = owner.get("/metrics").text
    assert "darkroom_incidents_total 0.0" in metrics
    one.client.close()
