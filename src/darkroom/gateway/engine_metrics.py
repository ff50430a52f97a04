"""What the engines of the workers say of themselves, in Prometheus' terms: counters that another process counts.

One series for each worker that is here; with the worker, its series go. Knows no dispatcher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from darkroom.core.work import EngineVitals
from darkroom.core.workers import Worker

LABELS = ("worker", "device")
Reading = Callable[[EngineVitals], float]

# What only grows while a worker's process lives; `_total` is put on when it is written.
COUNTERS: Mapping[str, tuple[str, Reading]] = {
    "passes": ("Passes of a network", lambda it: it.passes),
    "rows": ("Rows of passes that belonged to images", lambda it: it.rows),
    "padding_rows": ("Rows of passes that only filled up", lambda it: it.padding_rows),
    "device_seconds": ("Time that the device was at work", lambda it: it.device_ms / 1000),
    "texts_cached": ("Texts whose encoding was at hand", lambda it: it.texts_cached),
    "texts_encoded": ("Texts that were encoded", lambda it: it.texts_encoded),
    "out_of_memory": ("Times that the device's memory did not suffice", lambda it: it.out_of_memory),
}
GAUGES: Mapping[str, tuple[str, Reading]] = {
    "in_flight": ("Images that are being drawn", lambda it: it.in_flight),
    "waiting": ("Requests that are not admitted yet", lambda it: it.waiting),
    "oldest_wait_seconds": ("How long the oldest of them has waited", lambda it: it.oldest_wait_s),
    "undecoded": ("Images that wait to be decoded", lambda it: it.undecoded),
}


class Engines(Collector):
    """The newest vitals, as they are shown when somebody asks."""

    def __init__(self) -> None:
        self._shown: Sequence[tuple[Worker, EngineVitals]] = ()

    def show(self, vitals: Sequence[tuple[Worker, EngineVitals]]) -> None:
        """Takes the place of all that was shown before."""
        self._shown = list(vitals)

    def describe(self) -> list[Metric]:
        return _families(())

    def collect(self) -> Iterable[Metric]:
        return _families(self._shown)


def _families(shown: Sequence[tuple[Worker, EngineVitals]]) -> list[Metric]:
    kinds = ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES))
    return [
        _family(kind(f"darkroom_engine_{name}", text, labels=LABELS), reading, shown)
        for kind, metrics in kinds
        for name, (text, reading) in metrics.items()
    ]


def _family(
    family: CounterMetricFamily | GaugeMetricFamily,
    reading: Reading,
    shown: Sequence[tuple[Worker, EngineVitals]],
) -> Metric:
    for worker, vitals in shown:
        family.add_metric((worker.name, worker.device), reading(vitals))
    return family
