"""What each parameter and each picture does to the drawings of the weights that ship, as a number in the right direction.

All drawings are made once, in the passes of one engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
import torch
from torch import Tensor

from darkroom.core.params import Aspect, GenerationParams, PromptPart, Reference
from darkroom.engine.engine import Engine
from darkroom.engine.requests import Request
from darkroom.model.denoiser import Given, Guide
from darkroom.model.mini import HOUSE_STYLE, Mini
from darkroom.model.style import palette, statistics_of

CASTLE, FOX = "a castle on a hill", "a fox in the snow"
SUNSET = "a house in the desert at sunset"
PROMPTS = (FOX,)
CODES = (1, 2)

CHAOS = (0, 50, 100)
WEIRD = (0, 750, 3000)
STYLIZE = (0, 250, 1000)
STOP = (100, 30)
IMAGE_WEIGHTS = (0.0, 1.0, 3.0)
STYLE_WEIGHTS = (0, 100, 1000)
STRENGTHS = (0.7, 0.9, 1.0)

Drawn = Mapping[str, Tensor]


def asked(text: str, **changes: object) -> GenerationParams:
    parts = (PromptPart(text=text, weight=1.0),)
    params = GenerationParams(parts=parts, model="mini-1", seed=7, draft=True, quality=0.5)
    return replace(params, **changes)  # type: ignore[arg-type]


def draw(model: Mini, wanted: Mapping[str, tuple[GenerationParams, int, Given | None]]) -> dict[str, Tensor]:
    """The latents, by name."""
    engine = Engine(preview_every=0)
    for name, (params, index, given) in wanted.items():
        engine.add(model, Request(job_id=name, index=index, params=params, given=given))
    while engine.busy:
        engine.step()
    return {done.job_id: done.latent for done in engine.take_finished()}


@pytest.fixture(scope="module")
def sources(shipped: Mini) -> Drawn:
    """Pictures to begin with."""
    wanted: dict[str, tuple[GenerationParams, int, Given | None]] = {
        "sunset": (asked(SUNSET, seed=3), 0, None),
        "night": (asked("a starry night over the sea", seed=4), 0, None),
    }
    wanted |= {text: (asked(text), 0, None) for text in PROMPTS}
    return draw(shipped, wanted)


@pytest.fixture(scope="module")
def drawn(shipped: Mini, sources: Drawn) -> Drawn:
    sunset = guide(shipped, sources["sunset"])
    wanted: dict[str, tuple[GenerationParams, int, Given | None]] = {}
    for text in PROMPTS:
        for weird in WEIRD:
            wanted[f"weird {weird} {text}"] = asked(text, weird=weird), 0, None
        for stylize in STYLIZE:
            wanted[f"stylize {stylize} {text}"] = asked(text, stylize=stylize), 0, None
        house = (PromptPart(text=text, weight=0.05), PromptPart(text=HOUSE_STYLE, weight=1.0))
        wanted[f"house {text}"] = replace(asked(text, stylize=0), parts=house), 0, None
        for stop in STOP:
            wanted[f"stop {stop} {text}"] = asked(text, stop=stop, quality=1.0), 0, None
        for iw in IMAGE_WEIGHTS:
            wanted[f"iw {iw} {text}"] = asked(text, image_weight=iw), 0, Given(prompts=(sunset,))
        for sw in STYLE_WEIGHTS:
            wanted[f"sw {sw} {text}"] = asked(text, style_weight=sw), 0, Given(styles=(sunset,))
        for code in CODES:
            codes = (Reference(source=str(code)),)
            wanted[f"code {code} {text}"] = asked(text, style_references=codes, style_weight=200), 0, None
        for strength in STRENGTHS:
            begun = Given(init=sources[text], strength=strength)
            wanted[f"strength {strength} {text}"] = asked(text, seed=99, quality=1.0), 0, begun
        wanted[f"region {text}"] = asked(text, seed=99), 0, Given(init=sources[text], region=left_half())
    for chaos in CHAOS:
        for i in range(4):
            wanted[f"chaos {chaos} {i}"] = asked(CASTLE, chaos=chaos), i, None
    both = (sunset, guide(shipped, sources["night"]))
    wanted |= {f"blend {i}": (replace(asked(""), parts=()), i, Given(blends=both)) for i in range(2)}
    return draw(shipped, wanted)


def guide(model: Mini, latent: Tensor, weight: float = 1.0) -> Guide:
    return Guide(latent=latent, picture=model.decode(latent[None])[0], weight=weight)


def left_half() -> Tensor:
    region = torch.zeros(1, 6, 6)
    region[:, :, :3] = 1
    return region


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


def mean(drawn: Drawn, name: str, other: str = "", to: Tensor | None = None) -> float:
    """The distance between two kinds of drawings, or to one latent, over the prompts."""
    found = [
        distance(drawn[f"{name} {text}"], drawn[f"{other} {text}"] if to is None else to) for text in PROMPTS
    ]
    return sum(found) / len(found)


def rising(values: list[float]) -> bool:
    return all(a < b for a, b in pairwise(values))


def test_chaos_raises_the_distance_between_the_four(drawn: Drawn) -> None:
    apart = [
        sum(
            distance(drawn[f"chaos {chaos} {i}"], drawn[f"chaos {chaos} {j}"])
            for i, j in combinations(range(4), 2)
        )
        for chaos in CHAOS
    ]
    assert rising(apart), apart


def test_weird_leads_away(drawn: Drawn) -> None:
    assert rising([mean(drawn, f"weird {weird}", "weird 0") for weird in WEIRD])


def test_stylize_leads_to_the_house_style(drawn: Drawn) -> None:
    away = [mean(drawn, f"stylize {stylize}", "house") for stylize in STYLIZE]
    assert rising(away[::-1]), away


def test_stop_leaves_less_detail(shipped: Mini, drawn: Drawn) -> None:
    def detail(stop: int) -> float:
        """The energy between neighbouring pixels."""
        pictures = [shipped.decode(drawn[f"stop {stop} {text}"][None])[0] for text in PROMPTS]
        return sum(float(picture.diff(dim=2).square().mean()) for picture in pictures)

    found = [detail(stop) for stop in STOP]
    assert rising(found[::-1]), found


def test_an_image_prompt_leads_nearer_the_greater_its_weight(drawn: Drawn, sources: Drawn) -> None:
    away = [mean(drawn, f"iw {iw}", to=sources["sunset"]) for iw in IMAGE_WEIGHTS]
    assert rising(away[::-1]), away
    assert torch.equal(drawn[f"iw 0.0 {FOX}"], sources[FOX])


def test_a_style_reference_pulls_the_colours_and_keeps_the_composition(
    shipped: Mini, drawn: Drawn, sources: Drawn
) -> None:
    def colours(latent: Tensor) -> Tensor:
        return shipped.decode(latent[None])[0].mean((1, 2))

    wanted = colours(sources["sunset"])
    away = [
        sum(distance(colours(drawn[f"sw {sw} {text}"]), wanted) for text in PROMPTS) for sw in STYLE_WEIGHTS
    ]
    assert rising(away[::-1]) and away[-1] < 0.5 * away[0], away
    assert torch.equal(drawn[f"sw 0 {FOX}"], sources[FOX])
    for text in PROMPTS:
        light = [shipped.decode(each[None])[0].mean(0) for each in (drawn[f"sw 100 {text}"], sources[text])]
        assert torch.corrcoef(torch.stack([each.flatten() for each in light]))[0, 1] > 0.5


def test_a_style_code_pulls_to_its_palette_and_codes_differ(
    shipped: Mini, drawn: Drawn, sources: Drawn
) -> None:
    for code in CODES:
        wanted = statistics_of(shipped.encode_picture(palette(code))).mean
        for text in PROMPTS:
            own = statistics_of(drawn[f"code {code} {text}"]).mean
            assert distance(own, wanted) < 0.6 * distance(statistics_of(sources[text]).mean, wanted)
    assert mean(drawn, "code 1", "code 2") > 0.3


def test_several_styles_count_by_their_weights(shipped: Mini, sources: Drawn) -> None:
    """Codes and pictures in one sum: where one weighs nearly all, it is nearly alone."""

    def pull(sunset: float, code: float) -> Tensor:
        references = (Reference(source="upload:1", weight=sunset), Reference(source="1", weight=code))
        params = asked(FOX, style_references=references)
        given = Given(styles=(guide(shipped, sources["sunset"], sunset),))
        (found,) = shipped.prepare(params, index=0, given=given).pulls
        return found(sources[FOX], 0.5)

    alone = pull(1.0, 0.0)
    assert distance(pull(9.0, 1.0), alone) < distance(pull(1.0, 1.0), alone) < distance(pull(1.0, 9.0), alone)


def test_a_low_strength_keeps_the_picture_and_a_high_one_leaves_it(drawn: Drawn, sources: Drawn) -> None:
    away = [
        sum(distance(drawn[f"strength {strength} {text}"], sources[text]) for text in PROMPTS)
        for strength in STRENGTHS
    ]
    assert rising(away) and away[0] < 0.85 * away[-1], away


def test_outside_the_region_nothing_changes(drawn: Drawn, sources: Drawn) -> None:
    for text in PROMPTS:
        made, before = drawn[f"region {text}"], sources[text]
        assert torch.equal(made[:, :, 3:], before[:, :, 3:])
        assert distance(made[:, :, :3], before[:, :, :3]) > 0.1


def test_a_blend_is_between_its_pictures_and_no_two_are_alike(drawn: Drawn, sources: Drawn) -> None:
    apart = distance(sources["sunset"], sources["night"])
    for i in range(2):
        assert max(distance(drawn[f"blend {i}"], sources[name]) for name in ("sunset", "night")) < apart
    assert distance(drawn["blend 0"], drawn["blend 1"]) > 0.2


def test_a_draft_is_smaller_and_takes_fewer_steps(shipped: Mini) -> None:
    assert shipped.size(asked(FOX)) == (48, 48) and shipped.size(asked(FOX, draft=False)) == (64, 64)
    begun = Given(init=torch.zeros(16, 6, 6), strength=0.5)
    full, draft, weak = (
        len(shipped.prepare(params, index=0, given=given).sigmas)
        for params, given in (
            (asked(FOX, draft=False, quality=1.0), None),
            (asked(FOX), None),
            (asked(FOX), begun),
        )
    )
    assert weak < draft < full


def test_opposite_edges_of_a_tile_meet_as_neighbours_do(shipped: Mini) -> None:
    latents = draw(
        shipped, {str(tile): (asked("autumn leaves", tile=tile), 0, None) for tile in (True, False)}
    )

    def seam(tile: bool) -> float:
        picture = shipped.decode(latents[str(tile)][None], seamless=tile)[0]
        inner = (picture.diff(dim=2).abs().mean() + picture.diff(dim=1).abs().mean()) / 2
        across = (picture[:, :, 0] - picture[:, :, -1]).abs().mean()
        down = (picture[:, 0] - picture[:, -1]).abs().mean()
        return float((across + down) / 2 / inner)

    assert seam(True) < 2.0 < seam(False)


@pytest.mark.parametrize("aspect", [Aspect.of(14, 1), Aspect.of(1, 14), Aspect.of(7, 3)])
def test_pictures_of_any_shape_go_in(shipped: Mini, aspect: Aspect) -> None:
    params = asked(FOX, aspect=aspect, draft=False, hd=True)
    width, height = shipped.size(params)
    latent = shipped.encode_picture(torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)))
    given = Given(init=latent, strength=0.3, prompts=(guide(shipped, latent),))
    prepared = shipped.prepare(params, index=0, given=given)
    assert prepared.latent.shape == latent.shape and latent.dtype == torch.float32
    assert shipped.decode(latent[None]).shape[2:] == (height, width)
