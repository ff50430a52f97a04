"""`make shots`: screenshots of every screen of the studio and of its main states, phone and desktop, dark and light;
the screens as they come up also on a small phone and a wide screen.

They lie in out/shots, one PNG each and sheets of all beside each other, to be looked at as a designer would. A server and
worker of their own draw what is on them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.browsing import browser, logged_in
from benchmarks.live import Live, live
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as BrowserError

from darkroom.cli.client import Object
from darkroom.core.errors import DarkroomError

SIZES = {"desktop": (1280, 800), "phone": (390, 844), "small": (360, 640), "wide": (1920, 1080)}
LOOKS = (
    ("desktop", "dark"),
    ("desktop", "light"),
    ("phone", "dark"),
    ("phone", "light"),
    ("small", "dark"),
    ("wide", "light"),
)
WHOLE = ("desktop", "phone")  # sizes at which every state is looked at
SETTLE_MS = 700  # thumbnails, plots
PATIENCE_MS = 15_000
SHEET_COLUMNS = {"desktop": 4, "phone": 8, "small": 8, "wide": 3}
SHEET_WIDTH = {"desktop": 640, "phone": 300, "small": 300, "wide": 860}
PROMPTS = (
    "a red fox in the snow --ar 3:2",
    "a lighthouse by the sea at night --ar 2:3",
    "a green apple on a wooden table",
    "a hot air balloon over mountains at sunset --ar 16:9",
    "an owl on a tree at night --ar 2:3 --draft",
    "a castle in the desert --chaos 40",
    "a sailing boat on a lake at dawn --ar 21:9",
)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What there is to be seen."""

    server: Live
    image: Object
    varied: Object
    job: Object


Do = Callable[[Page, Drawn], None]


def nothing(page: Page, drawn: Drawn) -> None:
    """The screen as it comes up."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A screen: `path` may name `{image}`, `{varied}` and `{job}`; `do` brings it into a state."""

    name: str
    path: str
    do: Do = nothing
    account: str | None = "owner"


def press(keys: str) -> Do:
    return lambda page, _: page.keyboard.press(keys)


def click(role: str, name: str) -> Do:
    return lambda page, _: page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]


def choose(words: str) -> Do:
    return lambda page, _: page.get_by_text(words, exact=True).first.click()


def typed(text: str) -> Do:
    return lambda page, _: page.get_by_label("Prompt", exact=True).fill(text)


def completing(page: Page, drawn: Drawn) -> None:
    page.get_by_label("Prompt", exact=True).press_sequentially("a castle --s")


def running(page: Page, drawn: Drawn) -> None:
    drawn.server.begin("/api/v1/jobs", {"prompt": "a robot in a garden --q 4"})
    page.wait_for_timeout(1500)


def selected(page: Page, drawn: Drawn) -> None:
    page.get_by_role("gridcell").nth(1).wait_for()
    page.keyboard.press("Control+a")


def painted(page: Page, drawn: Drawn) -> None:
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    for step in range(8):
        page.mouse.move(box["x"] + box["width"] * (0.35 + step * 0.04), box["y"] + box["height"] * 0.45)
    page.mouse.up()


def away(page: Page, drawn: Drawn) -> None:
    page.context.set_offline(True)
    page.get_by_role("searchbox").first.fill("fox")  # what asks the service finds out that it is away


def refused(page: Page, drawn: Drawn) -> None:
    page.get_by_label("Prompt", exact=True).fill("a naked woman")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)


def tile_menu(page: Page, drawn: Drawn) -> None:
    page.locator("[data-tile]").first.focus()
    page.get_by_role("button", name="Vary picture 1").first.click()


def found(page: Page, drawn: Drawn) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("lib")


SHOTS = (
    Shot(name="create", path="/"),
    Shot(
        name="create-typed", path="/", do=typed("a {red, blue} fox in the snow --ar 3:2 --chaos 20 --s 250")
    ),
    Shot(name="create-fault", path="/", do=typed("a fox in the snow --ar 20:1 --styl 9")),
    Shot(name="create-completion", path="/", do=completing),
    Shot(name="create-settings", path="/", do=click("button", "Settings")),
    Shot(name="create-pictures", path="/", do=click("button", "Pictures")),
    Shot(name="create-recent", path="/", do=lambda page, _: page.get_by_label("Prompt", exact=True).click()),
    Shot(name="create-refused", path="/", do=refused),
    Shot(name="create-lane", path="/", do=click("button", "Lane:")),
    Shot(name="create-menu", path="/", do=tile_menu),
    Shot(name="create-older", path="/", do=lambda page, _: page.mouse.wheel(0, 1400)),
    Shot(name="create-running", path="/", do=running),
    Shot(name="create-empty", path="/", account="ada"),
    Shot(name="job", path="/jobs/{job}"),
    Shot(name="image", path="/images/{image}"),
    Shot(name="image-compare", path="/images/{varied}", do=press("c")),
    Shot(name="image-large", path="/images/{varied}"),
    Shot(name="edit", path="/images/{image}/edit", do=painted),
    Shot(name="edit-extend", path="/images/{image}/edit", do=choose("Extend")),
    Shot(name="lineage", path="/images/{varied}/lineage"),
    Shot(name="lineage-list", path="/images/{varied}/lineage", do=choose("List")),
    Shot(name="library", path="/library"),
    Shot(name="library-selected", path="/library", do=selected),
    Shot(name="library-filters", path="/library", do=click("button", "Filters")),
    Shot(name="library-empty", path="/library", account="ada"),
    Shot(name="trash", path="/library/trash"),
    Shot(name="explore", path="/explore"),
    Shot(name="rank", path="/rank"),
    Shot(name="account", path="/account"),
    Shot(name="account-of-somebody", path="/account", account="ada"),
    Shot(name="operate", path="/operate"),
    Shot(name="operate-workers", path="/operate/workers"),
    Shot(name="operate-jobs", path="/operate/jobs"),
    Shot(name="operate-dead-letters", path="/operate/dead-letters"),
    Shot(name="operate-moderation", path="/operate/moderation"),
    Shot(name="operate-users", path="/operate/users"),
    Shot(name="help", path="/", do=press("?")),
    Shot(name="palette", path="/", do=press("Control+k")),
    Shot(name="palette-found", path="/", do=found),
    Shot(name="away", path="/library", do=away),
    Shot(name="lost", path="/images/01939b6a-1f2e-7c3d-8a4b-5c6d7e8f9a0b"),
    Shot(name="sign-in", path="/", account=None),
    Shot(name="login", path="/login", account=None),
)


