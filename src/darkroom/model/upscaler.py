"""Real-ESRGAN in plain torch: four times the width and height, tile by tile.

Two networks: the compact one that ships with the package (`realesr-animevideov3-x4`), and a larger creative one
(`realesrgan-x4plus-anime`), an optional extra. After arXiv 2107.10833. Knows no file format but the converted one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from darkroom.core.errors import WeightsError

SCALE = 4
TILE = 128  # pixels of the input, before the overlap
COMPACT_OVERLAP = 18  # pixels of context on each side: the network's whole reach, so tiles equal the whole
CREATIVE_OVERLAP = 48  # its reach is some 100; beyond 48 a tile differs by at most 1/255, in 1 of 10^6 values

COMPACT_WIDTH = 64
COMPACT_LAYERS = 16
CREATIVE_WIDTH = 64
CREATIVE_GROWTH = 32
CREATIVE_BLOCKS = 6
DENSE_BLOCKS = 3
DENSE_LAYERS = 5
RESIDUAL_SHARE = 0.2
LEAK = 0.2

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


class Convolution(nn.Conv2d):
    """A 3x3 convolution that keeps the size. Its weights always come from a file, so none are drawn."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=3, padding=1)

    def reset_parameters(self) -> None:
        """Left as allocated."""


class Compact(nn.Module):
    """A plain stack of convolutions with PReLU, whose pixel shuffle is added to the enlarged input (SRVGG)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *[COMPACT_WIDTH] * (COMPACT_LAYERS + 1), 3 * SCALE * SCALE]
        self.convolutions = nn.ModuleList(Convolution(a, b) for a, b in pairwise(widths))
        self.activations = nn.ModuleList(nn.PReLU(COMPACT_WIDTH) for _ in range(COMPACT_LAYERS + 1))

    def forward(self, image: Tensor) -> Tensor:
        x = image  # (B, 3, H, W)
        for convolution, activation in zip(self.convolutions, self.activations, strict=False):
            x = activation(convolution(x))  # (B, 64, H, W)
        x = F.pixel_shuffle(self.convolutions[-1](x), SCALE)  # (B, 3, 4H, 4W)
        return x + F.interpolate(image, scale_factor=float(SCALE), mode="nearest")


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all before it; a fifth of the result is added to the input."""

    def __init__(self) -> None:
        super().__init__()
        widths = [CREATIVE_WIDTH + CREATIVE_GROWTH * index for index in range(DENSE_LAYERS)]
        outputs = [*[CREATIVE_GROWTH] * (DENSE_LAYERS - 1), CREATIVE_WIDTH]
        self.convolutions = nn.ModuleList(Convolution(a, b) for a, b in zip(widths, outputs, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for convolution in list(self.convolutions)[:-1]:
            seen = torch.cat([seen, F.leaky_relu(convolution(seen), LEAK)], dim=1)
        result: Tensor = self.convolutions[-1](seen) * RESIDUAL_SHARE + x
        return result


class Creative(nn.Module):
    """Residual-in-residual dense blocks and two nearest enlargements (ESRGAN, arXiv 1809.00219, section 3.1)."""

    def __init__(self) -> None:
        super().__init__()
        self.head = Convolution(3, CREATIVE_WIDTH)
        self.blocks = nn.ModuleList(
            nn.ModuleList(DenseBlock() for _ in range(DENSE_BLOCKS)) for _ in range(CREATIVE_BLOCKS)
        )
        self.body = Convolution(CREATIVE_WIDTH, CREATIVE_WIDTH)
        self.enlarge = nn.ModuleList(Convolution(CREATIVE_WIDTH, CREATIVE_WIDTH) for _ in range(2))
        self.detail = Convolution(CREATIVE_WIDTH, CREATIVE_WIDTH)
        self.tail = Convolution(CREATIVE_WIDTH, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = head = self.head(image)  # (B, 64, H, W)
        for block in self.blocks:
            y = x
            for dense in block.children():
                y = dense(y)
            x = y * RESIDUAL_SHARE + x
        x = head + self.body(x)
        for convolution in self.enlarge:
            x = F.leaky_relu(convolution(F.interpolate(x, scale_factor=2.0, mode="nearest")), LEAK)
        result: Tensor = self.tail(F.leaky_relu(self.detail(x), LEAK))
        return result  # (B, 3, 4H, 4W)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A network that can be installed: its file, how it is built, and the context that its tiles need (pixels)."""

    file: str
    build: Callable[[], nn.Module]
    overlap: int


KINDS = {
    "compact": Kind(file="upscaler.safetensors", build=Compact, overlap=COMPACT_OVERLAP),
    "creative": Kind(file="upscaler-creative.safetensors", build=Creative, overlap=CREATIVE_OVERLAP),
}


class Upscaler(nn.Module):
    """Enlarges pictures four times. `weights_hash` is the sha256 of the file that its weights come from.

    `between` is called before each tile, of which a large picture has many, and may raise.
    """

    between: Callable[[], None] | None = None

    def __init__(self, network: nn.Module, *, overlap: int, weights_hash: str = "") -> None:
        super().__init__()
        self.network = network
        self.overlap = overlap
        self.weights_hash = weights_hash

    @classmethod
    def load(cls, folder: Path | None = None, *, kind: str = "compact") -> Self:
        """Reads the `compact` or the `creative` network from `folder` (default: the package's). Raises WeightsError."""
        if kind not in KINDS:
            raise WeightsError(f"there is no upscaler {kind!r}; there are {', '.join(KINDS)}")
        path = (WEIGHTS_FOLDER if folder is None else folder) / KINDS[kind].file
        if not path.is_file():
            hint = "upscaler --creative --out FOLDER" if kind == "creative" else "upscaler"
            raise WeightsError(
                f"the {kind} upscaler is not installed: there is no file {path}; "
                f"`python -m darkroom.train.convert {hint}` makes it"
            )
        upscaler = cls(KINDS[kind].build(), overlap=KINDS[kind].overlap)
        try:
            upscaler.weights_hash = hashlib.sha256(path.read_bytes()).hexdigest()
            weights = {name: tensor.float() for name, tensor in load_file(path).items()}
            upscaler.network.load_state_dict(weights, assign=True)
        except (OSError, SafetensorError, RuntimeError) as fault:
            raise WeightsError(f"{path} does not hold the {kind} upscaler: {fault}") from fault
        return upscaler.eval().requires_grad_(False)

    @torch.no_grad()
    def upscale(self, image: Tensor, *, tile: int = TILE, overlap: int | None = None) -> Tensor:
        """(B, 3, H, W) fp32 in [0, 1] -> (B, 3, 4H, 4W) fp32 in [0, 1].

        One tile of one picture at a time, so the network's memory does not grow with the picture or the batch and a
        picture's bits do not depend on its company. `overlap` is the context in pixels that a tile sees around itself;
        the network's own default leaves no visible seam.
        """
        margin = self.overlap if overlap is None else overlap
        batch, channels, height, width = image.shape
        assert channels == 3, f"{channels} channels, 3 were expected"
        result = image.new_empty(batch, 3, SCALE * height, SCALE * width)
        for index in range(batch):
            for top, bottom in _spans(height, tile):
                for left, right in _spans(width, tile):
                    if self.between is not None:
                        self.between()
                    y, x = max(0, top - margin), max(0, left - margin)
                    part = image[index : index + 1, :, y : bottom + margin, x : right + margin]
                    large = self.network(part)[0]  # (3, 4h, 4w)
                    rows = slice(SCALE * (top - y), SCALE * (bottom - y))
                    columns = slice(SCALE * (left - x), SCALE * (right - x))
                    target = result[index, :, SCALE * top : SCALE * bottom, SCALE * left : SCALE * right]
                    target.copy_(large[:, rows, columns].clamp(0, 1))
        return result


def _spans(size: int, tile: int) -> Iterator[tuple[int, int]]:
    """Cuts `size` pixels into as few parts of at most `tile` pixels as there can be, of about equal length."""
    parts = math.ceil(size / tile)
    for index in range(parts):
        yield size * index // parts, size * (index + 1) // parts
