"""What became of a round, in one line; what is kept of a bad one; and what all of them come to."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.chaos.audit import Books
from benchmarks.chaos.schedule import Fault, Round
from benchmarks.chaos.stage import Stage

SHOWN_MAX = 20  # violations that are printed
Note = Mapping[str, Any]


@dataclass
class Result:
    """`answers` counts what reports were answered, `retried` the jobs that ran more than once, `remixed` those that were
    completed and began at a picture."""

    round: Round
    kind: str = "fake"
    faults: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    retried: int = 0
    remixed: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def count(self, books: Books, notes: Sequence[Note], faults: Sequence[Fault]) -> None:
        self.faults.update(fault.value for fault in faults)
        self.ended.update(job["state"] for job in books.ended.values())
        self.ended.update({"stuck": len(books.living)} if books.living else {})
        self.answers.update(f"{note['outcome']}{' late' if note['late'] else ''}" for note in notes)
        claims = Counter(row["job_id"] for row in books.history if row["cause"] == "claimed")
        self.runs = claims.total()
        self.remixed = sum(
            job["state"] == "completed" and bool(job["recipe"]) for job in books.ended.values()
        )
        self.retried = sum(n > 1 for n in claims.values())

    def __str__(self) -> str:
        faults = ", ".join(f"{n} {name}" if n > 1 else name for name, n in sorted(self.faults.items()))
        ended = ", ".join(f"{n} {name}" for name, n in sorted(self.ended.items()))
        said = ", ".join(f"{n} {name}" for name, n in sorted(self.answers.items())) or "not watched"
        verdict = f"{len(self.violations)} VIOLATIONS" if self.violations else "sound"
        return (
            f"seed {self.round.seed} ({self.kind}): {verdict}; {ended}; {self.remixed} of them remixes; "
            f"{self.runs} runs, {self.retried} jobs ran again; "
            f"reports {said}; faults: {faults or 'none'}; {self.seconds:.0f} s"
        )


def keep_evidence(stage: Stage, result: Result) -> None:
    """The violations and the schedule, beside what the round left: the database, the logs, the objects."""
    found = {
        "seed": result.round.seed,
        "violations": result.violations,
        "schedule": asdict(result.round),
        "at": datetime.now(UTC).isoformat(),
    }
    (stage.folder / "evidence.json").write_text(json.dumps(found, indent=1, default=str))
    shutil.copytree(stage.objects, stage.folder / "objects-then", dirs_exist_ok=True)
    for violation in result.violations[:SHOWN_MAX]:
        print(f"  {violation}", flush=True)


def print_summary(results: Sequence[Result], seconds: float) -> None:
    faults: Counter[str] = sum((result.faults for result in results), Counter())
    ended: Counter[str] = sum((result.ended for result in results), Counter())
    violations = sum(len(result.violations) for result in results)
    remixed = sum(each.remixed for each in results)
    states = ", ".join(f"{n} {state}" for state, n in ended.most_common())
    print(
        f"{len(results)} rounds in {seconds:.0f} s: {ended.total()} jobs ({states}; {remixed} completed remixes), "
        f"{sum(each.runs for each in results)} runs, "
        f"{sum(each.retried for each in results)} jobs ran again, {faults.total()} faults, {violations} violations"
    )
    for name, times in faults.most_common():
        print(f"  {times:4} {name}")
