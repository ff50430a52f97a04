"""The stage before the loop: the texts of waiting requests are encoded together, then each request is prepared alone.

Runs on an executor's thread, or inline where there is none. Knows no row and no pass.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from darkroom.core.errors import ModelError
from darkroom.engine.corrections import digest_of
from darkroom.engine.meters import Meters
from darkroom.engine.passes import REQUEST_FAULTS, is_lost, is_out_of_memory, release
from darkroom.engine.requests import Waiting
from darkroom.model.denoiser import Denoiser, Encoded, Prepared
from darkroom.model.guidance import GUIDANCE_RULES
from darkroom.model.samplers import SAMPLERS

TEXT_CACHE_MAX = 256 * 1024 * 1024  # bytes of encoded texts that are kept
PREPARED_AT_ONCE = 8  # requests in one batch: who comes while it is under way waits for it, however urgent
LATENT_MAX = 4 * 1024 * 1024  # numbers in one latent: beyond any image that the service sells
POSITIONS_MAX = (
    512 * 512
)  # of a latent: 4096 x 4096 pixels of most models, beyond which attention takes minutes
POSITIONS_MAX_CPU = 160 * 160  # the same on a processor: nothing can be done for others while a pass goes on
GUIDANCE_MAX = 100.0

Fault = str
"""Why a request fails, as a sentence."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A request with what it starts from, or with why it can't be prepared.

    `given` is a digest of the pictures that it came with: they are many megabytes, and not for the thread that steps.
    """

    waiting: Waiting
    prepared: Prepared | Fault
    given: str = ""


class TextCache:
    """Encoded texts by (whose encoder, text), at most `bytes_max` bytes of them; the least used go first."""

    def __init__(self, bytes_max: int = TEXT_CACHE_MAX) -> None:
        self._bytes_max, self.bytes = bytes_max, 0
        self._kept: OrderedDict[tuple[str, str], Encoded] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, whose: str, text: str) -> Encoded | None:
        found = self._kept.get((whose, text))
        if found is not None:
            self._kept.move_to_end((whose, text))
        return found

    def put(self, whose: str, text: str, encoded: Encoded) -> None:
        """Keeps it, unless it is larger than all that may be kept."""
        if (whose, text) in self._kept or _bytes(encoded) > self._bytes_max:
            return
        self._kept[whose, text] = encoded
        self.bytes += _bytes(encoded)
        while self.bytes > self._bytes_max:
            self.bytes -= _bytes(self._kept.popitem(last=False)[1])


class Preparation:
    """Prepares one batch of requests at a time. Who drives the engine calls it; the work is done on `on`."""

    def __init__(
        self, meters: Meters, *, on: Executor | None = None, text_cache_max: int = TEXT_CACHE_MAX
    ) -> None:
        self._meters, self._on = meters, on
        self._cache = TextCache(text_cache_max)
        self._running: Future[list[Outcome]] | None = None

    @property
    def free(self) -> bool:
        """Whether a batch can be submitted."""
        return self._running is None

    def submit(self, batch: Sequence[Waiting]) -> None:
        """Begins with a batch, and does it at once where there is no executor."""
        assert self._running is None, "one batch at a time"
        if self._on is not None:
            self._running = self._on.submit(self._prepare, batch)
            return
        self._running = Future()
        self._running.set_result(self._prepare(batch))

    def take(self, *, wait_s: float = 0.0) -> list[Outcome]:
        """What came of the batch, once; nothing while it is under way. Waits for it for so long."""
        if self._running is None:
            return []
        if wait_s:
            wait([self._running], timeout=wait_s)
        if not self._running.done():
            return []
        running, self._running = self._running, None
        return running.result()

    @torch.no_grad()
    def _prepare(self, batch: Sequence[Waiting]) -> list[Outcome]:
        """Encodes what the batch lacks, model by model, and prepares each request of it."""
        outcomes = []
        pictures = {id(each.request.given): each.request.given for each in batch}
        given = {key: digest_of(each) for key, each in pictures.items()}  # images of a job share them
        for denoiser in {id(each.denoiser): each.denoiser for each in batch}.values():
            own = [each for each in batch if each.denoiser is denoiser]
            wanted = {each.key: _texts(each) for each in own}
            texts = [text for found in wanted.values() if not isinstance(found, Fault) for text in found]
            encoded = self._encoded(denoiser, dict.fromkeys(texts))
            outcomes += [
                replace(_outcome(each, wanted[each.key], encoded), given=given[id(each.request.given)])
                for each in own
            ]
        return outcomes

    def _encoded(self, denoiser: Denoiser, texts: Iterable[str]) -> Mapping[str, Encoded | Fault]:
        """What each text becomes, or why it can't: from the cache, the rest in one call of the encoder."""
        whose = _encoder_of(denoiser)
        found: dict[str, Encoded | Fault] = {}
        lacking = []
        for text in texts:
            known = self._cache.get(whose, text)
            if known is None:
                lacking.append(text)
            else:
                found[text] = known
        self._meters.texts_cached += len(found)
        for text, encoded in _encode(denoiser, lacking).items():
            found[text] = encoded
            if not isinstance(encoded, Fault):
                self._meters.texts_encoded += 1
                self._cache.put(whose, text, encoded)
        return found


