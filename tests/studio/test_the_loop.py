"""The creative loop by mouse: from a link to a picture, and on from there, until it lies in the trash and comes back."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect
from tests.service.conftest import Served, until
from tests.studio.conftest import Visit, drawn, ended_job, login_link

FOX = "a red fox --draft"
ROUND_PX = 2  # of what was painted and its feather, lost to whole pixels

# What the first looks were, noted by the page itself: they come and go too quickly to be asked for.
WATCH = """() => {
  window.looks = new Set();
  new MutationObserver(() => {
    for (const look of document.querySelectorAll("[data-job] img.look"))
      if (!document.querySelector("[data-job] [data-tile]")) window.looks.add(look.src);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


@pytest.fixture(scope="module")
def fox(served: Served) -> dict[str, Any]:
    """A grid that all tests of the module may go on from."""
    return drawn(served, FOX)


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Prompt")


def card(page: Page, name: str) -> Locator:
    """The newest job of these words."""
    return page.get_by_role("article", name=name, exact=True).first


def png(served: Served, image_id: str) -> np.ndarray[Any, Any]:
    with served.client() as owner:
        file = owner.get(f"/api/v1/images/{image_id}").json()["files"]["png"]
    return np.asarray(Image.open(io.BytesIO(httpx.get(file["url"]).content)).convert("RGB")).astype(int)


def job_after(served: Served, page: Page) -> dict[str, Any]:
    """The job whose page one is on, when it has ended."""
    page.wait_for_url(re.compile("/jobs/"))
    with served.client() as owner:
        return ended_job(owner, page.url.rpartition("/")[2])


def newest(served: Served, action: str) -> dict[str, Any]:
    """The newest job, which must come of this action, when it has ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = owner.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
        return job if job["action"] == action else None

    with served.client() as owner:
        return ended_job(owner, until(look)["id"])


def test_a_link_a_prompt_and_pictures_that_sharpen(served: Served, visit: Visit) -> None:
    visitor = visit(account=None)
    page = visitor.open(login_link(served, "owner").removeprefix(served.url))
    page.get_by_role("button", name="Log in").click()
    expect(field(page)).to_be_visible()
    held: list[Route] = []
    page.route(re.compile("/api/v1/jobs$"), lambda route: held.append(route))
    page.evaluate(WATCH)
    field(page).fill("a red fox on a hill --quality 4")
    expect(page.get_by_text(re.compile("4 images"))).to_be_visible()
    field(page).press("Enter")
    expect(page.get_by_role("article", name="Not answered yet")).to_be_visible()  # before anybody answered
    until(lambda: page.wait_for_timeout(1) or held)
    held.pop().continue_()
    made = card(page, "a red fox on a hill")
    expect(made).to_be_visible()
    expect(field(page)).to_have_value(re.compile("^ --quality 4 ?$"))  # settings stay for the next
    field(page).blur()
    box = field(page).bounding_box()
    assert box is not None
    field(page).click(position={"x": box["width"] - 20, "y": box["height"] / 2})  # behind the settings
    page.keyboard.type("a grey horse")
    expect(field(page)).to_have_value(re.compile("^a grey horse --quality 4 ?$"))  # words come first
    for number in range(1, 5):
        expect(made.get_by_role("link", name=f"Open picture {number}: a red fox on a hill")).to_be_visible()
    assert len(page.evaluate("[...window.looks]")) >= 2


def test_pictures_are_upscaled_and_varied_from_their_card(
    served: Served, visit: Visit, fox: dict[str, Any]
) -> None:
    page = visit().open()
    made = card(page, "a red fox")
    made.get_by_role("link", name="Open picture 2: a red fox").hover()
    made.get_by_role("button", name="Upscale picture 2").click()
    page.get_by_role("menuitem", name="Upscale, faithful").click()
    upscaled = newest(served, "upscale_subtle")
    assert [each["parent_id"] for each in upscaled["recipe"]["inputs"]] == [fox["images"][1]["id"]]
    expect(page.locator(f"[data-job='{upscaled['id']}'][data-state=completed]")).to_be_visible()
    made = page.locator(f"[data-job='{fox['id']}']")
    made.get_by_role("link", name="Open picture 3: a red fox").hover()
    made.get_by_role("button", name="Vary picture 3").click()
    page.get_by_role("menuitem", name="Vary a lot").click()
    varied = newest(served, "vary_strong")
    shown = page.locator(f"[data-job='{varied['id']}']")
    expect(shown.get_by_role("link", name=re.compile("Open picture 4"))).to_be_visible()


def test_a_region_is_painted_and_the_rest_stays(served: Served, visit: Visit, fox: dict[str, Any]) -> None:
    parent = fox["images"][0]
    page = visit().open(f"/images/{parent['id']}")
    page.get_by_role("link", name="Edit").click()
    board = page.get_by_role("application", name="Picture to paint on").get_by_role("img").first
    box = board.bounding_box()
    assert box is not None
    expect(page.get_by_text("Nothing is painted.")).to_be_visible()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.35, steps=4)
    page.mouse.up()
    expect(page.get_by_text(re.compile("% of the picture"))).to_be_visible()
    brush = int(page.get_by_role("slider", name="Size").input_value())
    around = brush / 2 + int(page.get_by_role("slider", name="Feather").input_value()) + ROUND_PX
    page.get_by_label("What should be there").fill("a blue fox")
    page.get_by_role("button", name="Draw the region anew").click()
    job = job_after(served, page)
    assert (job["action"], job["state"]) == ("vary_region", "completed")
    before, after = png(served, parent["id"]), png(served, job["images"][0]["id"])
    rows, columns = np.nonzero(np.abs(before - after).max(axis=2))
    height, width = before.shape[:2]
    assert len(rows), "something was drawn anew"
    assert columns.min() >= 0.3 * width - around and columns.max() <= 0.5 * width + around
    assert rows.min() >= 0.3 * height - around and rows.max() <= 0.35 * height + around


def test_the_lineage_is_walked_by_keys(served: Served, visit: Visit, fox: dict[str, Any]) -> None:
    parent = fox["images"][3]["id"]
    children = [each["id"] for each in acted(served, parent, action="vary_subtle")["images"]]
    page = visit().open(f"/images/{children[1]}")
    page.get_by_role("link", name="Lineage").first.click()
    nodes = {each: page.locator(f"[data-node='{each}']") for each in (parent, *children)}
    expect(nodes[children[0]]).to_be_visible()
    for key, focused in (
        ("ArrowUp", children[1]),  # the walk begins at the picture that was asked about
        ("ArrowUp", parent),
        ("ArrowDown", None),
        ("Home", children[0]),
        ("ArrowRight", children[1]),
        ("End", children[3]),
        ("ArrowLeft", children[2]),
    ):
        page.keyboard.press(key)
        if focused:
            expect(nodes[focused]).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/images/{children[2]}")
    expect(page.get_by_role("heading", name="a red fox")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url(f"**/images/{children[1]}/lineage")


def test_the_library_is_searched_and_put_in_order(served: Served, visit: Visit) -> None:
    drawn(served, "a yellow boat on a lake --draft")
    page = visit().open("/library")
    page.get_by_label("Search prompts").fill("yellow boat")
    page.wait_for_url(re.compile("yellow"))
    expect(page.get_by_text("4 images", exact=True)).to_be_visible()
    expect(page.get_by_role("gridcell")).to_have_count(4)
    for at in (0, 1):
        page.get_by_role("gridcell").nth(at).hover()
        page.get_by_role("checkbox", name="Select this image").nth(at).click()
        expect(page.get_by_text(f"{at + 1} selected")).to_be_visible()
    selected = page.get_by_role("toolbar", name="What to do with the selected images")
    selected.get_by_role("button", name="Add to a folder").click()
    page.get_by_label("Find a folder, or name a new one").fill("Boats")
    page.get_by_role("button", name="Make the folder “Boats”").click()
    expect(page.get_by_text("2 images added to Boats.")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Boats ?, 2 images"))).to_be_visible()
    with page.expect_download() as coming:
        selected.get_by_role("button", name="Download as ZIP").click()
    with zipfile.ZipFile(coming.value.path()) as packed:
        assert len([name for name in packed.namelist() if name.endswith(".png")]) == 2
    selected.get_by_role("button", name="Into the trash").click()
    expect(page.get_by_text("2 images are in the trash.")).to_be_visible()
    expect(page.get_by_text("2 images", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").last.click()
    expect(page.get_by_text("4 images", exact=True)).to_be_visible()
    expect(page.get_by_role("gridcell")).to_have_count(4)
    boats = page.get_by_role("link", name=re.compile("Boats ?, [0-9] images"))
    page.get_by_role("gridcell").nth(3).get_by_role("link").drag_to(boats)  # with the real mouse
    expect(boats).to_have_accessible_name(re.compile("Boats ?, 3 images"))
    boats.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Boats")
    expect(page.get_by_role("gridcell")).to_have_count(3)


def test_one_picture_goes_into_the_trash_and_comes_back(visit: Visit, fox: dict[str, Any]) -> None:
    page = visit().open(f"/images/{fox['images'][2]['id']}")
    page.get_by_role("button", name="Move to the trash").click()
    expect(page.get_by_text("1 image is in the trash.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.goto(page.url.partition("/images/")[0] + "/library/trash")
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()


def test_text_and_settings_say_the_same(visit: Visit, fox: dict[str, Any]) -> None:
    page = visit().open()
    field(page).fill("a quiet harbour")
    page.get_by_role("button", name="Settings", exact=True).click()
    settings = page.get_by_role("region", name="Settings")
    settings.get_by_text("3:2", exact=True).click()
    expect(field(page)).to_have_value("a quiet harbour --ar 3:2")
    settings.get_by_role("switch", name="Tile").click()
    expect(field(page)).to_have_value("a quiet harbour --ar 3:2 --tile")
    field(page).fill("a quiet harbour --ar 16:9 --chaos 30")
    expect(settings.get_by_role("radio", name="16:9")).to_be_checked()
    expect(settings.get_by_role("switch", name="Tile")).not_to_be_checked()
    expect(settings.get_by_label("Chaos, as a number")).to_have_value("30")
    page.reload()  # what was typed is kept, and so is the panel
    expect(field(page)).to_have_value("a quiet harbour --ar 16:9 --chaos 30")
    expect(settings.get_by_role("radio", name="16:9")).to_be_checked()
    page.get_by_role("button", name="Take away Chaos").click()
    expect(field(page)).to_have_value("a quiet harbour --ar 16:9")
    page.goto(page.url + f"images/{fox['images'][0]['id']}")
    page.get_by_role("button", name="Use this").click()
    expect(field(page)).to_have_value(re.compile("^a red fox (--v mini-1 )?--draft ?$"))
    expect(field(page)).to_be_focused()


def test_a_mistake_is_shown_under_its_word_and_mended(visit: Visit) -> None:
    page = visit().open()
    field(page).fill("a fox --stylise 100 and a {hen, duck} --ar 4:0")
    faulty = page.locator(".mirror .faulty")
    expect(faulty.filter(has_text="--stylise")).to_be_attached()
    said = page.get_by_role("status").filter(has_text="stylise")
    expect(said).to_contain_text("--stylize")
    expect(field(page)).to_have_attribute("aria-invalid", "true")
    field(page).press("Enter")
    expect(page.get_by_role("article")).not_to_have_count(0)  # what was there, and no more
    expect(field(page)).to_have_value("a fox --stylise 100 and a {hen, duck} --ar 4:0")
    field(page).fill("a {red, blue} fox --draft")
    expect(page.get_by_text(re.compile("8 images|2 jobs"))).to_be_visible()
    expect(field(page)).to_have_attribute("aria-invalid", "false")


def acted(served: Served, image_id: str, **action: Any) -> dict[str, Any]:
    """What an action of the owner's made, when it has ended."""
    with served.client() as owner:
        made = owner.post(f"/api/v1/images/{image_id}/actions", json=action)
        assert made.status_code == 202, made.text
        return ended_job(owner, made.json()["jobs"][0]["id"])
