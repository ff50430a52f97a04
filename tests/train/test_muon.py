"""Muon: orthogonal updates, momentum, and that it minimises."""

from __future__ import annotations

import copy

import pytest
import torch

from darkroom.train.muon import Muon, orthogonalise


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("shape", [(3, 24, 24), (2, 16, 48), (2, 48, 16), (1, 8, 1)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_singular_values_come_near_one(shape: tuple[int, int, int], scale: float) -> None:
    directions = orthogonalise(noise(*shape) * scale)
    assert directions.shape == shape and directions.dtype == torch.float32
    values = torch.linalg.svdvals(directions)
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_a_direction_keeps_its_singular_vectors() -> None:
    matrix = noise(1, 12, 30)
    u, _, vh = torch.linalg.svd(matrix[0], full_matrices=False)
    turned = u.T @ orthogonalise(matrix)[0] @ vh.T  # close to diagonal, positive
    off = turned - torch.diag(turned.diagonal())
    assert off.abs().max() < 0.1
    assert turned.diagonal().min() > 0.3


def test_a_matrix_that_is_transposed_gets_the_transposed_direction() -> None:
    matrices = noise(2, 10, 26)
    torch.testing.assert_close(orthogonalise(matrices).mT, orthogonalise(matrices.mT), rtol=0, atol=0.02)


def test_matrices_of_a_batch_do_not_touch_each_other() -> None:
    matrices = noise(3, 12, 20)
    alone = torch.cat([orthogonalise(m[None]) for m in matrices])
    torch.testing.assert_close(orthogonalise(matrices), alone, rtol=0, atol=0.02)


def test_zero_gives_zero() -> None:
    assert not orthogonalise(torch.zeros(1, 6, 9)).any()


def test_a_quadratic_is_minimised() -> None:
    target = noise(20, 30)
    weight = torch.nn.Parameter(torch.zeros(20, 30))
    optimizer = Muon([weight], lr=0.1, weight_decay=0.0)
    losses = []
    for step in range(150):
        loss = (weight - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - step / 150)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_the_size_of_a_step_is_the_rate_and_not_the_gradient() -> None:
    lengths = []
    for scale in (1e-3, 1e3):
        weight = torch.nn.Parameter(torch.zeros(16, 16))
        weight.grad = noise(16, 16) * scale
        Muon([weight], lr=0.5, weight_decay=0.0).step()
        lengths.append(float(weight.detach().norm()) / 4)  # the root mean square of 16 singular values
    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)
    assert 0.3 < lengths[0] < 0.6


def test_convolutions_are_flattened_and_keep_their_shape() -> None:
    weight = torch.nn.Parameter(torch.zeros(8, 4, 3, 3))
    weight.grad = noise(8, 4, 3, 3)
    Muon([weight], lr=1.0, weight_decay=0.0).step()
    values = torch.linalg.svdvals(weight.detach().reshape(8, 36))
    assert weight.shape == (8, 4, 3, 3)
    assert values.max() < 1.3 and values.median() > 0.6


def test_weights_without_a_gradient_stay() -> None:
    idle, busy = torch.nn.Parameter(noise(4, 4)), torch.nn.Parameter(noise(4, 4))
    before = idle.detach().clone()
    busy.grad = noise(4, 4)
    Muon([idle, busy], lr=0.1).step()
    assert torch.equal(idle, before)
    assert not torch.equal(busy, before)


def test_decay_shrinks_the_weights() -> None:
    weight = torch.nn.Parameter(torch.eye(4))
    weight.grad = torch.zeros(4, 4)
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight.detach(), torch.eye(4) * 0.95)


def test_momentum_survives_saving_and_goes_on_identically() -> None:
    first = torch.nn.Parameter(noise(6, 6))
    optimizer = Muon([first], lr=0.1)
    first.grad = noise(6, 6)
    optimizer.step()
    second = torch.nn.Parameter(first.detach().clone())
    other = Muon([second], lr=0.7)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for weight, run in ((first, optimizer), (second, other)):
        weight.grad = noise(6, 6).flip(0)
        run.step()
    assert torch.equal(first, second)
    assert other.param_groups[0]["lr"] == 0.1
