"""What a component's config and tensors give away: real ones pass, and each trick has its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from darkroom.model.component_faults import class_fault, code_fault, size_fault, weights_fault, width_fault
from darkroom.model.layouts import LAYOUTS

T5_XXL = {
    "d_ff": 10240, "d_kv": 64, "d_model": 4096, "num_decoder_layers": 24, "num_heads": 64, "num_layers": 24,
    "relative_attention_num_buckets": 32, "vocab_size": 32128, "torch_dtype": "bfloat16",
}  # fmt: skip
QWEN_VL = {
    "hidden_size": 3584, "intermediate_size": 18944, "max_position_embeddings": 128000, "max_window_layers": 28,
    "num_attention_heads": 28, "num_hidden_layers": 28, "rope_theta": 1000000.0, "vocab_size": 152064,
    "image_token_id": 151655, "vision_config": {"depth": 32, "hidden_size": 1280, "num_heads": 16, "patch_size": 14},
}  # fmt: skip
SDXL_UNET = {
    "attention_head_dim": [5, 10, 20], "cross_attention_dim": 2048, "layers_per_block": 2, "sample_size": 128,
    "transformer_layers_per_block": [1, 2, 10], "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip


def tensors(longest: int, count: int, dtype: str = "BF16") -> Mapping[str, tuple[str, tuple[int, ...]]]:
    return {f"layers.{i}.weight": (dtype, (longest, 8)) for i in range(count)}


@pytest.mark.parametrize(
    ("config", "longest", "count"), [(T5_XXL, 32128, 219), (QWEN_VL, 152064, 729), (SDXL_UNET, 10240, 1680)]
)
def test_configs_of_real_models_pass(
    tmp_path: Path, config: Mapping[str, object], longest: int, count: int
) -> None:
    held = tensors(longest, count)
    assert (size_fault(config, held), weights_fault(config, held), code_fault(tmp_path, config)) == (
        "",
        "",
        "",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_layers": 220}, "has num_layers = 220 in its config, and its files hold 219 tensors"),
        ({"layers_per_block": [1, 10**9]}, "layers_per_block = 1000000000"),
        ({"vision_config": {"depth": 1e12}}, "depth = 1000000000000.0"),
        ({"d_model": 32129}, "no side of its tensors is longer than 32128"),
        ({"sample_size": 4097}, "more than 4096"),
    ],
)
def test_a_network_beyond_its_weights_is_refused(change: Mapping[str, object], words: str) -> None:
    assert words in size_fault({**T5_XXL, **change}, tensors(32128, 219))


@pytest.mark.parametrize("dtype", ["I8", "U8", "I64", "BOOL", "F4", "F8_E8M0"])
def test_what_is_no_dtype_of_weights_is_named(dtype: str) -> None:
    assert f"holds layers.0.weight in {dtype}" in weights_fault({}, tensors(8, 2, dtype))


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"])
def test_floats_are_weights_and_places_may_be_whole_numbers(dtype: str) -> None:
    held = {**tensors(8, 2, dtype), "text_model.embeddings.position_ids": ("I64", (1, 77))}
    assert weights_fault({"quantization_config": None}, held) == ""


@pytest.mark.parametrize("name", ["a.weight_scale", "a.scale_weight", "a.input_scale", "a.weight_scale_inv"])
def test_eight_bits_with_scales_are_quantised(name: str) -> None:
    assert "is quantised" in weights_fault({}, {name: ("F32", (1,))})
    assert "is quantised" in weights_fault({"text_config": {"quantization_config": {"bits": 4}}}, {})
    assert weights_fault({}, {"scale_shift_table": ("F32", (2, 8))}) == ""


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "evil.Evil"}},
        {"text_config": {"auto_map": {}}},
        {"attn_implementation": "somebody/kernels"},
        {"_attn_implementation": {"text_config": "somebody/kernels@main"}},
        {"parts": [{"experts_implementation": "somebody/kernels"}]},
    ],
)
def test_code_of_others_is_refused_wherever_it_is_asked_for(
    tmp_path: Path, config: Mapping[str, object]
) -> None:
    assert "never run" in code_fault(tmp_path, config)
    assert code_fault(tmp_path, {"attn_implementation": "sdpa"}) == ""


def test_a_deep_config_is_walked_through() -> None:
    deep: dict[str, object] = {"num_layers": 10**9}
    for _ in range(100_000):
        deep = {"part": deep}
    assert "num_layers" in size_fault(deep, tensors(8, 2))
    while "part" in deep:  # taken apart by hand, which the interpreter does one in the other
        deep = deep["part"]  # type: ignore[assignment]


SDXL_IN_SD = {"unet": SDXL_UNET, "text_encoder": {"hidden_size": 768}}
CLIP = frozenset({"CLIPTextModel", "CLIPTextModelWithProjection"})


@pytest.mark.parametrize(
    ("config", "classes", "words"),
    [
        ({}, CLIP, ""),
        ({"model_type": "clip_text_model"}, CLIP, ""),
        ({"model_type": "t5"}, CLIP, "is a t5 by its config.json; this family has CLIPTextModel or"),
        ({"model_type": "qwen2_5_vl"}, frozenset({"Qwen2_5_VLForConditionalGeneration"}), ""),
        ({"_class_name": "AutoencoderKL"}, frozenset({"AutoencoderKL"}), ""),
        ({"_class_name": "AutoencoderTiny"}, frozenset({"AutoencoderKL"}), "is a AutoencoderTiny by"),
        ({"_class_name": "\x1b[2J"}, frozenset({"AutoencoderKL"}), "is a '\\x1b[2J' by"),
        ({"_class_name": 7, "model_type": ["t5"]}, CLIP, ""),
    ],
)
def test_a_part_says_what_it_is(config: Mapping[str, object], classes: frozenset[str], words: str) -> None:
    found = class_fault(config, classes)
    assert found.startswith(words) if words else not found


@pytest.mark.parametrize(
    ("family", "configs", "words"),
    [
        ("sd", {"unet": {"cross_attention_dim": 768}, "text_encoder": {"hidden_size": 768}}, ""),
        (
            "sd",
            SDXL_IN_SD,
            "reads texts of width 2048",
        ),
        ("sdxl", SDXL_IN_SD | {"text_encoder_2": {"hidden_size": 1280}}, ""),
        (
            "sdxl",
            SDXL_IN_SD | {"text_encoder_2": {"hidden_size": 768}},
            "text_encoder and text_encoder_2 write 1536",
        ),
        ("sd3", {"transformer": {"joint_attention_dim": 4096}}, ""),
        ("sd", {"unet": {"cross_attention_dim": [768]}, "text_encoder": {"hidden_size": True}}, ""),
        ("sd", {}, ""),
    ],
)
def test_a_network_reads_what_the_encoders_write(
    family: str, configs: Mapping[str, Mapping[str, object]], words: str
) -> None:
    found = width_fault(LAYOUTS[family], configs)
    assert words in found if words else not found