def _encoder_of(denoiser: Denoiser) -> str:
    """What tells encoders apart: the same weights in another precision, or under another name, make other numbers."""
    return " ".join((denoiser.name, denoiser.weights_hash, str(denoiser.dtype), str(denoiser.device)))


def _encode(denoiser: Denoiser, texts: Sequence[str]) -> dict[str, Encoded | Fault]:
    """All in one call; where that fails, one by one, so that a bad text fails alone."""
    if not texts:
        return {}
    try:
        return dict(zip(texts, denoiser.encode(texts), strict=True))
    except REQUEST_FAULTS as fault:
        if is_lost(denoiser.device):
            raise
        if len(texts) == 1:
            return {texts[0]: unprepared(fault)}
    release(denoiser.device)
    return {text: one for text in texts for one in _encode(denoiser, [text]).values()}


def _texts(waiting: Waiting) -> tuple[str, ...] | Fault:
    try:
        return waiting.denoiser.texts(waiting.request.params)
    except REQUEST_FAULTS as fault:
        return unprepared(fault)


def _outcome(
    waiting: Waiting, texts: tuple[str, ...] | Fault, encoded: Mapping[str, Encoded | Fault]
) -> Outcome:
    if isinstance(texts, Fault):
        return Outcome(waiting=waiting, prepared=texts)
    own: dict[str, Encoded] = {}
    for text in texts:
        found = encoded[text]
        if isinstance(found, Fault):
            return Outcome(waiting=waiting, prepared=found)
        own[text] = found
    request = waiting.request
    try:
        prepared = waiting.denoiser.prepare(
            request.params, index=request.drawn_index, encoded=own, given=request.given
        )
        _check(prepared, waiting.denoiser)
    except REQUEST_FAULTS as fault:
        if is_lost(waiting.denoiser.device):
            raise
        return Outcome(waiting=waiting, prepared=unprepared(fault))
    return Outcome(waiting=waiting, prepared=prepared)


def _check(prepared: Prepared, denoiser: Denoiser) -> None:
    """Raises ModelError where `prepared` is not what the engine can run."""
    sigmas, latent = prepared.sigmas, prepared.latent
    assert prepared.row_class.startswith(f"{denoiser.name}/"), f"{prepared.row_class} of {denoiser.name}"
    falling = all(a > b >= 0 for a, b in pairwise(sigmas))
    if len(sigmas) < 2 or not falling or not math.isfinite(sigmas[0]):
        raise ModelError(
            f"the noise levels of an image must fall, and be two or more; they are {list(sigmas)[:4]} ..."
        )
    if prepared.sampler not in SAMPLERS:
        raise ModelError(f"no sampler {prepared.sampler!r}; there are {', '.join(sorted(SAMPLERS))}")
    if prepared.guidance_rule not in GUIDANCE_RULES:
        rules = ", ".join(sorted(GUIDANCE_RULES))
        raise ModelError(f"no guidance rule {prepared.guidance_rule!r}; there are {rules}")
    if not abs(prepared.guidance) <= GUIDANCE_MAX:
        raise ModelError(
            f"a guidance of {prepared.guidance}: it must be a number from -{GUIDANCE_MAX} to {GUIDANCE_MAX}"
        )
    if prepared.guidance != 1 and prepared.unconditional is None:
        raise ModelError(
            f"a guidance of {prepared.guidance} needs an unconditional row; without one it must be 1"
        )
    if latent.dim() != 3 or latent.dtype != torch.float32 or not 0 < latent.numel() <= LATENT_MAX:
        raise ModelError(
            f"a latent must be (C, h, w) in fp32 with at most {LATENT_MAX} numbers; it is {tuple(latent.shape)}"
        )
    height, width = latent.shape[-2:]
    most = POSITIONS_MAX_CPU if denoiser.device.type == "cpu" else POSITIONS_MAX
    if height * width > most:
        raise ModelError(
            f"its latent has {height} x {width} positions, which are {height * width:,}; {most:,} can be drawn on "
            f"{denoiser.device.type}. Ask for a smaller size"
        )
    if not latent.isfinite().all():
        raise ModelError("a latent holds numbers that are not finite")
    _check_known(prepared)


def _check_known(prepared: Prepared) -> None:
    """Raises ModelError where what is known of the image does not fit it."""
    known, region = prepared.known, prepared.region
    if known is None and region is None:
        return
    if known is None or region is None:
        raise ModelError("an image with a known part needs both: what is known, and the region that is drawn")
    if known.shape != prepared.latent.shape or region.shape != (1, *prepared.latent.shape[1:]):
        raise ModelError(
            f"a latent of {tuple(prepared.latent.shape)} does not fit what is known, {tuple(known.shape)}, or the "
            f"region that is drawn, {tuple(region.shape)}"
        )
    if not (known.isfinite().all() and ((region >= 0) & (region <= 1)).all()):
        raise ModelError("what is known must be finite, and the region that is drawn from 0 to 1")


def unprepared(fault: BaseException) -> Fault:
    """Why a request cannot be prepared. Where memory does not suffice, that is the device's fault and not its own."""
    if is_out_of_memory(fault):
        return f"the device has no memory to prepare it: {fault}"
    return f"it cannot be prepared: {fault}"


def _bytes(encoded: Encoded) -> int:
    return sum(tensor.nbytes for tensor in encoded.values())
