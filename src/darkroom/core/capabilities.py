"""What a model says of itself, so that a prompt can be checked against it without loading any weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from darkroom.core.errors import RegistryError

HONOURABLE = frozenset(
    {
        "aspect", "stylize", "chaos", "weird", "quality", "seed", "no", "stop", "tile", "image_prompts", "style_reference",
        "character_reference", "omni_reference", "raw", "profile", "experimental", "draft", "hd", "repeat", "weights", "video",
    }
)  # fmt: skip
"""What a model can say that it honours. Lane and visibility are never a model's matter, nor is the choice of model."""


@dataclass(frozen=True, kw_only=True)
class AdapterSource:
    """A file of LoRA weights that is laid over a model's, and how strongly (0 nothing, 1 as trained)."""

    file: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Where the weights of a model that people own come from, and how it is driven unless a prompt says otherwise.

    `folder` is a local folder, or `hub` a name on the hub ("owner/name") with an optional `revision`; one of the two is
    set. None stands for the family's default. `precision` is auto, fp32, bf16 or fp16.
    """

    folder: str = ""
    hub: str = ""
    revision: str = ""
    adapters: tuple[AdapterSource, ...] = ()
    precision: str = "auto"
    steps: int | None = None
    guidance: float | None = None
    guidance_rule: str | None = None
    sampler: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelCapabilities:
    """A model as the registry describes it.

    `honours` holds the long names of the prompt parameters that change this model's picture ("chaos", "tile", ...);
    a parameter that is not there is an error for this model, never silence. Sizes are in pixels of the finished image.
    `source` is None for the built-in model.
    """

    name: str
    title: str
    family: str
    honours: frozenset[str]
    native_px: int
    large_px: int
    widest_aspect: int = 14
    widest_aspect_hd: int = 4
    max_image_prompts: int = 0
    letters: bool = False
    licence: str = ""
    default: bool = False
    source: ModelSource | None = None


@dataclass(frozen=True, kw_only=True)
class ModelCatalogue:
    """The models that are installed, by name, and the names that stand for them (`--v 7`, `--niji 6`)."""

    models: Mapping[str, ModelCapabilities]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, name: str) -> ModelCapabilities | None:
        """The model that answers to a name or an alias, case-insensitively; None where nobody does."""
        wanted = name.strip().lower()
        return self.models.get(self.aliases.get(wanted, wanted))

    @property
    def default(self) -> ModelCapabilities:
        """The model that draws where the prompt names none. RegistryError where there is not exactly one."""
        found = [model for model in self.models.values() if model.default]
        if len(found) != 1:
            raise RegistryError(
                f"exactly one model must be the default; {len(found)} are marked `default = true`"
            )
        return found[0]

    def able(self, parameter: str) -> tuple[str, ...]:
        """The names of the models that honour a parameter, sorted."""
        return tuple(sorted(m.name for m in self.models.values() if parameter in m.honours))
