"""Hostile pictures, masks and links to the service as it runs: each is refused with its code, nothing is kept, and the server is
the same afterwards. What needs a hostile server or resolver is in tests/intake; that a real worker outlives them, in
test_creative_loop.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.intake import hostile_files as files
from tests.service.conftest import Hand, Served, Tenant, completed, fault, tenant

UPLOADS = "/api/v1/uploads"
USES = 50  # of one tenant, who may bring 60 in a minute


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


@pytest.fixture(scope="module")
def people(served: Served) -> Iterator[People]:
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


@pytest.fixture(scope="module")
def image(served: Served) -> Iterator[dict[str, Any]]:
    """An image of 8 x 8, drawn by hand, and a tenant of its own who has brought nothing yet."""
    hand, one = Hand(served, "hand"), tenant(served, "adam", plan="pro")
    job = one.submit().json()["jobs"][0]["id"]
    taken, data = hand.take(), files.encoded(files.scene(8, 8))
    assert taken["job_id"] == job and hand.put(taken, data).status_code == 204
    assert hand.report(completed(taken, data=data)) == ["accepted"]
    hand.leave()
    found: dict[str, Any] = one.job(job)["images"][0]
    yield {**found, "one": one}
    one.client.close()


MASKS_AT_USE = {
    "another size": (16, "mask", True, 422, "mask_invalid"),
    "a picture": (8, "picture", True, 422, "mask_invalid"),
    "somebody else's": (8, "mask", False, 404, "not_found"),
}
"""The side of a white picture, what it is brought as, whether it is one's own; and what its use is refused with."""


@pytest.mark.parametrize("name", MASKS_AT_USE)
def test_a_mask_that_does_not_fit_is_refused_when_it_is_used(
    served: Served, image: dict[str, Any], name: str
) -> None:
    side, kind, own, status, code = MASKS_AT_USE[name]
    one, other = image["one"], tenant(served, name, plan="pro")
    white = files.encoded(Image.new("L", (side, side), 255))
    mask = bring(one if own else other, white, kind=kind).json()["id"]
    check_refused(image, mask, status, code)
    other.client.close()


def test_no_image_is_a_mask(image: dict[str, Any]) -> None:
    check_refused(image, image["id"], 404, "not_found")


def check_refused(image: dict[str, Any], mask: str, status: int, code: str) -> None:
    one: Tenant = image["one"]
    was = one.books()
    body = {"action": "vary_region", "mask": mask, "prompt": "a blue fox"}
    fault(one.client.post(f"/api/v1/images/{image['id']}/actions", json=body), status, code)
    assert one.books() == was


def test_the_server_is_the_same_and_had_no_incident(served: Served) -> None:
    assert served.process.poll() is None
    with served.client() as owner:
        metrics = owner.get("/metrics").text
    assert "darkroom_incidents_total 0.0" in metrics
