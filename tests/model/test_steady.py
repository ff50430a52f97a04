"""Steady layers: the same numbers as plain ones, and the same bits whatever the number of rows in a pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.model.steady import VECTORS_MAX, SteadyLinear, SteadyPatches, make_steady
from darkroom.model.text_encoder import TEXT_TOKENS
from darkroom.model.transformer import MiniTransformer, TransformerConfig

COUNTS = range(1, 17)
HOME = 8
CLOSE = 1e-5

Run = Callable[[list[int]], Tensor]


class Modulated(nn.Module):
    """Patches whose scale comes from a vector for each row; as transformers of pictures are, but for attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(4, 32, 2, stride=2)
        self.time = nn.Sequential(nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 32))
        self.overlapping = nn.Conv2d(32, 32, 3, padding=1)
        self.shortcut = nn.Conv2d(32, 32, 1)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:  # (R, 4, h, w), (R, 64)
        hidden = self.patches(x) * self.time(vector)[:, :, None, None]
        made: Tensor = self.overlapping(hidden) + self.shortcut(hidden)
        return made


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that go by the number of rows of vectors and pictures, and round differently: visibly, on every device."""
    linear, convolve = F.linear, nn.Conv2d._conv_forward

    def by_vectors(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        made: Tensor = linear(x, weight, bias)
        return made if x.dim() > 2 else made * (1 + 1e-3 * len(x))

    def by_pictures(layer: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        made: Tensor = convolve(layer, x, weight, bias)
        return made * (1 + 1e-3 * len(x)) if layer.stride[0] > 1 else made

    monkeypatch.setattr(F, "linear", by_vectors)
    monkeypatch.setattr(nn.Conv2d, "_conv_forward", by_pictures)


def equal_counts(run: Run) -> set[int]:
    """The numbers of rows that give each row, in each slot, the bits of a pass of HOME rows."""
    home = torch.cat([run(list(range(HOME))), run(list(range(HOME, 2 * HOME)))])
    turns = {n: [[(5 * turn + slot) % 16 for slot in range(n)] for turn in range(3)] for n in COUNTS}
    return {n for n, each in turns.items() if all(torch.equal(run(rows), home[rows]) for rows in each)}


def modulated(network: Modulated) -> Run:
    x, vector = torch.randn(16, 4, 8, 8), torch.randn(16, 64)
    return lambda rows: network(x[rows], vector[rows]).detach()


def mini(network: MiniTransformer) -> Run:
    config = network.config
    inputs = (
        torch.randn(16, config.channels, 6, 11),
        torch.rand(16),
        torch.randn(16, TEXT_TOKENS, config.text_dim),
        torch.zeros(16, TEXT_TOKENS),
        torch.randn(16, config.slots, config.channels, config.exemplar_side, config.exemplar_side),
        torch.zeros(16, config.slots),
    )
    return lambda rows: network(*(each[rows] for each in inputs)).detach()


@pytest.mark.usefixtures("rounding")
def test_kernels_that_go_by_the_number_of_rows_do_so_no_more() -> None:
    network = Modulated()
    run = modulated(network)
    assert equal_counts(run) == {8}, "the contrast"
    make_steady(network)
    steady = equal_counts(run)
    assert set(range(2, 9)) <= steady <= set(range(1, 9)), "nine and more are twice eight"


def test_more_counts_are_equal_on_this_device(threads: int) -> None:
    network = MiniTransformer(TransformerConfig(depth=1)).requires_grad_(False)
    with torch.no_grad():  # what starts at zero would hide differences
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * parameter.shape[-1] ** -0.5)
    run = mini(network)
    plain = equal_counts(run)
    make_steady(network)
    steady = equal_counts(run)
    assert plain <= steady and HOME in plain
    assert (1 not in plain and plain < steady) or plain == set(COUNTS)


def test_only_what_goes_by_rows_is_changed_and_its_weights_stay() -> None:
    network = Modulated()
    plain, x, vector = copy.deepcopy(network), torch.randn(3, 4, 8, 8), torch.randn(3, 64)
    make_steady(network)
    make_steady(network)  # once more changes nothing
    assert isinstance(network.patches, SteadyPatches) and isinstance(network.time[0], SteadyLinear)
    assert type(network.overlapping) is nn.Conv2d and type(network.shortcut) is nn.Conv2d
    torch.testing.assert_close(network(x, vector), plain(x, vector), rtol=CLOSE, atol=CLOSE)
    assert network.state_dict().keys() == plain.state_dict().keys()
    plain.load_state_dict(network.state_dict())


@pytest.mark.parametrize(
    "shape",
    [(0, 64), (1, 64), (7, 64), (8, 64), (9, 64), (VECTORS_MAX, 64), (VECTORS_MAX + 1, 64), (3, 5, 64)],
)
def test_any_shape_goes_in(shape: tuple[int, ...]) -> None:
    layer = nn.Linear(64, 32)
    x = torch.randn(shape)
    expected = layer(x)
    make_steady(layer)
    torch.testing.assert_close(layer(x), expected, rtol=CLOSE, atol=CLOSE)


@pytest.mark.usefixtures("rounding")
def test_tokens_are_left_alone() -> None:
    layer, places = nn.Linear(64, 32), torch.randn(VECTORS_MAX + 1, 64)
    tokens, before = torch.randn(3, 5, 64), layer(places)
    expected = layer(tokens)
    make_steady(layer)
    assert torch.equal(layer(tokens), expected) and torch.equal(layer(places), before)


def test_a_copy_has_weights_of_its_own_and_learns() -> None:
    layer = nn.Linear(4, 4)
    make_steady(layer)
    twin = copy.deepcopy(layer)
    nn.init.zeros_(twin.weight)
    nn.init.zeros_(twin.bias)
    assert not twin(torch.ones(2, 4)).any() and layer(torch.ones(2, 4)).any()
    layer(torch.ones(3, 4)).sum().backward()
    assert layer.weight.grad is not None and torch.equal(layer.weight.grad, torch.full((4, 4), 3.0))
