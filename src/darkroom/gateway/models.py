"""The route that tells which models are installed, and which parameters there are and each model honours.

All of it is read off the prompt language's own table and the registry: no rule is written here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from darkroom.core.capabilities import ModelCapabilities
from darkroom.gateway.auth import Reader
from darkroom.gateway.context import Gateway, Here
from darkroom.gateway.views import Out
from darkroom.lifecycle.terms import drawable
from darkroom.prompt.support import why_not
from darkroom.prompt.table import PARAMETERS, Parameter, Takes

Kind = Literal["integer", "decimal", "ratio", "choice", "flag", "text", "reference"]


class SizeOut(Out):
    width: int
    height: int


class ReferencesOut(Out):
    """Which pictures a prompt may bring along for this model."""

    image: bool
    style: bool
    character: bool
    omni: bool


class ModelOut(Out):
    name: str
    title: str
    description: Annotated[str, Field(description="One sentence of what it can do")]
    default: bool
    aliases: Annotated[list[str], Field(description="What `--v` takes for it, too")]
    native: Annotated[SizeOut, Field(description="In pixels, of a square picture")]
    hd: Annotated[SizeOut | None, Field(description="With `--hd`; null where it has no large size")]
    parameters: Annotated[
        dict[str, Literal[True] | str],
        Field(description="By the name of each parameter: true, or a sentence that says why not"),
    ]
    references: ReferencesOut
    licence: str


class ParameterOut(Out):
    name: Annotated[str, Field(description="Without its dashes, as canonical text has it")]
    aliases: list[str]
    kind: Kind
    min: float | None
    max: float | None
    step: float | None
    default: Annotated[str, Field(description="In words, where it is no value")]
    choices: list[str]
    meaning: str


class ModelsOut(Out):
    models: Annotated[list[ModelOut], Field(description="The default one first, then by name")]
    parameters: list[ParameterOut]


def models_router() -> APIRouter:
    """Under /api/v1/models."""
    router = APIRouter(prefix="/api/v1/models", tags=["jobs"])

    @router.get("", operation_id="listModels")
    async def list_models(caller: Reader, here: Here) -> ModelsOut:
        """The models that can draw, what each of them honours, and every parameter of the prompt language."""
        return _models_out(here)

    return router


KINDS: dict[Takes, Kind] = {
    Takes.FLAG: "flag",
    Takes.INTEGER: "integer",
    Takes.DECIMAL: "decimal",
    Takes.CHOICE: "choice",
    Takes.ASPECT: "ratio",
    Takes.MODEL: "text",
    Takes.LIST: "text",
    Takes.STYLES: "reference",
    Takes.IMAGES: "reference",
    Takes.IMAGE: "reference",
    Takes.IDENTIFIER: "text",
}
BOUNDED = {Takes.INTEGER: 1.0, Takes.DECIMAL: 0.1}
"""What has a least and a most, and by how much a slider goes on."""


def _models_out(here: Gateway) -> ModelsOut:
    models = [each for each in here.rooms.catalogue.models.values() if drawable(here.rooms, each)]
    models.sort(key=lambda each: (not each.default, each.name))
    return ModelsOut(
        models=[_model_out(each, here) for each in models],
        parameters=[_parameter_out(each) for each in PARAMETERS],
    )


def _model_out(model: ModelCapabilities, here: Gateway) -> ModelOut:
    catalogue, honours = here.rooms.catalogue, model.honours
    reasons = {each.names[0]: why_not(each, model, catalogue) for each in PARAMETERS}
    large = SizeOut(width=model.large_px, height=model.large_px)
    return ModelOut(
        name=model.name,
        title=model.title,
        description=_description(model),
        default=model.default,
        aliases=sorted(alias for alias, name in catalogue.aliases.items() if name == model.name),
        native=SizeOut(width=model.native_px, height=model.native_px),
        hd=large if "hd" in honours else None,
        parameters={name: reason or True for name, reason in reasons.items()},
        references=ReferencesOut(
            image="image_prompts" in honours,
            style="style_reference" in honours,
            character="character_reference" in honours,
            omni="omni_reference" in honours,
        ),
        licence=model.licence,
    )


def _description(model: ModelCapabilities) -> str:
    large = f", {model.large_px} with --hd" if "hd" in model.honours else ""
    pictures = f", and up to {model.max_image_prompts} image prompts" if model.max_image_prompts else ""
    letters = "; it can letter words" if model.letters else ""
    return f"Draws {model.native_px} pixels to a side{large}; takes ratios up to {model.widest_aspect}:1{pictures}{letters}."


def _parameter_out(parameter: Parameter) -> ParameterOut:
    step = BOUNDED.get(parameter.takes)
    return ParameterOut(
        name=parameter.names[0],
        aliases=list(parameter.names[1:]),
        kind=KINDS[parameter.takes],
        min=None if step is None else parameter.low,
        max=None if step is None else parameter.high,
        step=step,
        default=parameter.default,
        choices=list(parameter.choices),
        meaning=parameter.meaning,
    )
