"""Every parameter of the prompt language, as data: its names, what it takes, its default, and what a model must honour.

Readers, checks, canonical text and the user's documentation all follow this table. Knows no text and no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from darkroom.core.params import SEED_MAX

REPEAT_MAX = 1_000  # jobs; more than any plan allows, whose own cap is lower
PROMPT_MAX = 6_000  # characters

CODES = (
    "empty_prompt",
    "invalid_parameter",
    "parameter_conflict",
    "unsupported_by_model",
    "invalid_link",
    "batch_not_in_relax",
    "plan_required",
)
"""The codes that the parser itself raises; the other classes of the language belong to the rooms that decide them."""


class Takes(Enum):
    """What follows a parameter's name."""

    FLAG = auto()
    INTEGER = auto()
    DECIMAL = auto()
    CHOICE = auto()
    ASPECT = auto()
    MODEL = auto()
    LIST = auto()
    STYLES = auto()
    IMAGES = auto()
    IMAGE = auto()
    IDENTIFIER = auto()


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter. `names[0]` stands in canonical text; rows with one `key` are one parameter in two spellings.

    `honours` names what a model must honour for it (None: never a model's matter); `low`, `high` and `choices` bound
    the value; `values`, `default`, `meaning` and `example` are for people.
    """

    key: str
    names: tuple[str, ...]
    takes: Takes = Takes.FLAG
    honours: str | None = None
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    values: str = "flag"
    default: str = "off"
    meaning: str
    example: str

    @property
    def name(self) -> str:
        """The canonical spelling, with its dashes."""
        return f"--{self.names[0]}"


def _whole(
    key: str,
    names: tuple[str, ...],
    low: int,
    high: int,
    default: str,
    honours: str,
    meaning: str,
    example: str,
) -> Parameter:
    return Parameter(
        key=key, names=names, takes=Takes.INTEGER, honours=honours, low=low, high=high,
        values=f"{low} to {high}", default=default, meaning=meaning, example=example,
    )  # fmt: skip


def _flag(key: str, meaning: str, *, honours: str | None = None, default: str = "off") -> Parameter:
    return Parameter(
        key=key, names=(key,), honours=honours, default=default, meaning=meaning, example=f"--{key}"
    )


_LANE = "the account's mode"
_VISIBILITY = "the account's setting"

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        key="aspect", names=("ar", "aspect"), takes=Takes.ASPECT, honours="aspect", values="W:H, at most 14:1 (4:1 with `--hd`)",
        default="1:1", meaning="width to height, whole numbers", example="--ar 16:9",
    ),
    Parameter(
        key="version", names=("v", "version"), takes=Takes.MODEL, values="a model's name or alias",
        default="the default model", meaning="which model draws", example="--v mini-1",
    ),
    Parameter(
        key="niji", names=("niji",), takes=Takes.MODEL, values="empty or a version", default="the default model",
        meaning="which model draws: the alias `niji VERSION` of the registry", example="--niji 6",
    ),
    _whole("stylize", ("stylize", "s"), 0, 1000, "100", "stylize",
           "strength of the house aesthetic against the literal prompt", "--stylize 250"),
    _whole("chaos", ("chaos", "c"), 0, 100, "0", "chaos", "how far the four images differ from each other", "--chaos 30"),
    _whole("weird", ("weird", "w"), 0, 3000, "0", "weird", "pushes the picture away from the usual", "--weird 500"),
    Parameter(
        key="quality", names=("quality", "q"), takes=Takes.CHOICE, honours="quality", choices=("0.25", "0.5", "1", "2", "4"),
        values="0.25, 0.5, 1, 2 or 4", default="1", meaning="more or fewer steps, priced accordingly", example="--quality 2",
    ),
    _whole("seed", ("seed",), 0, SEED_MAX, "random, stored", "seed",
           "same seed, prompt and model: the same picture", "--seed 7"),
    Parameter(
        key="no", names=("no",), takes=Takes.LIST, honours="no", values="a list, separated by commas", default="empty",
        meaning="what should not be in the picture; may be given more than once", example="--no text, frame",
    ),
    _whole("stop", ("stop",), 10, 100, "100", "stop", "stops at that percent of the steps", "--stop 60"),
    _flag("tile", "seamless in both directions", honours="tile"),
    Parameter(
        key="image_weight", names=("iw",), takes=Takes.DECIMAL, honours="image_prompts", low=0, high=3, values="0 to 3",
        default="1", meaning="weight of the image prompts", example="--iw 1.5",
    ),
    Parameter(
        key="style_reference", names=("sref",), takes=Takes.STYLES, honours="style_reference", default="empty",
        values="links, codes or `random`, each with `::n` if you like", meaning="draw in the style of these",
        example="--sref https://example.com/a.png::2 1234",
    ),
    _whole("style_weight", ("sw",), 0, 1000, "100", "style_reference", "strength of the style reference", "--sw 200"),
    Parameter(
        key="character_reference", names=("cref",), takes=Takes.IMAGES, honours="character_reference", default="empty",
        values="links", meaning="draw this character", example="--cref https://example.com/hero.png",
    ),
    _whole("character_weight", ("cw",), 0, 100, "100", "character_reference", "strength of the character", "--cw 60"),
    Parameter(
        key="omni_reference", names=("oref",), takes=Takes.IMAGES, honours="omni_reference", default="empty",
        values="links", meaning="put what these show into the picture", example="--oref upload:chair",
    ),
    _whole("omni_weight", ("ow",), 1, 1000, "100", "omni_reference", "strength of the omni reference", "--ow 400"),
    _flag("raw", "no refinement of the prompt and no house style", honours="raw"),
    Parameter(
        key="raw", names=("style",), takes=Takes.CHOICE, honours="raw", choices=("raw",), values="raw",
        meaning="the same as `--raw`", example="--style raw",
    ),
    Parameter(
        key="profile", names=("profile", "p"), takes=Takes.IDENTIFIER, honours="profile", values="empty or an id", default="none",
        meaning="your own taste, learnt from your choices", example="--profile ab12",
    ),
    _whole("experimental", ("exp",), 0, 100, "0", "experimental", "extra dynamics and detail", "--exp 20"),
    _flag("draft", "fewer steps, half the size, half the price", honours="draft"),
    _flag("hd", "the model's large size", honours="hd"),
    _flag("sd", "the model's native size", default="on"),
    Parameter(
        key="repeat", names=("repeat", "r"), takes=Takes.INTEGER, honours="repeat", low=2, high=REPEAT_MAX,
        values="2 to your plan's cap", default="one job", meaning="that many jobs, each with its own seed", example="--repeat 4",
    ),
    _flag("turbo", "the fastest lane, for this job only", default=_LANE),
    _flag("fast", "the fast lane, for this job only", default=_LANE),
    _flag("relax", "the relaxed lane, for this job only", default=_LANE),
    _flag("stealth", "nobody else sees the result", default=_VISIBILITY),
    _flag("public", "everybody sees the result", default=_VISIBILITY),
    _flag("video", "a film that starts from the image prompt", honours="video"),
    Parameter(
        key="motion", names=("motion",), takes=Takes.CHOICE, honours="video", choices=("low", "high"), values="low or high",
        default="low", meaning="how much moves", example="--motion high",
    ),
    _flag("loop", "the film ends where it starts", honours="video"),
    Parameter(
        key="end", names=("end",), takes=Takes.IMAGE, honours="video", values="a link", default="open",
        meaning="the image at which the film ends", example="--end https://example.com/last.png",
    ),
    Parameter(
        key="batch", names=("bs",), takes=Takes.CHOICE, honours="video", choices=("1", "2", "4"), values="1, 2 or 4",
        default="4", meaning="how many films", example="--bs 2",
    ),
)  # fmt: skip

NAMES: dict[str, Parameter] = {name: parameter for parameter in PARAMETERS for name in parameter.names}

EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("turbo", "fast", "relax"),
    ("hd", "sd"),
    ("draft", "hd"),
    ("stealth", "public"),
    ("version", "niji"),
    ("loop", "end"),
)
"""Keys of which a job may have one."""

NEEDS: dict[str, str] = {
    "style_weight": "style_reference",
    "character_weight": "character_reference",
    "omni_weight": "omni_reference",
    "motion": "video",
    "loop": "video",
    "end": "video",
    "batch": "video",
}
"""Keys that mean nothing without another."""
