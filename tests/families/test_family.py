"""What all families share, shown on the tiny SD: how a request becomes rows, and how latents become pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from tests.families import builders_sd, drive
from tests.families.drive import WIDE, adapted, asked, drawn
from tests.families.unet_parity import MILD

from darkroom.core.errors import ModelError
from darkroom.core.params import GenerationParams, PromptPart
from darkroom.model.denoiser import Denoiser
from darkroom.model.families.parts import ALIGNMENT_BYTES, Parts, align
from darkroom.model.families.sd import StableDiffusion
from darkroom.model.placement import Placement
from darkroom.model.seamless import row_shifts


@pytest.fixture(scope="module")
def family() -> StableDiffusion:
    pipeline = builders_sd.pipeline(schedule=EulerDiscreteScheduler(**MILD))
    return adapted(StableDiffusion, pipeline, steps=8, guidance=3.0)


def parts(*weighted: tuple[str, float]) -> GenerationParams:
    return replace(asked(""), parts=tuple(PromptPart(text=text, weight=weight) for text, weight in weighted))


def test_it_is_a_denoiser(family: StableDiffusion) -> None:
    denoiser: Denoiser = family
    assert (denoiser.name, denoiser.device, denoiser.dtype) == (
        family.name,
        torch.device("cpu"),
        torch.float32,
    )


def test_a_prompt_is_the_weighted_mean_of_its_parts(family: StableDiffusion) -> None:
    request = parts(("a cat", 3.0), ("a fox", 1.0), ("the sea", -0.5))
    assert family.texts(request) == ("a cat", "a fox", "the sea")
    cat, fox, sea = family.encode(["a cat", "a fox", "the sea"])
    prepared = family.prepare(request, index=0)
    assert prepared.unconditional is not None
    torch.testing.assert_close(prepared.conditional["text"], 0.75 * cat["text"] + 0.25 * fox["text"])
    assert torch.equal(prepared.unconditional["text"], sea["text"])


def test_what_was_encoded_before_is_not_encoded_again(
    family: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked("a cat", negative="a fox")
    encoded = dict(zip(family.texts(request), family.encode(family.texts(request)), strict=True))
    fresh = family.prepare(request, index=0)
    monkeypatch.setattr(StableDiffusion, "encode_pass", None)
    kept = family.prepare(request, index=0, encoded=encoded)
    assert torch.equal(kept.conditional["text"], fresh.conditional["text"])


def test_the_encoders_always_see_the_same_number_of_texts(
    family: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []

    def counted(self: StableDiffusion, texts: list[str]) -> dict[str, torch.Tensor]:
        counts.append(len(texts))
        return {"text": torch.tensor([[len(text)] for text in texts])}

    monkeypatch.setattr(StableDiffusion, "encode_pass", counted)
    texts = ["", "a", "ab", "abc", "abcd"]
    assert [int(each["text"]) for each in family.encode(texts)] == [0, 1, 2, 3, 4]
    assert counts == [family.TEXTS_PER_PASS] * 2


def test_each_image_of_a_job_has_its_own_noise_and_keeps_it(family: StableDiffusion) -> None:
    one, again = (family.prepare(asked("a cat"), index=0) for _ in range(2))
    other = family.prepare(asked("a cat"), index=1)
    assert torch.equal(one.latent, again.latent)
    assert not torch.equal(one.latent, other.latent)
    assert one.noise_seed != other.noise_seed
    assert 0.8 < (one.latent / one.sigmas[0]).std() < 1.2


def test_shapes_follow_the_aspect_and_hd(family: StableDiffusion) -> None:
    assert family.prepare(asked("a"), index=0).latent.shape == (4, 8, 8)
    wide = family.prepare(asked("a", aspect=WIDE), index=0)
    assert wide.latent.shape == (4, 6, 12)
    assert wide.row_class == f"{family.name}/6x12/16/"
    large = replace(family.entry, large_px=128)
    hd = StableDiffusion(family.parts, large, drive.CPU).prepare(replace(asked("a"), hd=True), index=0)
    assert hd.latent.shape == (4, 16, 16)


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        ({}, 8),
        ({"quality": 2.0}, 16),
        ({"draft": True}, 4),
        ({"quality": 0.25, "draft": True}, 1),
        ({"stop": 50}, 4),
    ],
)
def test_steps_follow_quality_draft_and_stop(
    family: StableDiffusion, change: dict[str, float], steps: int
) -> None:
    sigmas = family.prepare(replace(asked("a"), **change), index=0).sigmas
    assert len(sigmas) == steps + 1
    assert (sigmas[-1] > 0) == ("stop" in change)


def test_without_guidance_there_is_no_second_row_and_the_person_is_told(family: StableDiffusion) -> None:
    entry = replace(family.entry, source=replace(family.entry.source, guidance=1.0))
    plain = StableDiffusion(family.parts, entry, drive.CPU)
    request = asked("a cat", negative="a fox")
    assert plain.texts(request) == ("a cat",)
    prepared = plain.prepare(request, index=0)
    assert (prepared.unconditional, prepared.guidance) == (None, 1.0)
    assert "draws without a second row" in prepared.notes[0]
    assert plain.prepare(asked("a cat"), index=0).notes == ()


def test_a_sampler_that_it_cannot_be_drawn_with_is_refused(family: StableDiffusion) -> None:
    entry = replace(family.entry, source=replace(family.entry.source, sampler="dpmpp_2m_flow"))
    with pytest.raises(ModelError, match=r"'dpmpp_2m_flow'; it can with ddim, dpmpp_2m, euler"):
        StableDiffusion(family.parts, entry, drive.CPU)


@pytest.mark.parametrize("sampler", ["euler_ancestral", "heun", "dpmpp_2m", "ddim"])
def test_the_registry_may_choose_another_sampler(family: StableDiffusion, sampler: str) -> None:
    entry = replace(family.entry, source=replace(family.entry.source, sampler=sampler))
    (latent,) = drawn(StableDiffusion(family.parts, entry, drive.CPU), asked("a cat"))
    assert latent.isfinite().all()


def test_a_decoder_that_fails_is_told(family: StableDiffusion) -> None:
    latents = torch.zeros(1, 4, 8, 8)
    latents[0, 0, 0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite; try precision fp32"):
        family.decode(latents)


def test_pictures_are_decoded_each_alone(family: StableDiffusion) -> None:
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    together = family.decode(latents)
    assert together.shape == (3, 3, 64, 64)
    assert together.min() >= 0
    assert together.max() <= 1
    for i in range(3):
        assert torch.equal(together[i : i + 1], family.decode(latents[i : i + 1]))


def test_a_preview_has_the_colours_of_the_picture(family: StableDiffusion) -> None:
    even = torch.randn(12, 4, 1, 1, generator=torch.Generator().manual_seed(7)).expand(-1, -1, 8, 8)
    previews = family.preview(even)
    assert previews.shape == (12, 3, 256, 256)
    ours, theirs = previews.mean((2, 3)), family.decode(even).mean((2, 3))
    assert torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1] > 0.9


def test_a_seamless_row_goes_round_the_edges_and_leaves_others_alone(family: StableDiffusion) -> None:
    plain = family.prepare(asked("a cat"), index=0)
    tiled = family.prepare(replace(asked("a cat"), tile=True), index=0)
    assert tiled.seamless
    assert plain.row_class == tiled.row_class
    rows = [(plain.latent, 2.0, plain.conditional), (tiled.latent, 2.0, tiled.conditional)]
    drive.assert_rows_alone(family, rows, pad=4)
    sigma = torch.tensor([2.0])
    one = family.denoise(plain.latent[None], sigma, [plain.conditional])
    two = family.denoise(plain.latent[None], sigma, [tiled.conditional])
    assert not torch.equal(one, two)
    ((down, right),) = row_shifts(plain.latent[None], torch.tensor([3.0]), torch.tensor([True])) or ()
    assert (down, right) != (0, 0)
    moved = family.denoise(
        plain.latent[None].roll((down, right), (2, 3)), torch.tensor([3.0]), [plain.conditional]
    )
    tiled_row = family.denoise(plain.latent[None], torch.tensor([3.0]), [tiled.conditional])
    assert torch.equal(tiled_row, moved.roll((-down, -right), (2, 3)))


def test_a_seamless_picture_goes_on_behind_its_edges(family: StableDiffusion) -> None:
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    def moved(seamless: bool) -> float:
        """How much the picture changes where its edges are laid elsewhere."""
        elsewhere = family.decode(latent.roll((3, 2), (2, 3)), seamless=seamless)
        return float(
            (elsewhere - family.decode(latent, seamless=seamless).roll((24, 16), (2, 3))).abs().mean()
        )

    assert moved(seamless=True) < 0.1 * moved(seamless=False)


def test_parts_can_be_made_by_hand(family: StableDiffusion) -> None:
    held = family.parts
    made = Parts(
        network=held.network,
        vae=held.vae,
        encoders=held.encoders,
        tokenizers=held.tokenizers,
        scheduler={"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear"},
    )
    assert StableDiffusion(made, family.entry, drive.CPU).sampler == "ddim"


def test_weights_at_odd_addresses_are_moved() -> None:
    layer = torch.nn.Linear(4, 4)
    store = torch.zeros(64)
    start = 1 + (-store.data_ptr() % ALIGNMENT_BYTES) // 4
    layer.weight.data = store[start : start + 16].view(4, 4).copy_(layer.weight.data)
    before = layer.weight.detach().clone()
    assert layer.weight.data_ptr() % ALIGNMENT_BYTES
    align(layer)
    assert not layer.weight.data_ptr() % ALIGNMENT_BYTES
    assert torch.equal(layer.weight, before)


def test_what_is_offloaded_comes_for_its_work_and_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    class Traveller(torch.nn.Module):
        places: list[str]

        def to(self, place: object) -> Traveller:  # type: ignore[override]
            self.places = [*getattr(self, "places", []), str(place)]
            return self

    monkeypatch.setattr(Placement, "torch_device", torch.device("cuda", 0))
    encoder, vae = Traveller(), Traveller()
    placement = Placement(offload="encoders", precision="fp16")
    with placement.at_work([("text_encoder", encoder), ("vae", vae)]):
        assert encoder.places == ["cuda:0"]
    assert encoder.places == ["cuda:0", "cpu"]
    assert not hasattr(vae, "places")
    homes = [Placement(offload="model").home(name).type for name in ("text_encoder_2", "vae", "unet")]
    assert homes == ["cpu", "cpu", "cuda"]


def test_settings_that_are_none_are_refused() -> None:
    for wrong in ({"precision": "fp8"}, {"offload": "disk"}, {"attention": "magic"}):
        with pytest.raises(ModelError, match="must be one of"):
            Placement(**wrong)
    with pytest.raises(ModelError, match="write cpu, cuda"):
        _ = Placement(device="gpu").torch_device


def test_auto_is_fp32_on_the_cpu_and_half_precision_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Placement(device="cpu").dtype == torch.float32
    monkeypatch.setattr(Placement, "torch_device", torch.device("cuda", 0))
    for able, dtype in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda able=able: able)
        assert Placement().dtype == dtype
