"""A studio for tests: the real engine, decoder and upscaler around a network of three lines."""

import hashlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.cli.service import Running, Service
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, image_seed
from darkroom.engine.engine import Engine
from darkroom.engine.profiles import Profiles
from darkroom.model.denoiser import Conditioning, Denoiser, Encoded, Given, Prepared
from darkroom.model.upscaler import Upscaler
from darkroom.worker.loader import Library, Models
from darkroom.worker.shelf import Shelf
from darkroom.worker.studio import Studio

SIDE = 8


class TinyDenoiser:
    """Draws a colour that depends on the words, with a little of the noise left in it."""

    name = "mini-1"
    weights_hash = hashlib.sha256(b"tiny").hexdigest()
    device = torch.device("cpu")
    dtype = torch.float32

    def texts(self, params: GenerationParams) -> tuple[str, ...]:
        return ()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        return []

    def prepare(
        self,
        params: GenerationParams,
        *,
        index: int,
        encoded: Mapping[str, Encoded] | None = None,
        given: Given | None = None,
    ) -> Prepared:
        if "unpaintable" in params.text:
            raise ModelError("nobody can paint that")
        assert params.seed is not None
        noise = torch.Generator().manual_seed(image_seed(params.seed, index))
        steps = max(2, round(8 * params.quality))
        colour = torch.tensor(list(hashlib.sha256(params.text.encode()).digest()[:3])) / 255
        return Prepared(
            row_class=f"{self.name}/{SIDE}x{SIDE}",
            latent=torch.randn(3, SIDE, SIDE, generator=noise),
            sigmas=tuple(1 - step / steps for step in range(steps + 1)),
            guidance=1.0,
            sampler="euler",
            conditional={"colour": colour},
            unconditional=None,
        )

    def denoise(self, latents: Tensor, sigmas: Tensor, conditioning: Sequence[Conditioning]) -> Tensor:
        colours = torch.stack([row["colour"] for row in conditioning])  # (R, 3)
        return colours[:, :, None, None] + 0.05 * latents

    def decode(self, latents: Tensor, *, seamless: bool) -> Tensor:
        return latents.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3).clamp(0, 1)

    def preview(self, denoised: Tensor) -> Tensor:
        return denoised.clamp(0, 1)


def studio_of(model: Denoiser, upscaler: Upscaler) -> Studio:
    """What `open_studio` makes, around one model that is at hand."""
    library = Library(
        names=(model.name,),
        needed_bytes=lambda name: 1,
        load=lambda name: model,
        pinned=frozenset([model.name]),
    )
    profiles = Profiles(measure=False)
    return Studio(
        engine=Engine(profiles=profiles),
        models=Models(library, Shelf(1)),
        upscaler=upscaler,
        profiles=profiles,
        device="cpu",
    )


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No server, key or config file of whoever runs the tests; the data folder that a server would have."""
    for name in ("DARKROOM_URL", "DARKROOM_KEY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DARKROOM_DATA", str(home / "data"))
    monkeypatch.setenv("DARKROOM_CONFIG", str(home / "config.toml"))
    return home


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C means what it does on a terminal, here and in every process that a test starts: whoever runs the tests in the
    background has it ignored, and that is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def upscaler() -> Upscaler:
    return Upscaler.load()


@pytest.fixture
def tiny_studio(upscaler: Upscaler) -> Studio:
    return studio_of(TinyDenoiser(), upscaler)


@pytest.fixture
def drawing(tiny_studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Studio]:
    """`darkroom imagine` draws with the tiny studio, in an empty folder that is the working one."""

    def open_studio(*_: object, **more: Any) -> Studio:
        more["between"]()
        return tiny_studio

    monkeypatch.setattr("darkroom.cli.here.open_studio", open_studio)
    monkeypatch.chdir(tmp_path)
    yield tiny_studio
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


@pytest.fixture
def running() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture
def service(running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    """A service that runs, with its owner's key in the environment; the working folder is an empty one."""
    monkeypatch.setenv("DARKROOM_URL", running.service.url)
    monkeypatch.setenv("DARKROOM_KEY", running.service.owner.secret)
    monkeypatch.chdir(tmp_path)
    return running.service
