"""Row-wise int8."""

import pytest
import torch

from darkroom.model.rowwise import SMALLEST_SCALE, dequantise_rows, quantise_rows


def test_a_row_is_restored_within_half_a_level_of_its_own_scale():
    matrix = (
        torch.randn(20, 64, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 1, 20)[:, None]
    )
    levels, scale = quantise_rows(matrix)
    assert levels.dtype == torch.int8
    assert scale.shape == (20, 1)
    error = (dequantise_rows(levels, scale) - matrix).abs().amax(dim=1)
    assert (error <= 0.56 * scale[:, 0].float()).all()


def test_an_outlier_costs_only_its_own_group():
    matrix = torch.linspace(-1, 1, 64).repeat(2, 1)
    matrix[0, 63] = 100.0
    whole = (dequantise_rows(*quantise_rows(matrix)) - matrix)[0, :32].abs().max()
    grouped = (dequantise_rows(*quantise_rows(matrix, group=32)) - matrix)[0, :32].abs().max()
    assert whole > 0.2
    assert grouped < 0.005


def test_hand_computed_levels():
    levels, scale = quantise_rows(torch.tensor([[127.0, -63.4, 0.4], [0.0, 0.0, 0.0]]))
    assert levels.tolist() == [[127, -63, 0], [0, 0, 0]]
    assert scale[0].item() == 1.0
    assert scale[1].item() == pytest.approx(SMALLEST_SCALE, rel=1e-3)


def test_columns_must_split_into_groups():
    with pytest.raises(AssertionError, match="10 columns"):
        quantise_rows(torch.zeros(1, 10), group=4)
