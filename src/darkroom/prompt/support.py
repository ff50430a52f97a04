"""What a job may ask of its model, and which parameters exclude each other. Knows names and places, not values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from darkroom.core.capabilities import ModelCapabilities, ModelCatalogue
from darkroom.core.errors import PromptError
from darkroom.core.params import Aspect
from darkroom.prompt.body import Body
from darkroom.prompt.faults import fault, shown
from darkroom.prompt.lexer import Given
from darkroom.prompt.table import EXCLUSIVE, NEEDS, PARAMETERS, Parameter
from darkroom.prompt.values import only_word

_NAME = {parameter.key: parameter.name for parameter in reversed(PARAMETERS)}


def check_conflicts(given: Mapping[str, Given]) -> None:
    """PromptError (parameter_conflict) where two parameters exclude each other."""
    for keys in EXCLUSIVE:
        found = sorted((given[key] for key in keys if key in given), key=lambda each: each.at)
        if len(found) > 1:
            what = f"{found[1].shown} cannot go with {found[0].shown} of character {found[0].at}"
            raise fault("parameter_conflict", what, at=found[1].at, hint="Keep one of them.")


def check_needs(given: Mapping[str, Given], body: Body) -> None:
    """PromptError (parameter_conflict) where a parameter lacks what it belongs to. Comes after `check_support`: nobody is
    told to add what the model could not honour."""
    for key, needed in NEEDS.items():
        if key in given and needed not in given:
            what = f"{given[key].shown} means nothing without {_NAME[needed]}"
            raise fault(
                "parameter_conflict", what, at=given[key].at, hint=f"Add {_NAME[needed]}, or leave it away."
            )
    if "image_weight" in given and not body.images:
        weight = given["image_weight"]
        what = f"{weight.shown} means nothing without an image prompt"
        raise fault("parameter_conflict", what, at=weight.at, hint="Put the address of an image in front.")
    if "video" in given and not body.images:
        what = f"{given['video'].shown} means nothing without an image to start from"
        raise fault(
            "parameter_conflict", what, at=given["video"].at, hint="Put the address of an image in front."
        )


def choose_model(given: Mapping[str, Given], catalogue: ModelCatalogue) -> ModelCapabilities:
    """The model that the prompt names, or the default. PromptError (unsupported_by_model) where nobody answers."""
    asked = given.get("version") or given.get("niji")
    if asked is None:
        return catalogue.default
    if asked.parameter.key == "niji" and not asked.words:
        model = named_model("niji", "", catalogue)
    else:
        model = named_model(asked.parameter.key, only_word(asked).chars, catalogue)
    if model is None:
        names = ", ".join(sorted(catalogue.models))
        hint = f"Models that are installed: {names}. Try --v {catalogue.default.name}."
        raise fault("unsupported_by_model", f"{asked.shown} names no model", at=asked.at, hint=hint)
    return model


def named_model(key: str, value: str, catalogue: ModelCatalogue) -> ModelCapabilities | None:
    """The model that `--v VALUE` (key `version`) or `--niji VALUE` names; None where nobody answers to that."""
    return catalogue.resolve(f"niji {value}" if key == "niji" else value)


def check_support(
    given: Mapping[str, Given], body: Body, model: ModelCapabilities, catalogue: ModelCatalogue
) -> None:
    """PromptError (unsupported_by_model) for the first thing in the prompt that the model cannot honour."""
    for error in unsupported(given, body, model, catalogue):
        raise error
    if len(body.images) > model.max_image_prompts:
        what = f"{shown(body.images[0].source)} begins {len(body.images)} image prompts, but {model.name} takes {model.max_image_prompts}"
        raise fault("unsupported_by_model", what, at=body.images_at, hint="Use fewer images.")


def unsupported(
    given: Mapping[str, Given], body: Body, model: ModelCapabilities, catalogue: ModelCatalogue
) -> Iterator[PromptError]:
    """Everything in the prompt that the model cannot honour, in order."""
    wanted = [
        (each.at, each.shown, each.parameter.honours) for each in given.values() if each.parameter.honours
    ]
    if body.images:
        wanted.append((body.images_at, shown(body.images[0].source), "image_prompts"))
    if body.weights_at:
        wanted.append((body.weights_at, "::", "weights"))
    for at, what, honours in sorted(wanted):
        if honours not in model.honours:
            yield _unsupported(at, what, honours, model, catalogue)


def why_not(parameter: Parameter, model: ModelCapabilities, catalogue: ModelCatalogue) -> str:
    """Why a model does not take a parameter, as whoever gives it is told; "" where it does."""
    honours = parameter.honours
    if honours is None or honours in model.honours:
        return ""
    return _unsupported(0, parameter.name, honours, model, catalogue).message


def check_aspect(given: Mapping[str, Given], aspect: Aspect, model: ModelCapabilities) -> None:
    """PromptError where a ratio is wider or taller than the model can draw."""
    hd = "hd" in given
    widest = model.widest_aspect_hd if hd else model.widest_aspect
    if "aspect" not in given or aspect.elongation <= widest:
        return
    wide = aspect.width > aspect.height
    ratio = f"{widest}:1" if wide else f"1:{widest}"
    words = ("wider", "widest") if wide else ("taller", "tallest")
    what = f"{given['aspect'].shown} is {words[0]} than {ratio}, the {words[1]} that {model.name} can draw"
    hint = f"Try --ar {ratio}" + (", or leave --hd away." if hd else ".")
    raise fault("invalid_parameter", what + " with --hd" * hd, at=given["aspect"].at, hint=hint)


def _unsupported(
    at: int, what: str, honours: str, model: ModelCapabilities, catalogue: ModelCatalogue
) -> PromptError:
    able = catalogue.able(honours)
    hint = (
        f"Models that can: {', '.join(able)}." if able else "No model that is installed can; leave it away."
    )
    meant = f" ({honours})" if honours not in what else ""
    return fault(
        "unsupported_by_model",
        f"{what}{meant} is not something that {model.name} can honour",
        at=at,
        hint=hint,
    )
