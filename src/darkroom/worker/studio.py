"""What draws in this process: the models, the engine that drives them and the upscaler, and the picture they make.

Knows no job, no file and no service. Importing it loads no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from darkroom.worker.beside import Beside

if TYPE_CHECKING:
    from PIL.Image import Image

    from darkroom.engine.decoder import Decoded
    from darkroom.engine.engine import Engine
    from darkroom.engine.profiles import Profiles
    from darkroom.model.upscaler import Upscaler
    from darkroom.worker.loader import Models
    from darkroom.worker.plates import Plates

SMALL = frozenset({"mini-1"})
"""Models that draw a quarter of what their entry promises per side; all others draw the size itself."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One finished image (RGB), and the fingerprint of what its bits depend on."""

    image: Image
    weights_hash: str
    fingerprint: dict[str, str | int | bool]


@dataclass(frozen=True, kw_only=True)
class Studio:
    """What draws in this process. Whoever holds it steps the engine, and has what that finished decoded and enlarged.

    `decode_on` is where pictures are made, None for the thread that asks; `woken` is set whenever work beside the
    stepping thread has ended. `device` says in words what is drawn on; `exact` is the engine's mode.
    """

    engine: Engine
    models: Models
    upscaler: Upscaler
    profiles: Profiles
    device: str = ""
    exact: bool = True
    decode_on: Executor | None = None
    woken: threading.Event = field(default_factory=threading.Event)

    def making(self, urgency: int) -> Executor | None:
        """Where a picture of that urgency is made: the lower the sooner, 0 first."""
        return self.decode_on.at(urgency) if isinstance(self.decode_on, Beside) else self.decode_on

    def timer(self, clock: Callable[[], float]) -> Callable[[], float]:
        """What measures the making of a picture: not what was done for others in between."""
        return self.decode_on.own_time if isinstance(self.decode_on, Beside) else clock

    def picture(self, decoded: Decoded, plates: Plates | None = None) -> Picture:
        """What the decoder made (3, H, W) as an image of its presentable size, or of the size that its plates say, joined
        with the old picture that they hold."""
        from darkroom.worker.enlarging import (
            STRETCH_MAX,
            SURROUNDINGS_STRETCH_MAX,
            brought_to,
            enlarged,
            image_of,
        )

        small = decoded.fingerprint.model in SMALL
        seamless = decoded.seamless
        picture = (
            enlarged(self.upscaler, decoded.picture, seamless=seamless) if small else decoded.picture
        )  # (3, H, W)
        if plates is None or plates.size is None:
            image = image_of(picture)
        else:
            most = SURROUNDINGS_STRETCH_MAX if plates.canvas else STRETCH_MAX
            image = brought_to(self.upscaler, picture, *plates.size, seamless=seamless, stretch_max=most)
        return Picture(
            image=image if plates is None else plates.ended(image),
            weights_hash=decoded.fingerprint.weights_hash,
            fingerprint={**asdict(decoded.fingerprint), "exact": decoded.exact},
        )

    def larger(self, image: Image, size: tuple[int, int], *, seamless: bool) -> Picture:
        """An image as it is, of another size, by the upscaler alone, which brightens: its colours are put right."""
        from darkroom.worker.canvas import near
        from darkroom.worker.enlarging import brought_to, enlarger_facts, tensor_of

        facts = enlarger_facts(self.upscaler)
        larger = brought_to(self.upscaler, tensor_of(image), *size, seamless=seamless)
        return Picture(
            image=near(larger, image),
            weights_hash=self.upscaler.weights_hash,
            fingerprint={**facts, "exact": self.exact},
        )
