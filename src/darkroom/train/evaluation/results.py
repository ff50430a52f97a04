"""All figures of one evaluation: as a table to read and as one flat row to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from darkroom.train.evaluation.examination import Copying, Distances, Pair, Retrieval
from darkroom.train.evaluation.statistics import Estimate

NAME_WIDTH, CELL_WIDTH = 30, 18


@dataclass(frozen=True, kw_only=True)
class Results:
    """What one evaluation found. `zero_shot` is None for the tuning list."""

    held_out: Retrieval
    zero_shot: Retrieval | None
    free: Retrieval
    composition: Pair
    object_retrieval: Pair
    attributes: Mapping[str, Pair]
    distances: Distances
    diversity: Pair
    copying: Copying


def percent(value: Estimate | None) -> str:
    """A share with its interval; "-" where there is none."""
    if value is None or value.cases == 0:
        return "-"
    return f"{value.mean * 100:.1f} [{value.low * 100:.0f} to {value.high * 100:.0f}]"


def ratio(first: Estimate, second: Estimate) -> float:
    """The first mean over the second; nan where that is 0 or there are no cases."""
    return first.mean / second.mean if second.mean else float("nan")


def table(results: Results) -> str:
    """Lines to print: shares in per cent with their 95 % intervals."""
    lines = [_line("", "drawn", "real", "wrong prompt", "of ceiling", "above chance")]
    lists = {"held-out": results.held_out, "zero-shot": results.zero_shot, "free": results.free}
    for name, found in lists.items():
        if found is not None:
            shares = percent(found.of_ceiling), percent(found.of_ceiling_above_chance)
            label = f"1 of 16, {name} ({found.drawn.cases})"
            lines.append(
                _line(label, percent(found.drawn), percent(found.real), percent(found.wrong), *shares)
            )
    lines.append(_pair("1 of 16, another object", results.object_retrieval))
    lines.append(_pair("1 of 8, one thing changed", results.composition))
    lines += [_pair(f"{name} ({pair.drawn.cases})", pair) for name, pair in results.attributes.items()]
    far, wide, like = results.distances, results.diversity, results.copying
    lines.append(_line("Frechet distance", f"{far.drawn:.2f}", f"{far.real:.2f}"))
    lines.append(
        _line(
            "distance within a grid",
            f"{wide.drawn.mean:.2f}",
            f"{wide.real.mean:.2f}",
            "",
            f"{ratio(wide.drawn, wide.real):.0%}",
        )
    )
    likenesses = (f"{each.mean:.3f}" for each in (like.drawn, like.real, like.other))
    lines.append(_line(f"likeness to exemplar ({like.drawn.cases})", *likenesses))
    return "\n".join(lines)


def _pair(name: str, pair: Pair) -> str:
    return _line(name, percent(pair.drawn), percent(pair.real), "", f"{ratio(pair.drawn, pair.real):.0%}")


def _line(name: str, *cells: str) -> str:
    return (name.ljust(NAME_WIDTH) + "".join(cell.rjust(CELL_WIDTH) for cell in cells)).rstrip()


def row(results: Results) -> dict[str, object]:
    """The figures for the history: means, and under the plotted names the shares of the ceiling."""
    found: dict[str, object] = {}
    for name, part in _retrievals(results):
        found |= {f"{name} drawn": _short(part.drawn.mean), f"{name} wrong prompt": _short(part.wrong.mean)}
        if part.real is not None and part.of_ceiling is not None:
            found[f"{name} real"] = _short(part.real.mean)
            found[f"{name} retrieval"] = _short(part.of_ceiling.mean)
        else:
            found[f"{name} retrieval"] = _short(part.drawn.mean)
    for name, pair in (
        ("composition", results.composition),
        ("object retrieval", results.object_retrieval),
        *results.attributes.items(),
        ("diversity", results.diversity),
    ):
        found |= {f"{name} drawn": _short(pair.drawn.mean), f"{name} real": _short(pair.real.mean)}
        found[name] = _short(ratio(pair.drawn, pair.real))
    found |= {
        "frechet drawn": _short(results.distances.drawn),
        "frechet real": _short(results.distances.real),
    }
    likenesses = {
        "drawn": results.copying.drawn,
        "real": results.copying.real,
        "other": results.copying.other,
    }
    return found | {f"exemplar likeness {name}": _short(each.mean) for name, each in likenesses.items()}


def _retrievals(results: Results) -> Iterator[tuple[str, Retrieval]]:
    yield "held-out", results.held_out
    if results.zero_shot is not None:
        yield "zero-shot", results.zero_shot
    yield "free", results.free


def _short(value: float) -> float | None:
    """Four places; None for what JSON cannot hold."""
    return round(value, 4) if value == value else None
