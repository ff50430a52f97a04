"""Looks at unfinished images: of the estimate, every few steps, the newest alone, and rendered only when asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from darkroom.engine.engine import Engine

MEAN, SPREAD = 0.3, 0.5  # of the Gaussian denoiser


def test_previews_show_the_estimate_of_x0(gaussian: Any, ask: Any, put: Any) -> None:
    """At sigma 1 the exact estimate is the mean everywhere, while x is noise: the preview must be flat."""
    engine = Engine(preview_every=1)
    put(engine, gaussian, "a", 1, ask("steps=5"))
    engine.step()
    (preview,) = engine.take_previews()
    assert (preview.job_id, preview.index, preview.width, preview.height) == ("a", 1, 8, 8)
    assert preview.rgb == bytes([round((MEAN / 4 + 0.5) * 255)]) * (8 * 8 * 3)


def test_previews_are_row_by_row_rgb(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine(preview_every=1)
    put(engine, tiny, "a", 0, ask("fox"))
    picture = torch.zeros(1, 3, 2, 4)
    picture[0, 0, 0, 1], picture[0, 2, 1, 0] = 1.0, 0.5
    tiny.preview = lambda denoised: picture
    engine.step()
    (preview,) = engine.take_previews()
    assert (preview.width, preview.height, len(preview.rgb)) == (4, 2, 24)
    assert preview.rgb[3:6] == bytes([255, 0, 0]) and preview.rgb[12:15] == bytes([0, 0, 128])


def test_previews_come_every_few_steps_and_are_coalesced(tiny: Any, ask: Any, put: Any) -> None:
    engine = Engine(preview_every=2)
    put(engine, tiny, "a", 0, ask("fox steps=9"))
    counts = []
    for _ in range(4):
        engine.step()
        counts.append(len(engine.take_previews()))
    assert counts == [0, 1, 0, 1]
    seen: list[float] = []
    tiny.preview = lambda denoised: seen.append(float(denoised.mean())) or torch.zeros(1, 3, 2, 2)
    tiny.estimate = lambda latents, sigmas, words: torch.full_like(latents, len(tiny.passes))
    for _ in range(4):
        engine.step()
    assert not seen, "nothing is rendered in a step"
    assert len(engine.take_previews()) == 1 and seen == [8.0], (
        "nobody asked for a while: only the newest is rendered"
    )


def test_previews_of_the_finished_are_dropped_and_zero_means_never(
    tiny: Any, ask: Any, put: Any, run: Any
) -> None:
    for preview_every in (1, 0):
        engine = Engine(preview_every=preview_every)
        put(engine, tiny, "a", 0, ask("fox steps=3"))
        engine.step()
        if preview_every:
            run(engine)
        assert engine.take_previews() == []


def test_with_an_executor_who_asks_gets_what_was_rendered_since(tiny: Any, ask: Any, put: Any) -> None:
    with ThreadPoolExecutor(max_workers=1) as executor:
        engine = Engine(preview_every=1, preview_on=executor)
        for index in range(2):
            put(engine, tiny, "a", index, ask("fox steps=9"))
        engine.step()
        assert engine.take_previews() == [], "it is being rendered"
        executor.submit(lambda: None).result()  # whatever was submitted before is done then
        assert [preview.index for preview in engine.take_previews()] == [0, 1]
        assert engine.take_previews() == [], "no image has a newer estimate"
