"""Every screen and its main states for everybody: axe-core finds nothing, nothing scrolls sideways, the first load is small."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Locator, Page, Route, expect
from tests.service.conftest import Served
from tests.studio.conftest import DESKTOP, PHONE, Visit, drawn, ended_job, login_link, new_account

import darkroom.gateway

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STUDIO = Path(darkroom.gateway.__file__).parent / "studio"
FIRST_LOAD_MAX_BYTES = 120_000
NARROW = {"width": 320, "height": 640}
NOBODY = "01a20000-0000-7000-8000-000000000000"

# What axe finds, as "rule: selector: what is wrong", one for each element.
LOOK = """async tags => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  const why = node => [...node.any, ...node.all, ...node.none][0]?.message ?? "";
  return found.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target.join(" ")}: ${why(node)}`));
}"""
SIDEWAYS = """async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  return document.documentElement.scrollWidth - document.documentElement.clientWidth;
}"""
MOVES = "() => document.getAnimations().filter(each => each.effect.getComputedTiming().iterations === Infinity).length"

Open = Callable[[Page], Any]


@dataclass(frozen=True, kw_only=True)
class State:
    """A screen as somebody sees it: where it is, what says that it is there, and what is opened in it."""

    name: str
    path: str
    sign: Callable[[Page], Locator]
    opened: Open | None = None
    desktop_only: bool = False


def click(role: Any, name: str, *, at: int = 0) -> Open:
    """Presses a control of this name."""
    return lambda page: page.get_by_role(role, name=re.compile(name)).nth(at).click()


def key(name: str) -> Open:
    return lambda page: page.keyboard.press(name)


def fill(label: str, text: str) -> Open:
    return lambda page: page.get_by_label(label).fill(text)


def each(*steps: Open) -> Open:
    """One after the other."""

    def all_of_them(page: Page) -> None:
        for step in steps:
            step(page)

    return all_of_them


def role(role: Any, name: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_role(role, name=re.compile(name)).first


def label(name: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_label(name).first


def text(words: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_text(re.compile(words)).first


CARD = role("link", "Open picture 1: a red fox")
CELL = role("gridcell", "a red fox")
H1 = role("heading", "a red fox")
OWNERS = (
    State(name="create", path="/", sign=CARD),
    State(name="settings", path="/", sign=label("Chaos, as a number"), opened=click("button", "^Settings$")),
    State(name="pictures", path="/", sign=label("A link to a picture"), opened=click("button", "^Pictures$")),
    State(name="lanes", path="/", sign=role("menuitem", "Relax"), opened=click("button", "^Lane")),
    State(name="names", path="/", sign=role("option", "--stylize"), opened=fill("Prompt", "a fox --sty")),
    State(name="faults", path="/", sign=text("Did you mean"), opened=fill("Prompt", "a fox --stylise 3")),
    State(
        name="ways",
        path="/",
        sign=role("menuitem", "Upscale, faithful"),
        opened=each(
            lambda page: page.get_by_role("link", name=re.compile("Open picture 1: a red fox")).first.hover(),
            click("button", "^Upscale picture 1"),
        ),
    ),
    State(name="help", path="/", sign=role("dialog", "Keys and help"), opened=key("?")),
    State(name="palette", path="/library", sign=role("option", "Library"), opened=key("Control+k")),
    State(name="library", path="/library", sign=CELL),
    State(name="filters", path="/library", sign=label("Model"), opened=click("button", "^Filters")),
    State(name="filtered", path="/library?q=fox&ratio=square", sign=role("button", "Remove filter")),
    State(name="nothing", path="/library?q=walrus", sign=role("heading", "No image is like that")),
    State(
        name="selection",
        path="/library",
        sign=role("toolbar", "selected images"),
        opened=each(lambda page: page.get_by_role("grid").focus(), key("Space")),
    ),
    State(
        name="into a folder",
        path="/library",
        sign=label("Find a folder, or name a new one"),
        opened=each(lambda page: page.get_by_role("grid").focus(), key("m")),
    ),
    State(
        name="folder menu",
        path="/library",
        sign=role("menuitem", "Rename"),
        opened=click("button", "What to do with folder Foxes"),
        desktop_only=True,
    ),
    State(name="trash", path="/library/trash", sign=CELL),
    State(name="explore", path="/explore", sign=role("button", "^Like, 0 likes")),
    State(name="explore menu", path="/explore", sign=role("menu", ""), opened=click("button", "More to do")),
    State(name="rank", path="/rank", sign=role("button", "^Skip")),
    State(name="account", path="/account", sign=role("heading", "^Used in")),
    State(name="overview", path="/operate", sign=role("heading", "^Queue by lane")),
    State(name="workers", path="/operate/workers", sign=role("button", "^Drain")),
    State(name="jobs", path="/operate/jobs", sign=role("button", "a red fox")),
    State(
        name="a job", path="/operate/jobs", sign=role("dialog", "A job"), opened=click("button", "a red fox")
    ),
    State(name="dead letters", path="/operate/dead-letters", sign=role("heading", "No job failed")),
    State(name="moderation", path="/operate/moderation", sign=text("a naked child")),
    State(name="users", path="/operate/users", sign=role("row", "beginner")),
    State(
        name="a user", path="/operate/users", sign=role("dialog", "owner"), opened=click("button", "^owner$")
    ),
    State(
        name="new user",
        path="/operate/users",
        sign=role("dialog", "New user"),
        opened=click("button", "New user"),
    ),
    State(name="picture", path="/images/{child}", sign=H1),
    State(name="compared", path="/images/{child}", sign=role("slider", "Before and after"), opened=key("c")),
    State(
        name="blend",
        path="/images/{child}",
        sign=role("dialog", "Blend with"),
        opened=click("button", "^Blend with"),
    ),
    State(
        name="files",
        path="/images/{child}",
        sign=role("menuitem", "PNG"),
        opened=click("button", "^Download$"),
    ),
    State(name="region", path="/images/{child}/edit", sign=text("Nothing is painted")),
    State(
        name="frame",
        path="/images/{child}/edit",
        sign=label("Width"),
        opened=lambda page: page.get_by_text("Extend", exact=True).click(),
    ),
    State(name="lineage", path="/images/{child}/lineage", sign=role("link", "Subtle variation, picture 4")),
    State(
        name="lineage as a list",
        path="/images/{child}/lineage",
        sign=role("columnheader", "Made by"),
        opened=lambda page: page.get_by_text("List", exact=True).click(),
    ),
    State(name="a job's page", path="/jobs/{job}", sign=CARD),
    State(
        name="gone",
        path=f"/images/{NOBODY}",
        sign=lambda page: page.get_by_role("main").get_by_role("link").first,
    ),
    State(name="lost", path="/nowhere", sign=role("heading", "There is nothing here")),
)
BEGINNERS = (
    State(name="first", path="/", sign=role("heading", "Nothing drawn yet")),
    State(name="no images", path="/library", sign=role("heading", "Nothing here yet")),
    State(name="no trash", path="/library/trash", sign=role("heading", "The trash is empty")),
    State(name="plan", path="/account", sign=role("heading", "^Used in")),
    State(name="not for you", path="/operate", sign=role("heading", "This part is for operators")),
)


@pytest.fixture(scope="module")
def shown(served: Served) -> dict[str, str]:
    """Something for every screen to show: pictures, one in the trash, a folder, a refusal, somebody who has nothing yet."""
    made = drawn(served, "a red fox --draft")
    new_account(served, "beginner", plan="free")
    with served.client() as owner:
        path = f"/api/v1/images/{made['images'][0]['id']}/actions"
        asked = owner.post(path, json={"action": "vary_subtle"}).json()["jobs"][0]
        varied = ended_job(owner, asked["id"])
        owner.post("/api/v1/images/trash", json={"ids": [varied["images"][3]["id"]]})
        owner.post("/api/v1/folders", json={"name": "Foxes"})
        assert owner.post("/api/v1/jobs", json={"prompt": "a naked child"}).status_code == 403
    return {"job": made["id"], "child": varied["images"][0]["id"]}


def goes(page: Page, path: str) -> None:
    """To another screen by the studio's own router, which is quicker than loading all of it anew."""
    page.evaluate(
        "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
    )


def checked(page: Page, where: str) -> list[str]:
    """What is wrong with the page as it is now, in dark and light."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = []
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)
        found += [f"{where}, {colours}: {each}" for each in page.evaluate(LOOK, TAGS)]
    wide = page.evaluate(SIDEWAYS)
    return found + ([f"{where}: scrolls sideways by {wide} px"] if wide > 0 else [])


def walked(page: Page, states: tuple[State, ...], shown: dict[str, str], *, phone: bool) -> list[str]:
    """What is wrong with any of the states."""
    faults: list[str] = []
    for state in states:
        if phone and state.desktop_only:
            continue
        goes(page, state.path.format(**shown))
        try:
            at_rest(page, state)
            expect(state.sign(page), state.name).to_be_visible()
        except (AssertionError, Error) as absent:  # told with the others
            faults.append(f"{state.name}: {str(absent).partition('Aria snapshot')[0]}")
            page.reload()
            continue
        faults += checked(page, state.name)
        if phone:
            page.set_viewport_size(NARROW)
            wide = page.evaluate(SIDEWAYS)
            faults += (
                [f"{state.name}: scrolls sideways by {wide} px where it is 320 px wide"] if wide > 0 else []
            )
            page.set_viewport_size(PHONE)
        left(page)
    return faults


def at_rest(page: Page, state: State) -> None:
    """The state as its opener leaves it; the screen beneath is there before anything is pressed."""
    if state.opened is None:
        return
    beneath = next(each for each in OWNERS if each.path == state.path and each.opened is None)
    expect(beneath.sign(page), f"beneath {state.name}").to_be_visible()
    state.opened(page)


def left(page: Page) -> None:
    """Closes what was opened, and takes away what was typed."""
    for _ in range(2):
        if page.locator("dialog[open], [role=menu]").count():
            page.keyboard.press("Escape")
    for name in ("Settings", "Pictures"):
        button = page.get_by_role("button", name=name, exact=True, expanded=True)
        if button.count():
            button.first.click()
    if page.get_by_role("textbox", name="Prompt").count():
        page.get_by_role("textbox", name="Prompt").fill("")
        page.keyboard.press("Escape")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_every_screen(visit: Visit, shown: dict[str, str], size: str) -> None:
    phone = size == "phone"
    options = {"viewport": PHONE if phone else DESKTOP, "has_touch": phone}
    visitor = visit(**options)
    visitor.allow(f"404.*{NOBODY}")
    faults = walked(visitor.open(), OWNERS, shown, phone=phone)
    faults += walked(visit("beginner", **options).open(), BEGINNERS, shown, phone=phone)
    assert not faults, "\n".join(faults)


def test_the_way_in(served: Served, visit: Visit) -> None:
    visitor = visit(account=None)
    visitor.allow("401")
    page = visitor.open()
    expect(page.get_by_label("Login link")).to_be_visible()
    faults = checked(page, "sign in")
    page.get_by_label("Login link").fill("hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    faults += checked(page, "no login link")
    page.goto(login_link(served, "owner"))
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    faults += checked(page, "login page")
    assert not faults, "\n".join(faults)


def test_what_moves_stands_still_for_those_who_ask(visit: Visit) -> None:
    visitor = visit(reduced_motion="no-preference")
    page = visitor.open()
    held: list[Route] = []
    page.route(re.compile("/api/v1/jobs$"), lambda route: held.append(route))
    page.get_by_role("textbox", name="Prompt").fill("a quiet lake --draft")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sending…").first).to_be_visible()
    assert page.evaluate(MOVES) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVES) == 0
    for each in held:
        each.abort()
    visitor.allow("ERR_FAILED")


def test_the_first_load_is_small() -> None:
    index = (STUDIO / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"', index)
    assert any(name.endswith(".js") for name in names) and any(name.endswith(".css") for name in names)
    sizes = {name: (STUDIO / f"{name}.br").stat().st_size for name in names}
    assert sum(sizes.values()) <= FIRST_LOAD_MAX_BYTES, sizes
