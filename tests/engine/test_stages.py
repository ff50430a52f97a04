"""What stands beside the loop: previews and decoding."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from darkroom.engine.decoder import Decoder
from darkroom.engine.engine import Engine
from darkroom.engine.rows import Sample, State

MEAN, SPREAD = 0.3, 0.5  # of the Gaussian denoiser


def test_previews_show_the_estimate_of_x0(gaussian: Any, ask: Any) -> None:
    """At sigma 1 the exact estimate is the mean everywhere, while x is noise: the preview must be flat."""
    engine = Engine(gaussian, preview_every=1)
    engine.add("a", 1, ask("steps=5"))
    engine.step()
    (preview,) = engine.take_previews()
    assert (preview.job_id, preview.index, preview.width, preview.height) == ("a", 1, 8, 8)
    assert preview.rgb == bytes([round((MEAN / 4 + 0.5) * 255)]) * (8 * 8 * 3)


def test_previews_are_row_by_row_rgb(tiny: Any, ask: Any) -> None:
    engine = Engine(tiny, preview_every=1)
    engine.add("a", 0, ask("fox"))
    picture = torch.zeros(1, 3, 2, 4)
    picture[0, 0, 0, 1], picture[0, 2, 1, 0] = 1.0, 0.5
    tiny.preview = lambda denoised: picture
    engine.step()
    (preview,) = engine.take_previews()
    assert (preview.width, preview.height, len(preview.rgb)) == (4, 2, 24)
    assert preview.rgb[3:6] == bytes([255, 0, 0]) and preview.rgb[12:15] == bytes([0, 0, 128])


def test_previews_come_every_few_steps_and_are_coalesced(tiny: Any, ask: Any) -> None:
    engine = Engine(tiny, preview_every=2)
    engine.add("a", 0, ask("fox steps=9"))
    counts = []
    for _ in range(4):
        engine.step()
        counts.append(len(engine.take_previews()))
    assert counts == [0, 1, 0, 1]
    seen = []
    tiny.preview = lambda denoised: seen.append(denoised) or torch.zeros(1, 3, 2, 2)
    for _ in range(4):
        engine.step()
    assert len(engine.take_previews()) == len(seen) == 1, (
        "nobody asked for a while: only the newest is rendered"
    )


def test_previews_of_the_finished_are_dropped_and_zero_means_never(tiny: Any, ask: Any, run: Any) -> None:
    for preview_every, steps in ((1, 3), (0, 3)):
        engine = Engine(tiny, preview_every=preview_every)
        engine.add("a", 0, ask(f"fox steps={steps}"))
        engine.step()
        if preview_every:
            run(engine)
        assert engine.take_previews() == []


def test_the_decoder_decodes_in_order_and_each_alone(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    for index in range(3):
        engine.add("a", index, ask("fox", seed=index))
    run_events = run(engine)
    finished = list(run_events[1].values())
    batches = []
    decode = tiny.decode
    tiny.decode = lambda latents, **options: batches.append(len(latents)) or decode(latents, **options)
    decoder = Decoder(tiny)
    decoder.add(finished)
    decoded = [decoder.decode_next() for _ in range(len(decoder))]
    assert [each.index for each in decoded] == [0, 1, 2] and batches == [1, 1, 1] and len(decoder) == 0
    for before, after in zip(finished, decoded, strict=True):
        assert after.picture.shape == (3, 32, 32) and after.picture.dtype == torch.float32
        assert after.picture.min() >= 0 and after.picture.max() <= 1
        assert torch.equal(after.picture, decode(before.latent[None], seamless=False)[0].clamp(0, 1))
        assert after.fingerprint == before.fingerprint and after.exact
    with pytest.raises(IndexError):
        decoder.decode_next()


def test_a_cancelled_job_is_not_decoded(tiny: Any, ask: Any, run: Any) -> None:
    engine = Engine(tiny)
    for job_id in ("gone", "kept"):
        engine.add(job_id, 0, ask("fox"))
    decoder = Decoder(tiny)
    decoder.add(run(engine)[1].values())
    decoder.cancel("gone")
    assert len(decoder) == 1 and decoder.decode_next().job_id == "kept"


def test_a_sample_is_a_value(tiny: Any, ask: Any) -> None:
    """A step makes a new sample and leaves the old one as it was, so a pass can be repeated."""
    prepared = tiny.prepare(ask("fox steps=2"), index=0)
    sample = Sample.of(prepared, job_id="a", index=0, key=0, priority=0, device=tiny.device)
    before = sample.x.clone()
    after = sample.stepped(torch.zeros_like(sample.x), row_count=8)
    last = after.stepped(torch.zeros_like(sample.x), row_count=8)
    assert [each.state for each in (sample, after, last)] == [State.WAITING, State.RUNNING, State.FINISHED]
    assert torch.equal(sample.x, before) and sample.step == 0 and not torch.equal(after.x, before)
