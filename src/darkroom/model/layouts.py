"""What the folders of each family hold, as data: pipelines and components by the class names of diffusers' layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Side = tuple[str, str]
"""A component, and the key of its config.json that gives a width."""

DIFFUSION_SAMPLERS = frozenset({"euler", "heun", "ddim", "dpmpp_2m", "euler_ancestral"})
FLOW_SAMPLERS = frozenset({"euler", "heun", "ddim", "dpmpp_2m_flow", "euler_ancestral_flow"})
GUIDANCE_RULES = frozenset({"linear", "token_norm", "norm_limit"})
"""The names alone, for those who must not load torch."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a family's folder holds: the classes of its model_index.json, and for each component the classes allowed.

    `widths`: for a width in the network's config, the components whose widths add up to it. `unguided` is the guidance
    at which no second row is drawn.
    """

    pipelines: frozenset[str]
    components: Mapping[str, frozenset[str]]
    optional: frozenset[str] = frozenset()
    samplers: frozenset[str] = FLOW_SAMPLERS
    widths: Mapping[str, tuple[Side, ...]] = field(default_factory=dict)
    unguided: float = 1.0

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
        samplers=DIFFUSION_SAMPLERS,
        widths={"cross_attention_dim": (("text_encoder", "hidden_size"),)},
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
        samplers=DIFFUSION_SAMPLERS,
        widths={"cross_attention_dim": (("text_encoder", "hidden_size"), ("text_encoder_2", "hidden_size"))},
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
        widths={
            "joint_attention_dim": (("text_encoder_3", "d_model"),),
            "pooled_projection_dim": (
                ("text_encoder", "projection_dim"),
                ("text_encoder_2", "projection_dim"),
            ),
        },
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
        widths={
            "joint_attention_dim": (("text_encoder_2", "d_model"),),
            "pooled_projection_dim": (("text_encoder", "hidden_size"),),
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
        samplers=DIFFUSION_SAMPLERS,
        widths={"caption_channels": (("text_encoder", "d_model"),)},
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
        widths={"cap_feat_dim": (("text_encoder", "hidden_size"),)},
        unguided=0.0,
    ),
}


def family_of(class_name: str) -> str:
    """The family that a model_index.json belongs to; "" where it is none of ours."""
    return next((name for name, layout in LAYOUTS.items() if class_name in layout.pipelines), "")
