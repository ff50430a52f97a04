"""The whole loop with the keyboard alone: nothing here presses, moves or drags a mouse."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.service.conftest import Served, until
from tests.studio.conftest import Visit, drawn, ended_job

STEPS_MAX = 80  # of the Tab key, from anywhere to anywhere


@pytest.fixture(scope="module")
def tree(served: Served) -> dict[str, Any]:
    """A grid that the tests go on from."""
    return drawn(served, "a green tree --draft")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until it is there, as somebody does who has no mouse."""
    for _ in range(STEPS_MAX):
        if wanted.count() and wanted.first.evaluate("element => element === document.activeElement"):
            return
        press(page, "Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")


def newest(served: Served, action: str) -> dict[str, Any]:
    """The newest job, which must come of this action, when it has ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = owner.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
        return job if job["action"] == action else None

    with served.client() as owner:
        return ended_job(owner, until(look)["id"])


def test_from_words_to_variations(served: Served, visit: Visit, tree: dict[str, Any]) -> None:
    page = visit().open()
    field = page.get_by_role("textbox", name="Prompt")
    expect(field).to_be_visible()
    press(page, "Escape", "/")
    expect(field).to_be_focused()
    page.keyboard.type("a green boat --dr")
    expect(page.get_by_role("option", name=re.compile("draft")).first).to_be_visible()
    press(page, "Tab")  # takes what completes it
    expect(field).to_have_value(re.compile("^a green boat --draft ?$"))
    press(page, "Enter")
    boat = page.get_by_role("article", name="a green boat", exact=True)
    expect(boat.get_by_role("link", name=re.compile("Open picture 4"))).to_be_visible()
    press(page, "Escape", "ArrowDown")
    expect(boat).to_be_focused()
    press(page, "ArrowDown")
    expect(page.get_by_role("article", name="a green tree", exact=True).first).to_be_focused()
    press(page, "ArrowUp", "ArrowRight", "ArrowRight")
    expect(boat.get_by_role("link", name=re.compile("Open picture 2"))).to_be_focused()
    press(page, "u")
    upscaled = newest(served, "upscale_subtle")
    with served.client() as owner:
        grid = owner.get(f"/api/v1/images/{upscaled['recipe']['inputs'][0]['parent_id']}").json()["job_id"]
    press(page, "ArrowLeft", "ArrowLeft")
    expect(page.locator(f"[data-job='{grid}']")).to_be_focused()
    press(page, "v")
    expect(page.get_by_text("Vary which one a lot? Press its number.")).to_be_visible()
    press(page, "1")
    newest(served, "vary_strong")
    expect(page.locator(f"[data-job='{grid}']")).to_be_focused()
    press(page, "r")
    newest(served, "reroll")
    press(page, "3")
    page.wait_for_url("**/images/*")


def test_a_region_by_keys_and_its_lineage(served: Served, visit: Visit, tree: dict[str, Any]) -> None:
    parent = tree["images"][0]["id"]
    page = visit().open(f"/images/{parent}")
    expect(page.get_by_role("heading", name="a green tree")).to_be_visible()
    press(page, "e")
    board = page.get_by_role("application", name="Picture to paint on")
    expect(board).to_be_visible()
    press(page, "r")
    expect(board).to_be_focused()
    press(page, "ArrowLeft", "Shift+ArrowLeft", "Enter")
    expect(page.get_by_text(re.compile("% of the picture"))).to_be_visible()
    tab_to(page, page.get_by_label("What should be there"))
    page.keyboard.type(" with a red bird")
    press(page, "Control+Enter")
    page.wait_for_url("**/jobs/*")
    with served.client() as owner:
        job = ended_job(owner, page.url.rpartition("/")[2])
    assert (job["state"], job["action"]) == ("completed", "vary_region")
    expect(page.get_by_role("link", name=re.compile("Open picture 1"))).to_be_visible()
    tab_to(page, page.get_by_role("link", name=re.compile("Open picture 1")))
    press(page, "Enter")
    child = job["images"][0]["id"]
    page.wait_for_url(f"**/images/{child}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("with a red bird")
    press(page, "t")
    page.wait_for_url(f"**/images/{child}/lineage")
    expect(page.locator(f"[data-node='{child}']")).to_be_visible()
    press(page, "ArrowUp", "ArrowUp")
    expect(page.locator(f"[data-node='{parent}']")).to_be_focused()
    press(page, "Enter")
    page.wait_for_url(f"**/images/{parent}")


def test_the_library_by_keys(served: Served, visit: Visit) -> None:
    drawn(served, "a purple hill --draft")
    page = visit().open()
    expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
    press(page, "Escape", "l")
    expect(page.get_by_role("heading", level=1)).to_have_text("Library")
    press(page, "/")
    expect(page.get_by_label("Search prompts")).to_be_focused()
    page.keyboard.type("purple")
    expect(page.get_by_text("4 images", exact=True)).to_be_visible()
    tab_to(page, page.get_by_role("grid"))
    press(page, "Space", "ArrowRight", "Space")
    expect(page.get_by_role("gridcell", selected=True)).to_have_count(2)
    press(page, "m")
    expect(page.get_by_label("Find a folder, or name a new one")).to_be_focused()
    page.keyboard.type("Hills")
    press(page, "Enter")
    expect(page.get_by_text("2 images added to Hills.")).to_be_visible()
    press(page, "Delete")
    expect(page.get_by_text("2 images are in the trash.")).to_be_visible()
    expect(page.get_by_text("2 images", exact=True)).to_be_visible()
    undo = page.get_by_role("log").get_by_role("button", name="Undo").last
    tab_to(page, undo)
    press(page, "Enter")
    expect(page.get_by_text("4 images", exact=True)).to_be_visible()
    tab_to(page, page.get_by_role("grid"))
    press(page, "Home", "Enter")
    page.wait_for_url("**/images/*")
    expect(page.get_by_role("heading", name="a purple hill")).to_be_visible()
    press(page, "Escape")
    page.wait_for_url("**/library?*")


def test_the_help_sheet_and_the_palette(visit: Visit, tree: dict[str, Any]) -> None:
    page = visit().open(f"/images/{tree['images'][0]['id']}")
    expect(page.get_by_role("heading", name="a green tree")).to_be_visible()
    press(page, "?")
    sheet = page.get_by_role("dialog", name="Keys and help")
    expect(sheet.get_by_text("Edit a region or the canvas")).to_be_visible()
    press(page, "x")  # nothing beneath a dialog hears a key
    expect(sheet).to_be_visible()
    press(page, "Escape")
    expect(sheet).to_be_hidden()
    press(page, "Control+k")
    expect(page.get_by_role("combobox", name="Command")).to_be_focused()
    page.keyboard.type("lib")
    expect(page.get_by_role("option", name=re.compile("^Library")).first).to_have_attribute(
        "aria-selected", "true"
    )
    press(page, "Enter")
    page.wait_for_url("**/library")
    press(page, "Control+k")
    page.keyboard.type("no such thing")
    expect(page.get_by_text("Nothing is called that.")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
