"""Row-wise int8: a matrix as signed bytes with one scale for each row, or for each group of columns in a row.

Knows no network and no file.
"""

from __future__ import annotations

from torch import Tensor, float16, float32, int8

INT8_LEVELS = 127
SMALLEST_SCALE = 6.2e-5  # the smallest at which fp16 still has its whole precision


def quantise_rows(matrix: Tensor, *, group: int | None = None) -> tuple[Tensor, Tensor]:
    """(R, C) float -> int8 levels (R, C) and fp16 scales (R, C / group); without `group` a row has one scale."""
    rows, columns = matrix.shape
    width = columns if group is None else group
    assert columns % width == 0, f"{columns} columns do not split into groups of {width}"
    grouped = matrix.float().reshape(rows, columns // width, width)  # (R, G, W)
    scale = (grouped.abs().amax(dim=2) / INT8_LEVELS).clamp_min(SMALLEST_SCALE).to(float16)  # (R, G)
    levels = (grouped / scale[:, :, None].float()).round().clamp(-INT8_LEVELS, INT8_LEVELS)
    return levels.to(int8).reshape(rows, columns), scale


def dequantise_rows(levels: Tensor, scale: Tensor) -> Tensor:
    """Int8 levels (R, C) and scales (R, G) -> (R, C) fp32."""
    rows, columns = levels.shape
    grouped = levels.to(float32).view(rows, scale.shape[1], columns // scale.shape[1])
    return grouped.mul_(scale.to(float32)[:, :, None]).view(rows, columns)
