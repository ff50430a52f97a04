"""What an operator may set: environment variables, read once, in `bootstrap`. Standard library only; loads nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from darkroom.core.errors import DarkroomError

THREADS_MAX = 1024
JOBS_MAX = 256  # jobs of four images that one engine takes in at once
PATH_MAX_CHARACTERS = 4096
TEXT_MAX_CHARACTERS = 4096
PORT_MAX = 65535
WORKERS_MAX = 64
SLOTS_MAX = 256
ROWS_MAX = 64  # rows of a pass
MEMORY_MAX_GIB = 4096.0
DEVICE_NUMBER_MAX = 63

ENGINE_MODES = ("exact", "fast")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
OFFLOADS = ("auto", "none", "encoders", "model")
ATTENTIONS = ("auto", "sdpa", "flash", "sage")
SWITCH = ("off", "on")
GIB_FORM = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One environment variable: `default` is what its absence means, in words for the docs."""

    name: str
    default: str
    meaning: str


WEIGHTS = Variable(
    name="DARKROOM_WEIGHTS",
    default="the weights in the package",
    meaning="Folder with the built-in model's weights.",
)
REGISTRY = Variable(
    name="DARKROOM_REGISTRY",
    default="the registry in the package",
    meaning="TOML file that lists the models.",
)
THREADS = Variable(
    name="DARKROOM_THREADS",
    default="the cores of this machine",
    meaning="Threads that the model computes with. Another number may change the last bits of an image.",
)
OUT = Variable(
    name="DARKROOM_OUT", default="`out`", meaning="Folder for finished images where `-o` names none."
)
MAX_JOBS = Variable(
    name="DARKROOM_MAX_JOBS",
    default="40",
    meaning="The most jobs that one prompt may expand to (permutations x repeats).",
)
DATA = Variable(
    name="DARKROOM_DATA",
    default="`~/.local/share/darkroom`",
    meaning="Folder of the server: its database, its pictures, its logs.",
)
DATABASE_URL = Variable(
    name="DARKROOM_DATABASE_URL",
    default="an embedded PostgreSQL in the data folder",
    meaning="A PostgreSQL 16 or newer to use instead, as `postgresql://user:password@host/database`.",
)
OBJECTS = Variable(
    name="DARKROOM_OBJECTS",
    default="`objects` in the data folder",
    meaning="Where pictures are kept: a folder, or `s3://bucket/prefix` with the usual `AWS_` variables.",
)
HOST = Variable(
    name="DARKROOM_HOST",
    default="127.0.0.1",
    meaning="The address that the server listens on. `0.0.0.0` lets other machines in.",
)
PORT = Variable(name="DARKROOM_PORT", default="8642", meaning="The port that the server listens on.")
PUBLIC_URL = Variable(
    name="DARKROOM_PUBLIC_URL",
    default="made of host and port",
    meaning="The address by which people and workers reach the server, where a proxy stands before it.",
)
PLANS = Variable(
    name="DARKROOM_PLANS", default="the plans in the package", meaning="TOML file with the plans."
)
PRICES = Variable(
    name="DARKROOM_PRICES", default="the prices in the package", meaning="TOML file with the prices."
)
POLICY = Variable(
    name="DARKROOM_POLICY",
    default="the policy in the package",
    meaning="TOML file with the content policy.",
)
DISPATCH = Variable(
    name="DARKROOM_DISPATCH",
    default="the dispatch policy in the package",
    meaning="TOML file with the shares of the lanes, retries and breaker.",
)
FETCH = Variable(
    name="DARKROOM_FETCH",
    default="on",
    meaning="`off`: the server fetches no pictures from links; people send them as files.",
)
WORKERS = Variable(
    name="DARKROOM_WORKERS",
    default="one for each CUDA device, else one on the processor",
    meaning="Workers that the server starts on this machine, at most one for each CUDA device; 0 for none.",
)
WORKER_SLOTS = Variable(
    name="DARKROOM_WORKER_SLOTS", default="2", meaning="Jobs that a worker takes at once."
)
WORKER_TOKEN = Variable(
    name="DARKROOM_WORKER_TOKEN",
    default="none",
    meaning="The token that a worker shows, where `--token` is not given.",
)
ENGINE_MODE = Variable(
    name="DARKROOM_ENGINE_MODE",
    default="exact",
    meaning="`exact`: an image's bits do not depend on who shares its passes. `fast`: passes of any size, without that.",
)
DEVICE = Variable(
    name="DARKROOM_DEVICE",
    default="auto",
    meaning="What models run on: `cpu`, `cuda`, `cuda:1`; `auto` takes a CUDA device where there is one.",
)
PRECISION = Variable(
    name="DARKROOM_PRECISION",
    default="auto",
    meaning="What added models compute in: `fp32`, `bf16`, `fp16`; `auto` suits the device. mini-1 is always fp32.",
)
OFFLOAD = Variable(
    name="DARKROOM_OFFLOAD",
    default="auto",
    meaning="What of added models waits in main memory: `none`, `encoders`, `model` (the decoder, too); `auto`: what has to.",
)
ATTENTION = Variable(
    name="DARKROOM_ATTENTION",
    default="auto",
    meaning="The attention kernels of added models: `sdpa`, `flash`, `sage`; `auto` takes the best that is installed.",
)
COMPILE = Variable(
    name="DARKROOM_COMPILE",
    default="off",
    meaning="`on`: added models are compiled. Each shape is slow the first time, and faster from then on.",
)
CUDA_GRAPHS = Variable(
    name="DARKROOM_CUDA_GRAPHS",
    default="off",
    meaning="`on`: on CUDA devices the passes of added models are recorded once for each shape, and replayed.",
)
ROWS = Variable(
    name="DARKROOM_ROWS",
    default="by the shape",
    meaning="The rows of a reference pass of exact mode. Another number changes the last bits of images.",
)
MEMORY = Variable(
    name="DARKROOM_MEMORY",
    default="four fifths of what the device has free",
    meaning="GiB that the models of a worker may take together; the rest is for passes.",
)
PROFILES = Variable(
    name="DARKROOM_PROFILES",
    default="`profiles.json` in the data folder",
    meaning="File in which a worker keeps what the self-tests of exact mode found on this device.",
)
VISION_URL = Variable(
    name="DARKROOM_VISION_URL",
    default="the picture embedder in the package",
    meaning="The base of an OpenAI-compatible API, as `https://host/v1`, whose model describes pictures instead.",
)
VISION_MODEL = Variable(
    name="DARKROOM_VISION_MODEL",
    default="none",
    meaning="The vision-language model to ask there; needed with `DARKROOM_VISION_URL`.",
)
VISION_KEY = Variable(
    name="DARKROOM_VISION_KEY", default="none", meaning="The key to show there, where one is needed."
)
URL = Variable(
    name="DARKROOM_URL",
    default="the server that runs on this machine",
    meaning="The server that the command line talks to.",
)
KEY = Variable(
    name="DARKROOM_KEY",
    default="the key in the config file, else the owner's on this machine",
    meaning="The API key that the command line shows.",
)
CONFIG = Variable(
    name="DARKROOM_CONFIG",
    default="`~/.config/darkroom/config.toml`",
    meaning="The command line's config file: `url` and `key`.",
)
VARIABLES = (
    *(WEIGHTS, REGISTRY, THREADS, OUT, MAX_JOBS, DATA, DATABASE_URL, OBJECTS, HOST, PORT, PUBLIC_URL, PLANS, PRICES),
    *(POLICY, DISPATCH, FETCH, WORKERS, WORKER_SLOTS, WORKER_TOKEN, ENGINE_MODE, DEVICE, PRECISION, OFFLOAD, ATTENTION, COMPILE),
    *(CUDA_GRAPHS, ROWS, MEMORY, PROFILES, VISION_URL, VISION_MODEL, VISION_KEY, URL, KEY, CONFIG),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. Paths that are None stand for what is in the package, `workers` None for one a device.

    `objects` is a folder or an `s3://` URL; `url` and `key` are "" where nothing was set.
    """

    weights: Path | None = None
    registry: Path | None = None
    threads: int
    out: Path = Path("out")
    max_jobs: int = 40
    data: Path
    database_url: str = ""
    objects: str = ""
    host: str = "127.0.0.1"
    port: int = 8642
    public_url: str = ""
    plans: Path | None = None
    prices: Path | None = None
    policy: Path | None = None
    dispatch: Path | None = None
    fetch: str = "on"
    workers: int | None = None
    worker_slots: int = 2
    worker_token: str = field(default="", repr=False)
    engine_mode: str = "exact"
    device: str = "auto"
    precision: str = "auto"
    offload: str = "auto"
    attention: str = "auto"
    compile: str = "off"
    cuda_graphs: str = "off"
    rows: int | None = None
    memory_gib: float | None = None
    profiles: Path | None = None
    vision_url: str = ""
    vision_model: str = ""
    vision_key: str = field(default="", repr=False)
    url: str = ""
    key: str = field(default="", repr=False)
    config: Path


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that an environment holds. DarkroomError names the variable and what would be right."""

    return Settings(
        weights=_path(environ, WEIGHTS),
        registry=_path(environ, REGISTRY),
        threads=_number(environ, THREADS, _cores(), THREADS_MAX),
        out=_path(environ, OUT) or Settings.out,
        max_jobs=_number(environ, MAX_JOBS, Settings.max_jobs, JOBS_MAX),
        data=_path(environ, DATA) or _base(environ, "XDG_DATA_HOME", ".local/share") / "darkroom",
        database_url=_address(environ, DATABASE_URL, ("postgresql", "postgres")),
        objects=_text(environ, OBJECTS),
        host=_text(environ, HOST) or Settings.host,
        port=_number(environ, PORT, Settings.port, PORT_MAX, smallest=0),
        public_url=_address(environ, PUBLIC_URL, ("http", "https")).rstrip("/"),
        plans=_path(environ, PLANS),
        prices=_path(environ, PRICES),
        policy=_path(environ, POLICY),
        dispatch=_path(environ, DISPATCH),
        fetch=_choice(environ, FETCH, ("on", "off")),
        workers=_number(environ, WORKERS, None, WORKERS_MAX, smallest=0),
        worker_slots=_number(environ, WORKER_SLOTS, Settings.worker_slots, SLOTS_MAX),
        worker_token=_text(environ, WORKER_TOKEN),
        engine_mode=_choice(environ, ENGINE_MODE, ENGINE_MODES),
        device=_device(environ),
        precision=_choice(environ, PRECISION, PRECISIONS),
        offload=_choice(environ, OFFLOAD, OFFLOADS),
        attention=_choice(environ, ATTENTION, ATTENTIONS),
        compile=_choice(environ, COMPILE, SWITCH),
        cuda_graphs=_choice(environ, CUDA_GRAPHS, SWITCH),
        rows=_number(environ, ROWS, None, ROWS_MAX),
        memory_gib=_gib(environ),
        profiles=_path(environ, PROFILES),
        vision_url=_address(environ, VISION_URL, ("http", "https")).rstrip("/"),
        vision_model=_vision_model(environ),
        vision_key=_text(environ, VISION_KEY),
        url=_address(environ, URL, ("http", "https")).rstrip("/"),
        key=_text(environ, KEY),
        config=_path(environ, CONFIG)
        or _base(environ, "XDG_CONFIG_HOME", ".config") / "darkroom" / "config.toml",
    )


def _cores() -> int:
    """The cores that this process may use, which in a container can be fewer than the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(allowed or 1, THREADS_MAX)


def _base(environ: Mapping[str, str], variable: str, otherwise: str) -> Path:
    """A base folder of the user (XDG Base Directory Specification); one that is not absolute is ignored, as it says."""
    text = environ.get(variable, "").strip()
    if text.startswith("/") and len(text) <= PATH_MAX_CHARACTERS:
        return Path(text)
    home = environ.get("HOME", "").strip()
    return (Path(home) if home.startswith("/") else Path.home()) / otherwise


def _text(environ: Mapping[str, str], variable: Variable) -> str:
    text = environ.get(variable.name, "").strip()
    if len(text) > TEXT_MAX_CHARACTERS:
        raise DarkroomError(f"{variable.name} is longer than {TEXT_MAX_CHARACTERS} characters")
    return text


def _address(environ: Mapping[str, str], variable: Variable, schemes: tuple[str, ...]) -> str:
    text = _text(environ, variable)
    scheme, separator, rest = text.partition("://")
    if text and not (separator and rest and scheme in schemes):
        raise DarkroomError(f"{variable.name} must begin with {schemes[0]}:// and name a host")
    return text


def _path(environ: Mapping[str, str], variable: Variable) -> Path | None:
    text = environ.get(variable.name, "").strip()
    if len(text) > PATH_MAX_CHARACTERS:
        raise DarkroomError(f"{variable.name} is longer than the {PATH_MAX_CHARACTERS} characters of a path")
    return Path(text) if text else None


def _choice(environ: Mapping[str, str], variable: Variable, choices: tuple[str, ...]) -> str:
    """One of `choices`, the first where nothing is set."""
    text = _text(environ, variable).lower() or choices[0]
    if text not in choices:
        raise DarkroomError(f"{variable.name} must be one of {', '.join(choices)}, not {text[:40]!r}")
    return text


def _device(environ: Mapping[str, str]) -> str:
    text = _text(environ, DEVICE).lower() or "auto"
    kind, colon, number = text.partition(":")
    numbered = (
        kind == "cuda" and number.isascii() and number.isdigit() and int(number[:9]) <= DEVICE_NUMBER_MAX
    )
    if not (numbered if colon else kind in ("auto", "cpu", "cuda")):
        raise DarkroomError(f"{DEVICE.name} must be auto, cpu, cuda or cuda:N, not {text[:40]!r}")
    return text


def _vision_model(environ: Mapping[str, str]) -> str:
    name = _text(environ, VISION_MODEL)
    if _text(environ, VISION_URL) and not name:
        raise DarkroomError(f"{VISION_MODEL.name} must name the model to ask at {VISION_URL.name}")
    return name


def _gib(environ: Mapping[str, str]) -> float | None:
    text = environ.get(MEMORY.name, "").strip()
    if not text:
        return None
    if not (GIB_FORM.fullmatch(text) and 0 < float(text) <= MEMORY_MAX_GIB):
        raise DarkroomError(
            f"{MEMORY.name} must be a number of GiB above 0, at most {MEMORY_MAX_GIB:g}, not {text[:40]!r}"
        )
    return float(text)


@overload
def _number(
    environ: Mapping[str, str], variable: Variable, default: int, largest: int, *, smallest: int = 1
) -> int: ...


@overload
def _number(
    environ: Mapping[str, str], variable: Variable, default: None, largest: int, *, smallest: int = 1
) -> int | None: ...


def _number(
    environ: Mapping[str, str], variable: Variable, default: int | None, largest: int, *, smallest: int = 1
) -> int | None:
    text = environ.get(variable.name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and smallest <= int(text) <= largest):
        raise DarkroomError(
            f"{variable.name} must be a whole number from {smallest} to {largest}, not {text[:40]!r}"
        )
    return int(text)
