"""Folders and saved searches over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.gateway.conftest import House, Person, fault
from tests.gateway.test_gallery_routes import drawn, many

FOLDERS, SEARCHES = "/api/v1/folders", "/api/v1/searches"


async def made(person: Person, name: str) -> dict[str, Any]:
    answer = await person.client.post(FOLDERS, json={"name": name})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def arranged(person: Person, folder: dict[str, Any], **body: Any) -> httpx.Response:
    return await person.client.post(f"{FOLDERS}/{folder['id']}/images", json=body)


async def test_a_folder_from_its_making_to_its_end(house: House, member: Person) -> None:
    one, two, *_rest = await drawn(house, member)
    foxes, boats = await made(member, "  foxes "), await made(member, "Boats")
    assert (foxes["name"], foxes["images"]) == ("foxes", 0)
    full = (await arranged(member, foxes, add=[str(one.id), str(two.id)])).json()
    assert full == {**foxes, "images": 2}
    assert (await member.client.get(FOLDERS)).json() == {"folders": [boats, full]}
    listed = (await member.client.get("/api/v1/images", params={"folder": foxes["id"]})).json()["images"]
    assert [each["id"] for each in listed] == sorted([str(one.id), str(two.id)], reverse=True)
    await many(member, "trash", one)
    assert (await arranged(member, foxes)).json()["images"] == 1
    assert (await arranged(member, foxes, remove=[str(two.id)])).json()["images"] == 0
    await many(member, "restore", one)
    renamed = (await member.client.patch(f"{FOLDERS}/{foxes['id']}", json={"name": "FOXES"})).json()
    assert (renamed["name"], renamed["images"]) == ("FOXES", 1)
    assert (await member.client.delete(f"{FOLDERS}/{foxes['id']}")).status_code == 204
    fault(await member.client.delete(f"{FOLDERS}/{foxes['id']}"), 404, "not_found")
    assert (await member.client.get(f"/api/v1/images/{one.id}")).status_code == 200


async def test_names_and_contents_that_cannot_be(house: House, member: Person) -> None:
    one, *_four, grid = await drawn(house, member)
    eve = await house.person("eve")
    theirs, *_rest = await drawn(house, eve)
    foxes, boats = await made(member, "foxes"), await made(member, "boats")
    await made(eve, "foxes")
    fault(await member.client.post(FOLDERS, json={"name": "Foxes"}), 409, "name_taken")
    fault(await member.client.patch(f"{FOLDERS}/{boats['id']}", json={"name": "foxes"}), 409, "name_taken")
    for name in ("", "   ", "x" * 101, "\x1c", "\x85", "two\nlines", "red \x1b[31mfoxes"):
        fault(await member.client.post(FOLDERS, json={"name": name}), 422, "invalid_request")
        fault(await member.client.post(SEARCHES, json={"name": name, "query": ""}), 422, "invalid_request")
    for wrong in (theirs.id, grid.id, uuid4()):
        error = fault(await arranged(member, foxes, add=[str(one.id), str(wrong)]), 404, "not_found")
        assert error["message"] == f"There is no image {wrong}."
    assert (await member.client.get(FOLDERS)).json()["folders"] == [boats, foxes], "all or nothing"


async def test_saved_searches(house: House, member: Person) -> None:
    answer = await member.client.post(
        SEARCHES, json={"name": "good foxes", "query": "q=red+fox&liked=true&rating_min=3"}
    )
    assert answer.status_code == 201
    saved = answer.json()
    assert (await member.client.get(SEARCHES)).json() == {"searches": [saved]}
    assert (await member.client.get(f"/api/v1/images?{saved['query']}")).status_code == 200
    eve = await house.person("eve")
    assert (await eve.client.get(SEARCHES)).json() == {"searches": []}
    fault(await eve.client.delete(f"{SEARCHES}/{saved['id']}"), 404, "not_found")
    assert (await member.client.delete(f"{SEARCHES}/{saved['id']}")).status_code == 204
    assert (await member.client.get(SEARCHES)).json() == {"searches": []}


@pytest.mark.parametrize(
    "query",
    [
        "rating_min=9",
        "colour=red",
        "liked=perhaps",
        "limit=3",
        "q=" + "x" * 300,
        "q=%00",
        "&".join(["a=b"] * 99),
    ],
)
async def test_what_no_list_would_take_is_no_search(member: Person, query: str) -> None:
    error = fault(
        await member.client.post(SEARCHES, json={"name": "x", "query": query}), 422, "invalid_request"
    )
    assert error["field"] == "query" and error["hint"]
