"""`python benchmarks/moderation.py`: what the policy stops and lets through on the labelled prompts, and what a check costs.

Prints misses and false alarms for terms alone and for terms with meaning, on the half that thresholds were tuned on and on the half
that was held out, and on the prompts that were written later. `--list "written later"` names each wrong verdict there.
"""

from __future__ import annotations

import argparse
import time
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

from darkroom.classifiers.text import OnnxTextEmbedder
from darkroom.moderation.policy import Policy, read_policy
from darkroom.moderation.prompts import PromptModerator

CASES = Path(__file__).parents[1] / "tests" / "moderation" / "cases.toml"
LISTED_SCORE = 0.4
ROW = "{:<16}{:>8}{:>14}{:>14}"


class Part(StrEnum):
    """Thresholds were chosen on TUNING; LATER was written when words and exemplars were done (docs/moderation.md)."""

    TUNING = "tuning half"
    HELD_OUT = "held-out half"
    LATER = "written later"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A labelled prompt; `category` is empty where it is benign, `kind` says how it is written or what it is about."""

    text: str
    category: str
    kind: str
    part: Part


def read_cases(path: Path = CASES) -> list[Case]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [*_cases(table, later=False), *_cases(table["later"], later=True)]


def _cases(table: dict[str, Any], *, later: bool) -> Iterator[Case]:
    groups = {("", kind): lines for kind, lines in table["benign"].items()}
    for category, kinds in table["blocked"].items():
        groups.update({(category, kind): lines for kind, lines in kinds.items()})
    for (category, kind), lines in groups.items():
        for text in _lines(lines):
            part = Part.LATER if later else (Part.TUNING, Part.HELD_OUT)[zlib.crc32(text.encode()) % 2]
            yield Case(text=text, category=category, kind=kind, part=part)


def _lines(lines: str) -> list[str]:
    return [line for line in lines.splitlines() if line.strip()]


def without_meaning(policy: Policy) -> Policy:
    return replace(
        policy, categories=tuple(replace(category, meaning=None) for category in policy.categories)
    )


def wrong(moderator: PromptModerator, cases: Sequence[Case]) -> list[Case]:
    """Cases that are blocked and should not be, or the other way round; the category of a block is not compared."""
    return [case for case in cases if moderator.check([case.text]).blocked != bool(case.category)]


def report(terms: PromptModerator, both: PromptModerator, cases: Sequence[Case]) -> None:
    alone, together = wrong(terms, cases), wrong(both, cases)
    print(ROW.format("", "prompts", "terms alone", "with meaning"))
    for title, key in (("missed", _category), ("missed by form", _form), ("false alarms", _kind)):
        counts = Counter(filter(None, map(key, cases)))
        first, second = Counter(map(key, alone)), Counter(map(key, together))
        print(f"{title}:")
        for name, count in counts.items():
            print(ROW.format(f"  {name}", count, first[name], second[name]))
        sums = [sum(count for name, count in found.items() if name) for found in (counts, first, second)]
        print(ROW.format("  all", *sums))


def _category(case: Case) -> str:
    return case.category


def _form(case: Case) -> str:
    return case.kind if case.category else ""


def _kind(case: Case) -> str:
    return "" if case.category else case.kind


def cost(policy: Policy, cases: Sequence[Case]) -> None:
    """Milliseconds of processor time of a first and of a repeated check, one prompt at a time, on one thread."""
    began = time.process_time()
    embedder = OnnxTextEmbedder.load()
    loaded = time.process_time()
    moderator = PromptModerator(policy, embedder)
    moderator.warm()
    print(f"\nload {loaded - began:.2f} s, warm {time.process_time() - loaded:.2f} s")
    benign = [case.text for case in cases if not case.category]
    for name in ("first check", "repeated"):
        times = sorted(_check_ms(moderator, text) for text in benign)
        print(f"{name:<12} median {median(times):.3f} ms, p95 {times[int(len(times) * 0.95)]:.3f} ms")


def _check_ms(moderator: PromptModerator, text: str) -> float:
    began = time.process_time()
    moderator.check([text])
    return (time.process_time() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, help="another policy.toml")
    parser.add_argument("--list", choices=list(Part), type=Part, help="name each wrong verdict of this part")
    chosen = parser.parse_args()
    policy, cases = read_policy(chosen.policy), read_cases()
    embedder = OnnxTextEmbedder.load()
    terms = PromptModerator(without_meaning(policy), embedder)
    both = PromptModerator(policy, embedder)
    for part in Part:
        print(f"\n{part.capitalize()}")
        report(terms, both, [case for case in cases if case.part is part])
    for case in wrong(both, [case for case in cases if case.part is chosen.list]):
        verdict = both.check([case.text])
        scores = " ".join(
            f"{name} {score:.2f}" for name, score in verdict.scores.items() if score > LISTED_SCORE
        )
        print(f"{case.category or 'benign'}: {case.text!r}: {verdict.category} {verdict.matched} ({scores})")
    cost(policy, cases)


if __name__ == "__main__":
    main()
