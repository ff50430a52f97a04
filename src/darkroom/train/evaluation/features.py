"""What the frozen eyes see in a picture: 4x4 cells of features from an early, a middle and a late stage.

Every picture is brought to 128 px first, so that what is told of it does not depend on the size it was drawn at. Coarse cells keep
where things are, and so left from right and one from three. Knows no captions.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from darkroom.train.evaluation.backbone import STAGES, EfficientNetLite0

Pictures = NDArray[np.uint8]  # (N, H, W, 3) RGB

SEEN_PX = 128
GRID = 4
EARLY, MIDDLE, LATE = 1, 4, 6  # stages: colours and edges, parts, things
UNSHUFFLE = 2  # the middle stage is twice as fine as the grid: its positions become channels
LATE_CHANNELS = STAGES[LATE].width
CHANNELS = STAGES[EARLY].width + STAGES[MIDDLE].width * UNSHUFFLE**2 + LATE_CHANNELS
BATCH = 50

MEAN = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)  # of ImageNet's pictures
DEVIATION = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)


class Eyes:
    """Pictures to cells (N, 16, CHANNELS) fp16, the early stage's channels first, the late stage's last."""

    def __init__(self, backbone: EfficientNetLite0) -> None:
        self.backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def load(cls) -> Eyes:
        """Raises WeightsError where the package with the weights is not installed."""
        return cls(EfficientNetLite0.load())

    @torch.inference_mode()
    def cells(self, pictures: Pictures) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, 16, CHANNELS) fp16. bf16 inside: half the time, and far finer than what is told apart."""
        parts = [torch.zeros(0, GRID * GRID, CHANNELS, dtype=torch.float16)]
        for start in range(0, len(pictures), BATCH):
            batch = prepared(pictures[start : start + BATCH])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                stages = self.backbone.stages(batch.to(memory_format=torch.channels_last))
            parts.append(_gridded([stage.float() for stage in stages]).half())
        return torch.cat(parts)


def prepared(pictures: Pictures) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, 128, 128) fp32, normalised as the backbone was trained."""
    size = (SEEN_PX, SEEN_PX)
    large = [cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) for picture in pictures]
    scaled = torch.from_numpy(np.stack(large)).permute(0, 3, 1, 2).float() / 255
    return (scaled - MEAN) / DEVIATION


def _gridded(stages: list[Tensor]) -> Tensor:
    early = F.adaptive_avg_pool2d(stages[EARLY], GRID)
    middle = F.pixel_unshuffle(stages[MIDDLE], UNSHUFFLE)
    return torch.cat([early, middle, stages[LATE]], 1).flatten(2).transpose(1, 2)  # (B, 16, CHANNELS)


def whole(cells: Tensor) -> Tensor:
    """One vector a picture, for distances between pictures: (N, 16, CHANNELS) -> (N, LATE_CHANNELS) fp32."""
    return cells[..., -LATE_CHANNELS:].float().mean(1)
