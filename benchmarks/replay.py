"""`make replay-all`: 100 images of every kind, a restart of server and worker, and then each is drawn again and compared.

Prints how many of each kind are the same, pixel by pixel. Ends with 1 unless all are.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.live import Failed, Live, live
from PIL import Image, ImageDraw

from darkroom.cli.client import Object
from darkroom.cli.replay import compare
from darkroom.core.errors import DarkroomError

NODES = 100
PLACES = ("in the snow", "in a kitchen", "at night", "in the desert at sunset")
THINGS = ("a red fox", "a castle", "a red apple", "a lighthouse", "a stack of pancakes")
ROW = "{:<22}{:>8}{:>8}{:>12}"


@dataclass(frozen=True, kw_only=True)
class Node:
    """An image, and what it is a kind of."""

    kind: str
    image: Object


Make = Callable[[Live, random.Random, Sequence[Node]], Object]
"""Draws a job of a kind from nodes that there are."""


def prompt_of(rng: random.Random) -> str:
    return f"{rng.choice(THINGS)} {rng.choice(PLACES)} --seed {rng.randrange(2**32)}"


def imagine(parameters: str) -> Make:
    return lambda server, rng, _: server.draw(f"{prompt_of(rng)} {parameters}".strip())[0]


def on_any(action: str, **more: object) -> Make:
    """On an image of any kind, so that lines of descent grow."""
    return lambda server, rng, nodes: server.act(small(rng, nodes), action, **more)


def small(rng: random.Random, nodes: Sequence[Node]) -> Object:
    """One that is not large, so that a run stays short."""
    return rng.choice([node.image for node in nodes if max(node.image["width"], node.image["height"]) <= 512])


def region(server: Live, rng: random.Random, nodes: Sequence[Node]) -> Object:
    image = small(rng, nodes)
    width, height = image["width"], image["height"]
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).rectangle((width // 4, height // 4, width // 2, 3 * height // 4), fill=255)
    return server.act(image, "vary_region", mask=server.upload(mask, "mask"), prompt="a blue bird")


def referring(parameters: str) -> Make:
    """With an image in front of the prompt or behind it; `{}` is its name."""

    def make(server: Live, rng: random.Random, nodes: Sequence[Node]) -> Object:
        first, _, rest = parameters.format(f"upload:{small(rng, nodes)['id']}").partition("|")
        return server.draw(f"{first} {prompt_of(rng)} {rest}".strip())[0]

    return make


def uploaded(server: Live, rng: random.Random, nodes: Sequence[Node]) -> Object:
    picture = Image.new("RGB", (200, 160), tuple(rng.randrange(256) for _ in range(3)))
    ImageDraw.Draw(picture).ellipse((40, 30, 160, 130), fill=(240, 220, 30))
    return server.draw(f"upload:{server.upload(picture)} {prompt_of(rng)} --draft")[0]


def blend(server: Live, rng: random.Random, nodes: Sequence[Node]) -> Object:
    return server.blend(list(dict.fromkeys(small(rng, nodes)["id"] for _ in range(4)))[:3])


def enhance(server: Live, rng: random.Random, nodes: Sequence[Node]) -> Object:
    drafts = [node.image for node in nodes if node.kind == "draft"]
    return server.act(rng.choice(drafts), "enhance")


KINDS: dict[str, Make] = {
    "imagine": imagine(""),
    "draft": imagine("--draft"),
    "wide": imagine("--ar 3:2 --draft"),
    "chaos, weird, stylize": imagine("--chaos 60 --weird 500 --stylize 700 --draft"),
    "tile": imagine("--tile --draft"),
    "stop": imagine("--stop 60 --draft"),
    "style code": imagine("--sref 42 --draft"),
    "image prompt": referring("{}|--iw 1.5 --draft"),
    "style reference": referring("|--sref {} --draft"),
    "upload": uploaded,
    "vary subtle": on_any("vary_subtle"),
    "vary strong": on_any("vary_strong"),
    "vary region": region,
    "zoom out": on_any("zoom_out", zoom=1.5),
    "pan": on_any("pan", direction="right"),
    "make square": lambda server, rng, nodes: server.act(
        rng.choice([node.image for node in nodes if node.kind == "wide"]), "make_square"
    ),
    "remix": on_any("remix", prompt="a grey wolf, watercolour"),
    "reroll": on_any("reroll"),
    "enhance": enhance,
    "hd": lambda server, rng, nodes: server.act(
        rng.choice([node.image for node in nodes if node.kind in ("imagine", "draft")]), "hd"
    ),
    "blend": blend,
    "upscale subtle": on_any("upscale_subtle", scale=2),
    "upscale creative": on_any("upscale_creative", scale=2),
}
FIRST = ("imagine", "draft", "wide")  # what the others begin from


def grow(
    server: Live, count: int, rng: random.Random, kinds: Sequence[str] = tuple(KINDS)
) -> tuple[list[Node], list[str]]:
    """`count` nodes, as evenly of all `kinds` as their jobs allow; and what failed."""
    nodes: list[Node] = []
    faults: list[str] = []
    share = -(-count // len(kinds))
    for kind, make in ((each, KINDS[each]) for each in KINDS if each in kinds or each in FIRST):
        try:
            made = Counter(node.kind for node in nodes)
            while made[kind] < (max(share, 4) if kind in FIRST else share):
                images = make(server, rng, nodes)["images"]
                nodes += [Node(kind=kind, image=image) for image in images]
                made[kind] += len(images)
        except (DarkroomError, Failed) as fault:
            faults.append(f"{kind} cannot be drawn: {fault}")
            print(faults[-1], flush=True)
    return list(even(nodes, count)), faults


def even(nodes: Sequence[Node], count: int) -> Iterator[Node]:
    """`count` of them, one of each kind in turn."""
    left = {kind: [node for node in nodes if node.kind == kind] for kind in KINDS}
    given = 0
    while given < count and any(left.values()):
        for found in left.values():
            if found and given < count:
                given += 1
                yield found.pop(0)


def replay(server: Live, nodes: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    """Each node with "" where it came out the same, else with what is different."""
    for node in nodes:
        try:
            again = server.act(node.image, "replay")
            kept = server.client.get(f"/api/v1/images/{node.image['id']}")
            found = compare(server.pixels(kept), server.pixels(again["images"][0]))
            told = server.client.get(f"/api/v1/jobs/{again['id']}/replay")["same"]
            wrong = "" if found.same else found.words
            yield node, wrong or ("" if told is True else f"the service says same: {told}")
        except (DarkroomError, Failed) as fault:
            yield node, str(fault)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--nodes", type=int, default=NODES)
    arguments.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    total, same = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        data = Path(folder) / "data"
        with live(data) as server:
            nodes, faults = grow(server, given.nodes, random.Random(given.seed), given.kinds)
        print(f"{len(nodes)} images of {len({node.kind for node in nodes})} kinds; restarting", flush=True)
        with live(data) as server:
            for node, wrong in replay(server, nodes):
                total[node.kind] += 1
                same[node.kind] += not wrong
                if wrong:
                    print(f"  {node.kind}: {node.image['id']}: {wrong}", flush=True)
    print(ROW.format("kind", "nodes", "same", "different"))
    for kind in KINDS:
        print(ROW.format(kind, total[kind], same[kind], total[kind] - same[kind]))
    print(ROW.format("all", total.total(), same.total(), total.total() - same.total()))
    raise SystemExit(1 if faults or same.total() != total.total() or total.total() < given.nodes else 0)


if __name__ == "__main__":
    main()
