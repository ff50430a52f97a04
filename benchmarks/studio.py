"""`make bench-studio`: the studio as people feel it, in Debian's Chromium against a server and worker of their own.

Bytes of the first load; from navigation to a prompt bar that can be typed into, beside a bare page of the same server; from Enter
to the job's card; from the end of a job to its pictures, beside a client that only polls; frames while a library of 100,000
images is scrolled, beside a page of the same size that holds nothing. A timing is never a test: nothing here fails.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

from benchmarks.browsing import browser, logged_in
from benchmarks.crowded import fill
from benchmarks.live import Live, live
from playwright.sync_api import BrowserContext, Page

from darkroom.gateway.studio import BUILT

REPEATS = 9
IMAGES = 100_000
BUDGET_BYTES = 120_000
FRAME_MS = 16.7
SLOW_FRAME_MS = 50.0
SCROLL_S = 8.0
VISIBLE_BAR_S = 2.0
DESKTOP = {"width": 1280, "height": 800}
ROW = "{:<52}{:>12}{:>12}{:>12}"
PROMPT = "textarea[aria-label=Prompt]"

USABLE = """
window.began = {};
const look = () => {
  const field = document.querySelector(SELECTOR);
  if (field && !field.disabled && window.began.usable === undefined) window.began.usable = performance.now();
};
new MutationObserver(look).observe(document, { childList: true, subtree: true });
document.addEventListener("readystatechange", look);
"""
WATCH_JOB = """
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter") window.entered = performance.now();
}, true);
window.seen = { cards: document.querySelectorAll("article").length };
const old = new Set([...document.querySelectorAll("[data-job]")].map((each) => each.dataset.job));
const look = () => {
  if (window.entered && !window.seen.card && document.querySelectorAll("article").length > window.seen.cards)
    requestAnimationFrame(() => requestAnimationFrame(() => (window.seen.card = performance.now() - window.entered)));
};
new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
const all = () => {
  const cards = [...document.querySelectorAll("[data-job][data-state=completed]")];
  const card = cards.find((each) => !old.has(each.dataset.job));
  const images = card ? [...card.querySelectorAll("[data-tile] img")] : [];
  return images.length === 4 && images.every((each) => each.complete && each.naturalWidth) ? Date.now() : 0;
};
const tick = () => {
  window.seen.visible ||= window.entered ? all() : 0;
  if (!window.seen.visible) requestAnimationFrame(tick);
};
tick();
"""
SCROLL = """
async ([seconds]) => {
  const scroller = document.scrollingElement;
  const bottom = scroller.scrollHeight - innerHeight;
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  const began = before;
  while (before - began < seconds * 1000) {
    scroller.scrollTop = bottom * (before - began) / (seconds * 1000);
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return { frames, bottom };
}
"""
EMPTY = "(height) => { document.body.replaceChildren(); document.body.style.height = `${height}px`; }"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--images", type=int, default=IMAGES)
    asked = parser.parse_args()
    first_load()
    with tempfile.TemporaryDirectory() as folder, live(Path(folder) / "data") as server:
        for shape in ("", "--ar 3:2", "--ar 2:3"):
            server.draw(f"a red fox in the snow --draft {shape}".strip())
        fill(server.data, asked.images)
        with browser() as opened:
            context = logged_in(opened, server, viewport=DESKTOP)
            print(ROW.format("", "median", "p95", "beside"))
            usable(context, asked.repeats)
            jobs(context, server, asked.repeats)
            scroll(context, asked.images)


def first_load() -> None:
    """What a browser fetches before anything can be used, as it goes over the wire."""
    index = (BUILT / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'(?:src|href)="/assets/([^"]+\.(?:js|css))"', index)
    packed = {name: (BUILT / "assets" / f"{name}.br").stat().st_size for name in names}
    total = sum(packed.values())
    every = sum(path.stat().st_size for path in (BUILT / "assets").glob("*.br"))
    print(
        f"first load: {total:,} bytes of script and style, brotli ({total / BUDGET_BYTES:.0%} of the budget)"
    )
    for name, size in packed.items():
        print(f"  {name}: {size:,}")
    print(f"all screens together: {every:,}\n")


def usable(context: BrowserContext, repeats: int) -> None:
    """From navigation to a field that can be typed into, nothing in the cache, and beside it the login page's button."""
    bare = [began(context, "/login", "button") for _ in range(repeats)]
    ours = [began(context, "/", PROMPT) for _ in range(repeats)]
    row("navigation to usable prompt bar, ms", ours, f"{median(ours) / median(bare):.1f} x bare")


def began(context: BrowserContext, path: str, selector: str) -> float:
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.add_init_script(USABLE.replace("SELECTOR", repr(selector)))
    page.goto(path)
    until(page, "window.began.usable !== undefined")
    found = float(page.evaluate("window.began.usable"))
    page.close()
    return found


def until(page: Page, expression: str) -> None:
    """Playwright's own waiting evaluates text, which the studio's Content-Security-Policy forbids."""
    page.evaluate(
        f"new Promise((done) => {{ const look = () => ({expression}) ? done() : setTimeout(look, 20); look(); }})"
    )


def jobs(context: BrowserContext, server: Live, repeats: int) -> None:
    """From Enter to the card, and from the end of the job, as its row tells it, to four pictures on the screen."""
    cards, waits = [], []
    for number in range(repeats):
        page = context.new_page()
        page.goto("/")
        field = page.get_by_label("Prompt", exact=True)
        field.fill(f"a red fox in the snow --draft --seed {number + 1}")
        page.wait_for_timeout(800)  # whoever types has seen the price
        page.evaluate(WATCH_JOB)
        field.press("Enter")
        until(page, "window.seen.visible > 0 && window.seen.card !== undefined")
        seen = page.evaluate("window.seen")
        newest = server.client.get("/api/v1/jobs", limit=1)["jobs"][0]
        cards.append(float(seen["card"]))
        waits.append(seen["visible"] / 1000 - datetime.fromisoformat(newest["finished_at"]).timestamp())
        page.close()
    row("Enter to the job's card on the screen, ms", cards, "")
    row(
        "end of the job to its four pictures, ms",
        [wait * 1000 for wait in waits],
        f"{median(waits) / VISIBLE_BAR_S:.0%} of 2 s",
    )


def scroll(context: BrowserContext, images: int) -> None:
    """All of a large library in some seconds, frame by frame, and beside it an empty page as tall."""
    page = context.new_page()
    page.goto("/library")
    page.get_by_role("gridcell").first.wait_for()
    page.wait_for_timeout(1500)
    bottom, ours = scrolled(page)
    page.evaluate(EMPTY, bottom)
    _, bare = scrolled(page)
    page.close()
    row(f"frame while {images:,} images are scrolled, ms", ours, f"{median(ours) / median(bare):.2f} x bare")
    for limit in (FRAME_MS, SLOW_FRAME_MS):
        print(f"  frames over {limit} ms: {late(ours, limit):.1%}, of the empty page {late(bare, limit):.1%}")


def scrolled(page: Page) -> tuple[int, list[float]]:
    done = page.evaluate(SCROLL, [SCROLL_S])
    return int(done["bottom"]), [float(frame) for frame in done["frames"]]


def late(frames: Sequence[float], limit_ms: float) -> float:
    """The share of frames that took longer; half a millisecond is the clock's."""
    return sum(frame > limit_ms + 0.5 for frame in frames) / len(frames)


def row(name: str, figures: Sequence[float], beside: str) -> None:
    p95 = quantiles(figures, n=20)[-1] if len(figures) > 1 else figures[0]
    print(ROW.format(name, f"{median(figures):,.1f}", f"{p95:,.1f}", beside))


if __name__ == "__main__":
    main()
