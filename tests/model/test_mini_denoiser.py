"""mini-1 as the engine sees it: what each parameter of a prompt does to noise, words and exemplars.

The weights are random: nothing here depends on what the network has learnt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from darkroom.core.errors import WeightsError
from darkroom.core.params import Aspect, GenerationParams, PromptPart
from darkroom.model import mini
from darkroom.model.autoencoder import Autoencoder
from darkroom.model.denoiser import Given
from darkroom.model.mini import BANK_NAME, HOUSE_SET, HOUSE_STYLE, WEIGHTS_NAME, Mini
from darkroom.model.retrieval import Bank
from darkroom.model.samplers import euler
from darkroom.model.text_encoder import TEXT_TOKENS, TextEncoder
from darkroom.model.transformer import MASKED, MiniTransformer

THINGS = ("apple", "fox", "house", "boat")
SETS = ("fluent-3d", "noto")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two files of weights, made up."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("weights")
    tensors = {f"transformer.{name}": t.half() for name, t in MiniTransformer().state_dict().items()}
    tensors["transformer.out.weight"] = torch.randn(tensors["transformer.out.weight"].shape).half() * 0.1
    tensors |= {f"autoencoder.{name}": t.half() for name, t in Autoencoder().state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME, {"model": "mini-1"})
    entries = [(thing, art_set, torch.randn(16, 8, 8)) for thing in THINGS for art_set in SETS]
    names = {thing: (thing + "s",) for thing in THINGS}
    licences = dict.fromkeys(SETS, "MIT")
    Bank.build(names=names, entries=entries, text=TextEncoder.load(), licences=licences).save(
        folder / BANK_NAME
    )
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Mini:
    return Mini.load(folder)


def asked(
    text: str | tuple[tuple[str, float], ...] = "a red fox in the snow", **changes: Any
) -> GenerationParams:
    parts = ((text, 1.0),) if isinstance(text, str) else text
    made = tuple(PromptPart(text=words, weight=weight) for words, weight in parts)
    return GenerationParams(**({"parts": made, "model": "mini-1", "seed": 7, "stylize": 0} | changes))


def words_of(model: Mini, params: GenerationParams, *, index: int = 0) -> tuple[Tensor, Tensor]:
    conditional = model.prepare(params, index=index).conditional
    return conditional["words"], conditional["words_bias"]


def count(bias: Tensor) -> int:
    return int((bias > MASKED / 2).sum())


def test_what_is_prepared_is_a_function_of_params_and_index(model: Mini) -> None:
    params = asked(chaos=40, weird=500, stylize=100)
    first = model.prepare(params, index=2)
    model.prepare(asked("something else", seed=99), index=0)
    torch.manual_seed(1)
    second = model.prepare(params, index=2)
    assert torch.equal(first.latent, second.latent)
    assert (first.sigmas, first.row_class) == (second.sigmas, second.row_class)
    for one, other in ((first.conditional, second.conditional), (first.unconditional, second.unconditional)):
        assert one is not None and other is not None
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_seeds_and_images_have_noise_of_their_own(model: Mini) -> None:
    noise = [model.prepare(asked(seed=seed), index=i).latent for seed in (0, 7, 8) for i in range(4)]
    for i, first in enumerate(noise):
        assert first.mean().abs() < 0.2 and 0.8 < first.std() < 1.2
        for second in noise[:i]:
            correlation = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]
            assert correlation.abs() < 0.15


def test_the_words_decide_no_noise(model: Mini) -> None:
    first, second = (model.prepare(asked(text), index=0).latent for text in ("a fox", "a house by a lake"))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({}, (16, 8, 8)),
        ({"draft": True}, (16, 6, 6)),
        ({"hd": True}, (16, 12, 12)),
        ({"aspect": Aspect.of(16, 9)}, (16, 6, 11)),
        ({"aspect": Aspect.of(9, 16), "hd": True}, (16, 16, 9)),
    ],
)
def test_size_and_aspect_decide_the_latent(
    model: Mini, changes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    prepared = model.prepare(asked(**changes), index=0)
    assert tuple(prepared.latent.shape) == shape
    assert prepared.row_class == f"mini-1/{shape[1]}x{shape[2]}"


def test_quality_draft_and_stop_decide_the_steps(model: Mini) -> None:
    def steps(**changes: Any) -> int:
        return len(model.prepare(asked(**changes), index=0).sigmas) - 1

    assert steps() == mini.STEPS
    assert steps(draft=True) == mini.DRAFT_STEPS
    assert steps(quality=0.5) == mini.STEPS // 2 and steps(quality=2.0) == 2 * mini.STEPS
    assert steps(draft=True, quality=0.25) == mini.LEAST_STEPS
    assert steps(stop=50) == mini.STEPS // 2
    assert model.prepare(asked(stop=50), index=0).sigmas[-1] > 0.4
    assert model.prepare(asked(), index=0).sigmas[-1] == 0


def test_rows_of_a_class_can_be_stacked(model: Mini) -> None:
    rows = [
        model.prepare(params, index=0).conditional
        for params in (
            asked("a fox"),
            asked("an apple, a boat and a house", negative=("red",)),
            asked("nothing known"),
        )
    ]
    assert {name: {tuple(row[name].shape) for row in rows} for name in rows[0]} == {
        "words": {(TEXT_TOKENS, 384)},
        "words_bias": {(TEXT_TOKENS,)},
        "exemplars": {(3, 16, 8, 8)},
        "exemplars_bias": {(3,)},
        "seamless": {()},
    }


def test_things_bring_their_exemplars_in_the_order_of_the_words(model: Mini) -> None:
    conditional = model.prepare(asked("a boat and two foxes"), index=0).conditional
    assert conditional["exemplars_bias"].tolist() == [0.0, 0.0, MASKED]
    assert torch.equal(conditional["exemplars"][0], model.bank.exemplar("boat", HOUSE_SET))
    assert torch.equal(conditional["exemplars"][1], model.bank.exemplar("fox", HOUSE_SET))
    assert not conditional["exemplars"][2].any()


def test_at_most_as_many_exemplars_as_there_are_slots(model: Mini) -> None:
    conditional = model.prepare(asked("an apple, a boat, a fox and a house"), index=0).conditional
    assert count(conditional["exemplars_bias"]) == 3


def test_a_named_style_decides_the_art_of_the_exemplars(model: Mini) -> None:
    exemplar = model.prepare(asked("a cartoon of a fox"), index=0).conditional["exemplars"][0]
    assert torch.equal(exemplar, model.bank.exemplar("fox", "noto"))


def test_the_unconditional_row_sees_neither_words_nor_exemplars(model: Mini) -> None:
    unconditional = model.prepare(asked(), index=0).unconditional
    assert unconditional is not None
    assert count(unconditional["words_bias"]) == 0
    assert count(unconditional["exemplars_bias"]) == 0


def test_around_a_picture_the_words_lend_no_exemplars_and_lead_less(model: Mini) -> None:
    plain = model.prepare(asked(), index=0)
    around = model.prepare(asked(), index=0, given=Given(around=True))
    assert count(plain.conditional["exemplars_bias"]) > 0 == count(around.conditional["exemplars_bias"])
    assert torch.equal(around.conditional["words"], plain.conditional["words"])
    assert 1 < around.guidance < plain.guidance


def test_no_is_what_the_unconditional_row_sees(model: Mini) -> None:
    plain, without = (model.prepare(asked(negative=unwanted), index=0) for unwanted in ((), ("red", "trees")))
    assert plain.unconditional is not None and without.unconditional is not None
    assert count(without.unconditional["words_bias"]) == 3 + 3  # each between a start and an end mark
    assert torch.equal(without.conditional["words"], plain.conditional["words"])
    assert count(without.unconditional["exemplars_bias"]) == 0


def test_negative_parts_join_what_is_not_wanted(model: Mini) -> None:
    params = asked((("a fox", 1.5), ("snow", -0.5)))
    prepared = model.prepare(params, index=0)
    assert prepared.unconditional is not None
    assert count(prepared.conditional["words_bias"]) == 4
    assert count(prepared.unconditional["words_bias"]) == 3


def test_weights_are_biases_against_the_heaviest_part(model: Mini) -> None:
    words, bias = words_of(model, asked((("fox", 0.75), ("snow", 0.25))))
    assert bias[:3].tolist() == [0.0] * 3
    torch.testing.assert_close(bias[3:6], torch.full((3,), 1 / 3).log())
    assert count(bias) == 6
    swapped_words, swapped = words_of(model, asked((("fox", 0.25), ("snow", 0.75))))
    assert torch.equal(swapped_words, words)
    torch.testing.assert_close(swapped[:3], torch.full((3,), 1 / 3).log())


def test_parts_of_equal_weight_count_alike(model: Mini) -> None:
    assert not words_of(model, asked((("fox", 0.5), ("snow", 0.5))))[1][:6].any()


def test_text_beyond_the_length_is_cut(model: Mini) -> None:
    words, bias = words_of(model, asked((("a long story " * 30, 0.5), ("snow", 0.5))))
    assert len(words) == TEXT_TOKENS == count(bias)
    assert words.isfinite().all()


def test_stylize_adds_the_house_style_in_proportion(model: Mini) -> None:
    plain = count(words_of(model, asked())[1])
    style = count(words_of(model, asked(HOUSE_STYLE))[1])
    biases = []
    for stylize in (50, 100, 400):
        _, bias = words_of(model, asked(stylize=stylize))
        assert count(bias) == plain + style
        biases.append(float(bias[plain].exp() / bias[0].exp()))
    assert biases == pytest.approx([0.125, 0.25, 1.0], rel=1e-4)


@pytest.mark.parametrize("changes", [{"stylize": 0}, {"stylize": 400, "raw": True}])
def test_stylize_0_and_raw_drop_the_house_style(model: Mini, changes: dict[str, Any]) -> None:
    assert count(words_of(model, asked("a fox", **changes))[1]) == 4


def test_a_named_style_needs_no_house_style(model: Mini) -> None:
    with_style = count(words_of(model, asked("a cartoon of a fox", stylize=100))[1])
    assert with_style == count(words_of(model, asked("a cartoon of a fox", stylize=0))[1])


@pytest.mark.parametrize(("name", "values"), [("chaos", (0, 5, 30, 100)), ("weird", (0, 50, 700, 3000))])
def test_chaos_and_weird_move_the_words_further_the_higher(
    model: Mini, name: str, values: tuple[int, ...]
) -> None:
    plain, _ = words_of(model, asked())
    present = words_of(model, asked())[1] == 0
    moved = [float((words_of(model, asked(**{name: v}))[0] - plain)[present].norm()) for v in values]
    assert moved[0] == 0
    assert moved == sorted(moved) and len(set(moved)) == len(moved)
    assert moved[-1] > 0.2 * float(plain[present].norm())


@pytest.mark.parametrize(("name", "value", "alike"), [("chaos", 50, False), ("weird", 1000, True)])
def test_chaos_parts_the_images_of_a_grid_and_weird_moves_them_together(
    model: Mini, name: str, value: int, *, alike: bool
) -> None:
    first, second = (words_of(model, asked(**{name: value}), index=i)[0] for i in (0, 1))
    assert torch.equal(first, second) is alike


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chaos", 100),
        ("weird", 3000),
    ],
)
def test_short_and_long_prompts_are_moved_alike(model: Mini, name: str, value: int) -> None:
    """A word of a short prompt by as much as one of a long prompt: padding does not count."""
    moved = []
    for text in (
        "fox",
        "a red fox and a small blue boat next to an old house in the snow at night under the stars",
    ):
        plain, bias = words_of(model, asked(text))
        change = words_of(model, asked(text, **{name: value}))[0] - plain
        moved.append(float(change[bias == 0].norm() / plain[bias == 0].norm()))
    assert moved[0] == pytest.approx(moved[1], rel=0.2)


def test_chaos_and_weird_leave_the_starting_noise(model: Mini) -> None:
    plain = model.prepare(asked(), index=1).latent
    assert torch.equal(model.prepare(asked(chaos=100, weird=3000), index=1).latent, plain)


def test_denoise_takes_rows_of_different_prompts(model: Mini) -> None:
    rows = [model.prepare(params, index=0) for params in (asked("a fox"), asked("a blue boat", seed=3))]
    latents, sigmas = torch.stack([row.latent for row in rows]), torch.tensor([1.0, 0.4])
    together = model.denoise(latents, sigmas, [row.conditional for row in rows])
    assert together.shape == latents.shape and together.dtype == torch.float32
    for i, row in enumerate(rows):
        alone = model.denoise(latents[i : i + 1], sigmas[i : i + 1], [row.conditional])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-4)
    euler(latents, together, sigmas, sigmas * 0.5, None)


def test_pictures_and_previews_have_their_sizes_and_range(model: Mini) -> None:
    latents = torch.randn(2, 16, 6, 11) * 2
    pictures, previews = model.decode(latents), model.preview(latents)
    assert pictures.shape == (2, 3, 48, 88)
    assert previews.shape == (2, 3, 24, 44)
    for images in (pictures, previews):
        assert images.min() >= 0 and images.max() <= 1


def test_a_preview_has_about_the_colours_of_the_picture(folder: Path) -> None:
    torch.manual_seed(0)
    model = Mini.load(folder)
    latents = torch.randn(16, 16, 4, 4)
    decoded = torch.nn.functional.avg_pool2d(model.autoencoder.decode(latents), 8)
    guessed = torch.nn.functional.avg_pool2d(model.preview(latents), mini.PREVIEW_SCALE) * 2 - 1
    assert (guessed - decoded).square().mean() < decoded.var()


def test_weights_that_ship_load_strictly_and_have_one_hash(folder: Path, model: Mini) -> None:
    assert len(model.weights_hash) == 64 and Mini.load(folder).weights_hash == model.weights_hash
    assert model.device == torch.device("cpu") and model.dtype == torch.float32
    assert not any(p.requires_grad for part in (model.network, model.autoencoder) for p in part.parameters())


def test_other_weights_have_another_hash(folder: Path, model: Mini, tmp_path: Path) -> None:
    copied(
        folder,
        tmp_path,
        lambda tensors: tensors | {"transformer.out.bias": tensors["transformer.out.bias"] + 1},
    )
    assert Mini.load(tmp_path).weights_hash != model.weights_hash


def copied(folder: Path, to: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    (to / BANK_NAME).write_bytes((folder / BANK_NAME).read_bytes())
    save_file(change(load_file(folder / WEIGHTS_NAME)), to / WEIGHTS_NAME)


def without(name: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        without("transformer.out.bias"),
        without("autoencoder.scale"),
        lambda tensors: tensors | {"transformer.extra": torch.zeros(2)},
        lambda tensors: tensors | {"transformer.out.bias": torch.zeros(7)},
    ],
)
def test_weights_of_another_network_are_refused(
    folder: Path, tmp_path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> None:
    copied(folder, tmp_path, change)
    with pytest.raises(WeightsError, match=r"mini-1\.safetensors does not hold"):
        Mini.load(tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS_NAME, BANK_NAME])
@pytest.mark.parametrize("content", [None, b"", b"not weights at all", b"\xff" * 64])
def test_missing_or_damaged_files_are_named(
    folder: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    for each in (WEIGHTS_NAME, BANK_NAME):
        (tmp_path / each).write_bytes((folder / each).read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        Mini.load(tmp_path)
    assert str(tmp_path / name) in caught.value.message


def test_the_file_says_what_it_is(folder: Path) -> None:
    with safe_open(folder / WEIGHTS_NAME, framework="pt") as stored:
        assert json.loads(json.dumps(stored.metadata()))["model"] == "mini-1"
