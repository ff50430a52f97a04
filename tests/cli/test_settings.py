"""Settings are read from an environment that is handed in, and documented."""

import re
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.settings import VARIABLES, Settings, read_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_without_variables() -> None:
    settings = read_settings({"HOME": "/home/ann"})
    assert settings == Settings(
        threads=settings.threads,
        data=Path("/home/ann/.local/share/darkroom"),
        config=Path("/home/ann/.config/darkroom/config.toml"),
    )
    assert (settings.weights, settings.registry, settings.out, settings.max_jobs) == (
        None,
        None,
        Path("out"),
        40,
    )
    assert settings.threads >= 1


def test_every_variable_is_read() -> None:
    environ = {
        "DARKROOM_WEIGHTS": "/w",
        "DARKROOM_REGISTRY": " r.toml ",
        "DARKROOM_THREADS": "3",
        "DARKROOM_OUT": "pictures",
        "DARKROOM_MAX_JOBS": "7",
        "DARKROOM_DATA": "/data",
        "DARKROOM_DATABASE_URL": "postgresql://u:p@db/darkroom",
        "DARKROOM_OBJECTS": "s3://pictures/x",
        "DARKROOM_HOST": "0.0.0.0",
        "DARKROOM_PORT": "0",
        "DARKROOM_PUBLIC_URL": "https://pictures.example/",
        "DARKROOM_PLANS": "plans.toml",
        "DARKROOM_PRICES": "prices.toml",
        "DARKROOM_POLICY": "policy.toml",
        "DARKROOM_DISPATCH": "dispatch.toml",
        "DARKROOM_FETCH": "off",
        "DARKROOM_WORKERS": "0",
        "DARKROOM_WORKER_SLOTS": "4",
        "DARKROOM_WORKER_TOKEN": "dw_1",
        "DARKROOM_ENGINE_MODE": "FAST",
        "DARKROOM_DEVICE": "cuda:1",
        "DARKROOM_PRECISION": "bf16",
        "DARKROOM_OFFLOAD": "encoders",
        "DARKROOM_ATTENTION": "sdpa",
        "DARKROOM_COMPILE": "on",
        "DARKROOM_CUDA_GRAPHS": "off",
        "DARKROOM_ROWS": "4",
        "DARKROOM_MEMORY": "7.5",
        "DARKROOM_PROFILES": "profiles.json",
        "DARKROOM_VISION_URL": "https://host/v1/",
        "DARKROOM_VISION_MODEL": "eye-1",
        "DARKROOM_VISION_KEY": "s3cret",
        "DARKROOM_URL": "http://127.0.0.1:1/",
        "DARKROOM_KEY": "dk_1",
        "DARKROOM_CONFIG": "c.toml",
    }
    assert set(environ) == {variable.name for variable in VARIABLES}
    assert read_settings(environ) == Settings(
        weights=Path("/w"),
        registry=Path("r.toml"),
        threads=3,
        out=Path("pictures"),
        max_jobs=7,
        data=Path("/data"),
        database_url="postgresql://u:p@db/darkroom",
        objects="s3://pictures/x",
        host="0.0.0.0",
        port=0,
        public_url="https://pictures.example",
        plans=Path("plans.toml"),
        prices=Path("prices.toml"),
        policy=Path("policy.toml"),
        dispatch=Path("dispatch.toml"),
        fetch="off",
        workers=0,
        worker_slots=4,
        worker_token="dw_1",
        engine_mode="fast",
        device="cuda:1",
        precision="bf16",
        offload="encoders",
        attention="sdpa",
        compile="on",
        cuda_graphs="off",
        rows=4,
        memory_gib=7.5,
        profiles=Path("profiles.json"),
        vision_url="https://host/v1",
        vision_model="eye-1",
        vision_key="s3cret",
        url="http://127.0.0.1:1",
        key="dk_1",
        config=Path("c.toml"),
    )
    assert read_settings(dict.fromkeys(environ, " ")) == read_settings({})


def test_secrets_are_not_printed() -> None:
    settings = read_settings({"DARKROOM_KEY": "dk_secret", "DARKROOM_WORKER_TOKEN": "dw_secret"})
    assert "secret" not in repr(settings)


def test_base_folders_follow_the_desktop_s_rules() -> None:
    environ = {"HOME": "/home/ann", "XDG_DATA_HOME": "/fast", "XDG_CONFIG_HOME": "not/absolute"}
    settings = read_settings(environ)
    assert settings.data == Path("/fast/darkroom")
    assert settings.config == Path("/home/ann/.config/darkroom/config.toml")


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("DARKROOM_DATABASE_URL", "mysql://x/y", "must begin with postgresql://"),
        ("DARKROOM_URL", "localhost:8642", "must begin with http://"),
        ("DARKROOM_PUBLIC_URL", "https://", "must begin with http:// and name a host"),
        ("DARKROOM_PORT", "65536", "from 0 to 65535"),
        ("DARKROOM_WORKERS", "-1", "from 0 to 64"),
        ("DARKROOM_HOST", "x" * 5000, "is longer than 4096"),
        ("DARKROOM_ENGINE_MODE", "quick", "must be one of exact, fast, not 'quick'"),
        ("DARKROOM_FETCH", "maybe", "must be one of on, off"),
        ("DARKROOM_OFFLOAD", "disk", "must be one of auto, none, encoders"),
        ("DARKROOM_DEVICE", "cuda:", "must be auto, cpu, cuda or cuda:N"),
        ("DARKROOM_DEVICE", "cuda:64", "must be auto, cpu, cuda or cuda:N"),
        ("DARKROOM_DEVICE", "cuda:٣", "must be auto, cpu, cuda or cuda:N"),
        ("DARKROOM_DEVICE", "mps", "must be auto, cpu, cuda or cuda:N"),
        ("DARKROOM_MEMORY", "0", "must be a number of GiB above 0"),
        ("DARKROOM_MEMORY", "nan", "must be a number of GiB above 0"),
        ("DARKROOM_MEMORY", "1e3", "must be a number of GiB above 0"),
        ("DARKROOM_MEMORY", "5000", "at most 4096"),
    ],
)
def test_what_cannot_be(name: str, text: str, right: str) -> None:
    with pytest.raises(DarkroomError, match=f"{name} .*{right}"):
        read_settings({name: text})


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "٣", "1025", "9" * 10_000, "\ud800"])
def test_numbers_that_cannot_be(text: str) -> None:
    with pytest.raises(DarkroomError, match="DARKROOM_THREADS must be a whole number from 1 to 1024, not"):
        read_settings({"DARKROOM_THREADS": text})


def test_paths_have_a_limit() -> None:
    with pytest.raises(DarkroomError, match="DARKROOM_OUT is longer"):
        read_settings({"DARKROOM_OUT": "x" * 5000})


def test_every_variable_is_documented_as_it_is() -> None:
    rows = re.findall(r"(?m)^\| `(DARKROOM_\w+)` \| (.*?) \| (.*?) \|$", DOCS.read_text(encoding="utf-8"))
    assert rows == [(variable.name, variable.default, variable.meaning) for variable in VARIABLES]