def main() -> None:
    """Takes them all, or those whose name holds --only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/shots"))
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    shots = [shot for shot in SHOTS if asked.only in shot.name]
    with tempfile.TemporaryDirectory() as folder, live(Path(folder) / "data") as server:
        drawn = prepared(server)
        with browser() as opened:
            many = 0
            for size, theme in LOOKS:
                some = [shot for shot in shots if size in WHOLE or shot.do is nothing]
                if not some:
                    continue
                taken = take(opened, drawn, some, size, theme, asked.out)
                sheet(taken, SHEET_COLUMNS[size], SHEET_WIDTH[size]).save(
                    asked.out / f"all-{size}-{theme}.png"
                )
                many += len(taken)
    print(f"{many} screenshots in {asked.out}")


def prepared(server: Live) -> Drawn:
    """A week of somebody's work: grids, variations of them, a folder, marks, trash, an appeal, a second account."""
    client = server.client
    grids = [server.draw(prompt)[0] for prompt in PROMPTS]
    image = grids[0]["images"][1]
    varied = server.act(image, "vary_strong")["images"][2]
    server.act(varied, "zoom_out", zoom=1.5)
    upscaled = server.act(varied, "upscale_subtle")["images"][0]
    server.act(grids[2]["images"][0], "pan", direction="left")
    folder = client.post("/api/v1/folders", {"name": "Animals"})
    client.post(f"/api/v1/folders/{folder['id']}/images", {"add": [image["id"], varied["id"]]})
    client.patch(f"/api/v1/images/{image['id']}", {"liked": True, "favourite": True, "rating": 4})
    client.post("/api/v1/images/trash", {"ids": [grids[5]["images"][3]["id"]]})
    client.post("/api/v1/admin/users", {"name": "ada", "plan": "basic"})
    try:
        server.begin("/api/v1/jobs", {"prompt": "a naked woman"})
    except DarkroomError as refused:
        print(f"refused, as it should be: {refused}")
        verdict = client.get("/api/v1/account/verdicts")["verdicts"][0]
        client.post(
            "/api/v1/appeals", {"verdict_id": verdict["id"], "reason": "It is a study for a sculpture."}
        )
    return Drawn(server=server, image=image, varied=upscaled, job=grids[1])


def take(
    opened: Browser, drawn: Drawn, shots: Sequence[Shot], size: str, theme: str, out: Path
) -> list[tuple[str, Path]]:
    """The screenshots of one size and theme."""
    width, height = SIZES[size]
    look = {
        "viewport": {"width": width, "height": height},
        "color_scheme": theme,
        "has_touch": width < 720,
        "reduced_motion": "reduce",
    }
    contexts: dict[str | None, BrowserContext] = {None: opened.new_context(base_url=drawn.server.url, **look)}
    taken = []
    for shot in shots:
        if shot.account not in contexts:
            assert shot.account is not None
            contexts[shot.account] = logged_in(opened, drawn.server, shot.account, **look)
        path = out / f"{shot.name}-{size}-{theme}.png"
        shoot(contexts[shot.account], shot, drawn, path)
        taken.append((shot.name, path))
    for context in contexts.values():
        context.close()
    return taken


def shoot(context: BrowserContext, shot: Shot, drawn: Drawn, path: Path) -> None:
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    places = {"image": drawn.image["id"], "varied": drawn.varied["id"], "job": drawn.job["id"]}
    page.goto(shot.path.format(**places))
    page.wait_for_timeout(SETTLE_MS)
    try:
        shot.do(page, drawn)
    except BrowserError as fault:
        print(f"{path.name}: not as it should be: {str(fault).splitlines()[0]}")
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=path)
    context.set_offline(False)
    page.evaluate("localStorage.clear()")
    page.close()


def sheet(taken: Sequence[tuple[str, Path]], columns: int, width: int) -> Image.Image:
    """All of one size and theme beside each other, with their names."""
    pictures = [(name, Image.open(path).convert("RGB")) for name, path in taken]
    height = round(width * pictures[0][1].height / pictures[0][1].width)
    rows = -(-len(pictures) // columns)
    canvas = Image.new("RGB", (columns * (width + 8), rows * (height + 26)), "#808080")
    draw = ImageDraw.Draw(canvas)
    for at, (name, picture) in enumerate(pictures):
        left, top = at % columns * (width + 8), at // columns * (height + 26)
        draw.text((left + 4, top + 4), name, fill="#000000")
        canvas.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, top + 22))
    return canvas


if __name__ == "__main__":
    main()
