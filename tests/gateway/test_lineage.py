"""The lineage over HTTP: pages and links, and what others may not see has a place and no face."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.contracts.world import World
from tests.gateway.conftest import House, Person, fault

from darkroom.core.params import Visibility
from darkroom.core.recipes import Role
from darkroom.storage.memory.state import State

STEALTH = Visibility.STEALTH


async def asked(person: Person, image_id: UUID, **params: Any) -> dict[str, Any]:
    answer = await person.client.get(f"/api/v1/images/{image_id}/lineage", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def state_of(house: House) -> State:
    return house.store.lineage._state  # type: ignore[attr-defined, no-any-return]


def change(house: House, image_id: UUID, **changes: Any) -> None:
    images = state_of(house).images
    images[image_id] = replace(images[image_id], **changes)


async def test_a_page_has_nodes_edges_and_links(house: House, member: Person) -> None:
    world = World(house.store)
    upload = await world.uploaded(member.account)
    (root,) = await world.made(member.account, prompt="a wolf")
    _, child = await world.made(member.account, root, upload, images=2, roles=(Role.INIT, Role.STYLE))
    found = await asked(member, child, direction="ancestors")
    image, brought = found["nodes"]
    assert set(image) == {
        "id", "kind", "job_id", "index", "action", "prompt", "visible", "deleted", "thumbnail_url", "created_at",
    }  # fmt: skip
    assert (image["id"], image["kind"], image["index"]) == (str(root), "image", 1)
    assert (image["action"], image["prompt"]) == ("imagine", "a wolf")
    assert (image["visible"], image["deleted"]) == (True, False)
    assert image["thumbnail_url"].startswith("http://studio.test/")
    assert (brought["id"], brought["kind"], brought["job_id"]) == (str(upload.id), "upload", None)
    assert (brought["action"], brought["prompt"], brought["visible"]) == (None, None, True)
    assert upload.digest in brought["thumbnail_url"]
    assert found["edges"] == [
        {"child": str(child), "parent": str(root), "kind": "image", "role": "init", "weight": 1.0},
        {"child": str(child), "parent": str(upload.id), "kind": "upload", "role": "style", "weight": 1.0},
    ]
    assert found["next_cursor"] is None


async def test_pages_follow_the_cursor(house: House, member: Person) -> None:
    world = World(house.store)
    chain = list(await world.made(member.account))
    for _ in range(6):
        chain += await world.made(member.account, chain[-1])
    for direction, start, expected in (
        ("ancestors", chain[-1], chain[-2::-1]),
        ("descendants", chain[0], chain[1:]),
        ("graph", chain[3], [each for each in reversed(chain) if each != chain[3]]),
    ):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await asked(member, start, direction=direction, limit=2, **cursor)
            seen += [node["id"] for node in page["nodes"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == [str(each) for each in expected]
    assert (await asked(member, chain[3]))["nodes"] == (await asked(member, chain[3], direction="graph"))[
        "nodes"
    ]


async def test_what_others_keep_to_themselves_is_opaque(house: House, member: Person) -> None:
    world = World(house.store)
    other = await house.person("ada")
    (secret,) = await world.made(other.account, visibility=STEALTH, prompt="a hidden thing")
    upload = await world.uploaded(other.account)
    (shown,) = await world.made(other.account, secret, upload, prompt="a shown thing")
    (own,) = await world.made(member.account, shown, visibility=STEALTH)
    visible, *opaque = (await asked(member, own, direction="ancestors"))["nodes"]
    assert (visible["id"], visible["visible"], visible["prompt"]) == (str(shown), True, "a shown thing")
    assert [node["id"] for node in opaque] == [str(upload.id), str(secret)]
    for node in opaque:
        assert (node["visible"], node["deleted"]) == (False, False)
        told = ("job_id", "index", "action", "prompt", "thumbnail_url")
        assert [node[name] for name in told] == [None] * len(told)
    (below,) = (await asked(other, shown, direction="descendants"))["nodes"]
    assert (below["id"], below["visible"]) == (str(own), False)


async def test_who_may_not_see_an_image_may_not_ask_about_it(house: House, member: Person) -> None:
    world = World(house.store)
    other = await house.person("ada")
    (hidden,) = await world.made(other.account, visibility=STEALTH)
    (public,) = await world.made(other.account)
    for image_id in (hidden, uuid4()):
        answer = await member.client.get(f"/api/v1/images/{image_id}/lineage")
        assert fault(answer, 404, "not_found")["message"] == f"There is no image {image_id}."
    assert (await asked(member, public))["nodes"] == []
    change(house, public, trashed_at=house.clock())
    fault(await member.client.get(f"/api/v1/images/{public}/lineage"), 404, "not_found")


async def test_a_tombstone_keeps_its_place_without_a_face(house: House, member: Person) -> None:
    world = World(house.store)
    (root,) = await world.made(member.account)
    (middle,) = await world.made(member.account, root)
    (last,) = await world.made(member.account, middle)
    change(house, middle, deleted_at=house.clock(), files=())
    node, top = (await asked(member, last, direction="ancestors"))["nodes"]
    assert (node["id"], node["deleted"], node["visible"]) == (str(middle), True, False)
    assert (node["prompt"], node["thumbnail_url"]) == (None, None)
    assert top["id"] == str(root)
    assert [each["id"] for each in (await asked(member, middle))["nodes"]] == [str(last), str(root)]


async def test_a_stranger_does_not_learn_what_was_deleted(house: House, member: Person) -> None:
    world = World(house.store)
    other = await house.person("ada")
    (secret,) = await world.made(other.account, visibility=STEALTH)
    (shown,) = await world.made(other.account, secret)
    change(house, secret, deleted_at=house.clock(), files=())
    (node,) = (await asked(member, shown))["nodes"]
    assert (node["visible"], node["deleted"]) == (False, False)
    (node,) = (await asked(other, shown))["nodes"]
    assert (node["visible"], node["deleted"]) == (False, True)


@pytest.mark.parametrize(
    ("params", "field"),
    [({"limit": 0}, "limit"), ({"limit": 501}, "limit"), ({"direction": "up"}, "direction"), ({"cursor": "x"}, "cursor")],
)  # fmt: skip
async def test_a_question_that_cannot_be(
    house: House, member: Person, params: dict[str, str], field: str
) -> None:
    (image_id,) = await World(house.store).made(member.account)
    answer = await member.client.get(f"/api/v1/images/{image_id}/lineage", params=params)
    assert str(fault(answer, 422, "invalid_request")["field"]).startswith(field)
