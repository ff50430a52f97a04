"""How pictures begin and lead a drawing, apart from any model: mixtures, weights, statistics, palettes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from darkroom.core.errors import ModelError
from darkroom.core.params import SEED_MAX
from darkroom.model.denoiser import Given, Guide
from darkroom.model.guides import Lean, flow_start, woven
from darkroom.model.style import (
    SPREAD_RATIOS,
    Statistics,
    StylePull,
    mixed,
    palette,
    share_of,
    statistics_of,
)

CODES = st.integers(0, SEED_MAX)


def latent(seed: int, *, height: int = 6, width: int = 9) -> Tensor:
    return torch.randn(16, height, width, generator=torch.Generator().manual_seed(seed))


def guide(value: float, weight: float = 1.0) -> Guide:
    return Guide(latent=torch.full((16, 6, 9), value), picture=torch.zeros(3, 8, 8), weight=weight)


def test_a_drawing_begins_on_the_straight_line_to_its_noise() -> None:
    init, noise = latent(1), latent(2)
    assert torch.equal(flow_start(Given(), noise, 1.0), noise)
    assert torch.equal(flow_start(Given(init=init), noise, 1.0), noise)
    assert torch.equal(flow_start(Given(init=init), noise, 0.0), init)
    torch.testing.assert_close(flow_start(Given(init=init), noise, 0.5), (init + noise) / 2)


def test_a_beginning_of_another_shape_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot begin a drawing"):
        flow_start(Given(init=latent(1, width=8)), latent(2), 0.5)


def test_one_guide_is_woven_of_itself_and_several_lie_between_them() -> None:
    torch.testing.assert_close(woven([guide(2.0)], latent(1), seed=0), guide(2.0).latent)
    both = woven([guide(0.0), guide(1.0)], latent(1), seed=0)
    assert 0 <= both.min() < 0.3 and 0.7 < both.max() <= 1
    assert torch.equal(both, woven([guide(0.0), guide(1.0)], latent(1), seed=0))
    assert not torch.equal(both, woven([guide(0.0), guide(1.0)], latent(1), seed=1))


def test_the_heavier_guide_has_the_greater_share() -> None:
    def share(weight: float) -> float:
        made = [woven([guide(0.0), guide(1.0, weight)], latent(1), seed=seed).mean() for seed in range(20)]
        return float(torch.stack(made).mean())

    assert share(0.1) < 0.4 < share(1.0) < 0.6 < share(10.0)


def test_a_guide_of_another_shape_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot lead a drawing"):
        woven([guide(0.0)], latent(1, height=7), seed=0)


def test_a_lean_goes_its_share_of_the_way_while_noise_is_high() -> None:
    lean = Lean(target=torch.ones(16, 6, 9), share=0.25, down_to=0.4)
    zeros = torch.zeros(16, 6, 9)
    assert torch.equal(lean(zeros, 0.4), torch.full_like(zeros, 0.25))
    assert torch.equal(lean(zeros, 0.39), zeros)
    assert lean.nbytes == zeros.nbytes and torch.equal(lean.to(torch.device("cpu")).target, lean.target)


def test_a_pull_moves_mean_and_spread_and_leaves_the_shape() -> None:
    own, other = latent(1), latent(1).flip(2) * 1.2 + 0.7
    whole = StylePull(style=statistics_of(other), share=1.0)
    pulled = statistics_of(whole(own, 0.3))
    torch.testing.assert_close(pulled.mean, statistics_of(other).mean)
    torch.testing.assert_close(pulled.spread, statistics_of(other).spread)
    half = StylePull(style=statistics_of(other), share=0.5)(own, 0.3)
    torch.testing.assert_close(statistics_of(half).mean, (statistics_of(own).mean + pulled.mean) / 2)
    assert torch.corrcoef(torch.stack([half[0].flatten(), own[0].flatten()]))[0, 1] > 0.999


def test_a_pull_waits_until_the_composition_is_found() -> None:
    own, pull = latent(1), StylePull(style=statistics_of(latent(2) + 1), share=0.8)
    moved = [float((pull(own, sigma) - own).abs().mean()) for sigma in (1.0, 0.96, 0.9, 0.8, 0.7, 0.1)]
    assert moved[0] == moved[1] == 0 < moved[2] < moved[3] < moved[4] == moved[5]


def test_no_spread_is_changed_beyond_what_flat_places_bear() -> None:
    flat = Statistics(mean=torch.zeros(16, 1, 1), spread=torch.full((16, 1, 1), 50.0))
    pulled = StylePull(style=flat, share=1.0)(latent(1), 0.1)
    ratio = statistics_of(pulled).spread / statistics_of(latent(1)).spread
    torch.testing.assert_close(ratio, torch.full((16, 1, 1), SPREAD_RATIOS[1]))
    assert StylePull(style=flat, share=1.0)(torch.zeros(16, 4, 4), 0.1).isfinite().all()


def test_styles_are_mixed_by_weight() -> None:
    low, high = statistics_of(latent(1)), statistics_of(latent(2) + 4)
    torch.testing.assert_close(mixed([(low, 3.0), (high, 1.0)]).mean, low.mean * 0.75 + high.mean * 0.25)


def test_the_style_weight_pulls_the_more_the_greater_and_never_all_the_way() -> None:
    shares = [share_of(weight) for weight in (0, 50, 100, 500, 1000)]
    assert shares == sorted(shares) and shares[0] == 0 and shares[2] == 0.5 and 0.9 < shares[-1] < 1


@given(CODES)
def test_a_code_is_one_picture_in_range(code: int) -> None:
    picture = palette(code)
    assert picture.shape == (3, 64, 64) and picture.min() >= 0 and picture.max() <= 1
    assert torch.equal(picture, palette(code))
    assert picture.std() > 0.02, "it is not one colour"


def test_neighbouring_codes_are_strangers() -> None:
    means = torch.stack([palette(code).mean((1, 2)) for code in range(64)])
    gaps = (means[1:] - means[:-1]).norm(dim=1)
    assert gaps.median() > 0.25 and means.std(0).min() > 0.1
