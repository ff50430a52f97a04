"""What the folders of each family hold, as data: pipelines and components by the class names of diffusers' layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a family's folder holds: the classes of its model_index.json, and for each component the classes allowed."""

    pipelines: frozenset[str]
    components: Mapping[str, frozenset[str]]
    optional: frozenset[str] = frozenset()

    @property
    def network(self) -> str:
        return "unet" if "unet" in self.components else "transformer"


_CLIP = frozenset({"CLIPTextModel", "CLIPTextModelWithProjection"})
_CLIP_TOKENS = frozenset({"CLIPTokenizer", "CLIPTokenizerFast"})
_T5 = frozenset({"T5EncoderModel"})
_T5_TOKENS = frozenset({"T5Tokenizer", "T5TokenizerFast"})
_KL = frozenset({"AutoencoderKL"})
_QWEN_TOKENS = frozenset({"Qwen2Tokenizer", "Qwen2TokenizerFast", "AutoTokenizer"})

LAYOUTS: Mapping[str, Layout] = {
    "sd": Layout(
        pipelines=frozenset({"StableDiffusionPipeline"}),
        components={
            "unet": frozenset({"UNet2DConditionModel"}),
            "vae": _KL,
            "text_encoder": _CLIP,
            "tokenizer": _CLIP_TOKENS,
        },
    ),
    "sdxl": Layout(
        pipelines=frozenset({"StableDiffusionXLPipeline"}),
        components={
            "unet": frozenset({"UNet2DConditionModel"}),
            "vae": _KL,
            "text_encoder": _CLIP,
            "text_encoder_2": _CLIP,
            "tokenizer": _CLIP_TOKENS,
            "tokenizer_2": _CLIP_TOKENS,
        },
    ),
    "sd3": Layout(
        pipelines=frozenset({"StableDiffusion3Pipeline"}),
        components={
            "transformer": frozenset({"SD3Transformer2DModel"}),
            "vae": _KL,
            "text_encoder": _CLIP,
            "text_encoder_2": _CLIP,
            "text_encoder_3": _T5,
            "tokenizer": _CLIP_TOKENS,
            "tokenizer_2": _CLIP_TOKENS,
            "tokenizer_3": _T5_TOKENS,
        },
        optional=frozenset({"text_encoder_3", "tokenizer_3"}),
    ),
    "flux": Layout(
        pipelines=frozenset({"FluxPipeline"}),
        components={
            "transformer": frozenset({"FluxTransformer2DModel"}),
            "vae": _KL,
            "text_encoder": _CLIP,
            "text_encoder_2": _T5,
            "tokenizer": _CLIP_TOKENS,
            "tokenizer_2": _T5_TOKENS,
        },
    ),
    "pixart": Layout(
        pipelines=frozenset({"PixArtSigmaPipeline", "PixArtAlphaPipeline"}),
        components={
            "transformer": frozenset({"PixArtTransformer2DModel", "Transformer2DModel"}),
            "vae": _KL,
            "text_encoder": _T5,
            "tokenizer": _T5_TOKENS,
        },
    ),
    "qwen-image": Layout(
        pipelines=frozenset({"QwenImagePipeline"}),
        components={
            "transformer": frozenset({"QwenImageTransformer2DModel"}),
            "vae": frozenset({"AutoencoderKLQwenImage"}),
            "text_encoder": frozenset({"Qwen2_5_VLForConditionalGeneration"}),
            "tokenizer": _QWEN_TOKENS,
        },
    ),
    "z-image": Layout(
        pipelines=frozenset({"ZImagePipeline"}),
        components={
            "transformer": frozenset({"ZImageTransformer2DModel"}),
            "vae": _KL,
            "text_encoder": frozenset({"Qwen3Model", "Qwen3ForCausalLM", "AutoModel"}),
            "tokenizer": _QWEN_TOKENS,
        },
    ),
}


def family_of(class_name: str) -> str:
    """The family that a model_index.json belongs to; "" where it is none of ours."""
    return next((name for name, layout in LAYOUTS.items() if class_name in layout.pipelines), "")
