"""From the curated list to the atlas: fetch, rasterise on several cores, throw near-duplicates out, save, report.

Idempotent: an atlas made from the same list, packages and code is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from darkroom.train.sprites.atlas import ART_SETS, ATLAS_NAME, SPRITE_PX, Atlas, Concept, Sprite, encode
from darkroom.train.sprites.concepts import MIN_ART_SETS, Entry, curated
from darkroom.train.sprites.fetch import fetch, fingerprint
from darkroom.train.sprites.likeness import Key, alike, perceptual_hash
from darkroom.train.sprites.rasterise import framed, rasterise

REPORT_NAME = "report.json"
SHEET_NAME = "contact-sheet.png"
PROCESSES = 2
SHEET_TILE_PX = 48
SHEET_LABEL_PX = 110
SHEET_COLUMNS = 4
SHEET_TAN = (222, 205, 175)  # unlike the greys and blues that the art sets use
SOURCES: tuple[str, ...] = ("atlas.py", "build.py", "concepts.toml", "likeness.py", "rasterise.py")

Progress = Callable[[str], None]
Job = tuple[Path, str, str, str]  # node_modules, concept, art set, icon


def build(data: Path, npm: Path, say: Progress) -> Path:
    """Make `data`/atlas.zip with its report and contact sheet, or leave them if nothing changed; the atlas's path."""
    wanted = recipe()
    if is_current(data, wanted):
        say(f"{data / ATLAS_NAME} is up to date")
        return data / ATLAS_NAME
    say(f"fetching art packages into {npm}")
    node_modules = fetch(npm)
    entries = curated()
    sprites = rasterise_all(node_modules, entries, say)
    concepts, twins = without_twins([e.concept for e in entries], sprites)
    atlas = Atlas(
        concepts, {(c.name, s): encode(sprites[c.name, s]) for c in concepts.values() for s in c.art_sets}
    )
    path = atlas.save(data)
    contact_sheet(atlas).save(data / SHEET_NAME)
    summary = report(atlas, sprites, twins) | {"recipe": wanted, "atlas_bytes": path.stat().st_size}
    (data / REPORT_NAME).write_text(
        json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    say(f"{path}: {len(concepts)} concepts, {summary['sprites']} sprites, {path.stat().st_size / 1e6:.1f} MB")
    return path


def recipe() -> str:
    """A fingerprint of everything that the atlas depends on: the list, the pinned packages, the code."""
    home = files("darkroom.train")
    digest = hashlib.sha256(fingerprint(Path(str(home))).encode())
    for name in SOURCES:
        digest.update(home.joinpath("sprites", name).read_bytes())
    return digest.hexdigest()


def is_current(data: Path, wanted: str) -> bool:
    made = data / REPORT_NAME
    if not (made.exists() and (data / ATLAS_NAME).exists()):
        return False
    return bool(json.loads(made.read_text(encoding="utf-8")).get("recipe") == wanted)


def draw(job: Job) -> tuple[Key, Sprite]:
    node_modules, concept, art_set, icon = job
    return (concept, art_set), rasterise(node_modules, art_set, icon)


def rasterise_all(node_modules: Path, entries: Sequence[Entry], say: Progress) -> dict[Key, Sprite]:
    # By art set, so that a process reads each package's icons once and early.
    jobs = [(node_modules, e.concept.name, s, e.icons[s]) for s in ART_SETS for e in entries if s in e.icons]
    sprites: dict[Key, Sprite] = {}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        for done, (key, sprite) in enumerate(pool.imap_unordered(draw, jobs, chunksize=32), 1):
            sprites[key] = sprite
            if done % 100 == 0 or done == len(jobs):
                say(f"rasterised {done} of {len(jobs)}")
    return sprites


def without_twins(
    concepts: Sequence[Concept], sprites: Mapping[Key, Sprite]
) -> tuple[dict[str, Concept], list[tuple[str, str, str, int]]]:
    """Drop, in each art set, the later of two concepts that look alike; then concepts left with too few sets."""
    keys = [(c.name, s) for c in concepts for s in c.art_sets]
    twins = alike({k: perceptual_hash(sprites[k]) for k in keys}, keys)
    out = {(later, art_set) for _, later, art_set, _ in twins}
    kept = [replace(c, art_sets=tuple(s for s in c.art_sets if (c.name, s) not in out)) for c in concepts]
    return {c.name: c for c in kept if len(c.art_sets) >= MIN_ART_SETS}, twins


def report(
    atlas: Atlas, sprites: Mapping[Key, Sprite], twins: Sequence[tuple[str, str, str, int]]
) -> dict[str, object]:
    concepts = list(atlas.concepts.values())
    return {
        "concepts": len(concepts),
        "sprites": sum(len(c.art_sets) for c in concepts),
        "by_art_set": {s: sum(s in c.art_sets for c in concepts) for s in ART_SETS},
        "by_category": dict(sorted(Counter(c.category for c in concepts).items())),
        "by_habitat": dict(sorted(Counter(c.habitat for c in concepts).items())),
        "recolourable": sum(c.recolour for c in concepts),
        "near_duplicates": [dict(zip(("kept", "dropped", "art_set", "bits"), t, strict=True)) for t in twins],
        "framed": sorted(f"{c.name}/{s}" for c in concepts for s in c.art_sets if framed(sprites[c.name, s])),
    }


def contact_sheet(atlas: Atlas) -> Image.Image:
    """Every concept with its six sets, on tan squares, in columns, for the eye to judge."""
    names = list(atlas.concepts)
    rows = -(-len(names) // SHEET_COLUMNS)
    cell = SHEET_LABEL_PX + SHEET_TILE_PX * len(ART_SETS)
    sheet = Image.new("RGB", (cell * SHEET_COLUMNS, SHEET_TILE_PX * rows), "white")
    pen = ImageDraw.Draw(sheet)
    for i, name in enumerate(names):
        x, y = i // rows * cell, i % rows * SHEET_TILE_PX
        pen.text((x + 3, y + SHEET_TILE_PX // 2 - 6), name[:18], fill="black")
        for j, art_set in enumerate(ART_SETS):
            if art_set in atlas.concepts[name].art_sets:
                paste(sheet, atlas.sprite(name, art_set), x + SHEET_LABEL_PX + j * SHEET_TILE_PX, y)
    return sheet


def paste(sheet: Image.Image, sprite: Sprite, x: int, y: int) -> None:
    tile = Image.new("RGBA", (SPRITE_PX, SPRITE_PX), SHEET_TAN)
    tile.alpha_composite(Image.fromarray(np.ascontiguousarray(sprite)))
    small = tile.convert("RGB").resize((SHEET_TILE_PX - 2, SHEET_TILE_PX - 2), Image.Resampling.LANCZOS)
    sheet.paste(small, (x + 1, y + 1))
