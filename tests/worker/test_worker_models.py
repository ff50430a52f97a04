"""The built-in model and one that somebody owns in one worker, at the same time: the pixels of each are those of one's own process."""

from pathlib import Path
from uuid import UUID

import pytest
from tests.families import builders_sd

from darkroom.bootstrap import open_catalogue, open_studio, settings_of_process
from darkroom.cli.draw import Job, draw
from darkroom.core.params import Lane
from darkroom.core.work import Assignment, Claim, Failure, Fault
from darkroom.prompt import parse
from darkroom.settings import Settings
from darkroom.worker.drawing import EngineGenerator
from darkroom.worker.generator import Drawn, Happening

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
PROMPTS = {
    "mini-1": "a red fox --v mini-1 --quality 0.25 --draft --seed 7",
    "tiny": "a red fox --v tiny --quality 0.25 --seed 7",
    "broken": "a red fox --v broken --seed 7",
}
REGISTRY = """
[models.mini-1]
title = "mini-1"
family = "mini"
default = true
native_px = 256
large_px = 384
honours = ["quality", "draft", "seed"]
"""
ENTRY = """
[models.{name}]
title = "{name}"
family = "sd"
folder = "{name}"
native_px = 64
large_px = 96
honours = ["quality", "seed"]
"""
STEPS_MAX = 2000  # of the generator; each waits for a moment where nothing can be stepped


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    builders_sd.build(tmp_path / "tiny")
    builders_sd.build(tmp_path / "broken")
    (tmp_path / "broken" / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    registry = tmp_path / "registry.toml"
    registry.write_text(REGISTRY + ENTRY.format(name="tiny") + ENTRY.format(name="broken"))
    monkeypatch.setenv("DARKROOM_REGISTRY", str(registry))
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DARKROOM_THREADS", "1")  # as all tests
    return settings_of_process()


def ask(model: str, number: int) -> Assignment:
    return Assignment(
        claim=Claim(job_id=UUID(int=number), fence=1),
        prompt=PROMPTS[model],
        model=model,
        seed=7,
        lane=Lane.FAST,
        images=4,
        attempt=1,
    )


def test_two_models_at_once_and_one_that_is_broken(settings: Settings) -> None:
    catalogue = open_catalogue(settings)
    generator = EngineGenerator(open_studio(settings, catalogue, beside=True), catalogue)
    assert set(generator.models) == set(PROMPTS) and generator.warm == ("mini-1",)
    for number, model in enumerate(PROMPTS):
        generator.add(ask(model, number))
    told: list[Happening] = []
    for _ in range(STEPS_MAX):
        if not generator.busy:
            break
        told += generator.step()
    drawn = {each.claim.job_id.int: each for each in told if isinstance(each, Drawn)}
    (failure,) = [each for each in told if isinstance(each, Failure)]
    assert failure.fault is Fault.JOB and "unet: no weights (*.safetensors)" in failure.message
    assert set(drawn) == {0, 1} and generator.warm == ("mini-1", "tiny")

    studio = open_studio(settings, catalogue)
    jobs = []
    for number, model in ((0, "mini-1"), (1, "tiny")):
        (params,) = parse(PROMPTS[model], catalogue=catalogue)
        jobs.append(Job(id=str(number), params=params, canonical=PROMPTS[model], seed=7))
    for expected in draw(studio, jobs, range(4), tell=lambda event: None, check=lambda: None):
        number = int(expected.job.id)
        for index, picture in drawn[number].pictures.items():
            assert picture.image.tobytes() == expected.pictures[index].image.tobytes()
        assert drawn[number].measured_gpu_ms > 0
    assert drawn[1].pictures[0].image.size == (64, 64), "as its entry in the registry says"
