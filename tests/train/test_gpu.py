"""Training by the clock: rates, resuming, what is saved, and the whole command on a tiny pack."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import OutputError
from darkroom.model.autoencoder import Autoencoder
from darkroom.model.mini import WEIGHTS_NAME, read_tensors
from darkroom.model.transformer import MASKED, MiniTransformer, TransformerConfig
from darkroom.train import gpu, mini, pack, throughput
from darkroom.train.corpus import Batch
from darkroom.train.export import write_weights
from darkroom.train.gpu import Schedule, Sitting, TimedTrainer, arguments, capacity_of, compile_blocks
from darkroom.train.mini import Recipe, Trainer
from darkroom.train.pack import STATE_NAME, Pack, load_state
from darkroom.train.parts import has_parts, join_parts
from darkroom.train.sprites import Atlas

TINY = TransformerConfig(dim=32, depth=2, head_dim=16)
SCHEDULE = Schedule(planned_s=100.0)


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini, "TransformerConfig", lambda: TINY)


@pytest.fixture
def packed(tmp_path: Path, drawn_atlas: Atlas) -> Path:
    """A pack with random weights of a tiny network."""
    torch.manual_seed(2)
    folder = tmp_path / "data"
    drawn_atlas.save(folder)
    average = MiniTransformer(TINY).state_dict()
    write_weights(folder / WEIGHTS_NAME, average, Autoencoder(), samples=640)
    pack.pack(folder, tmp_path / "pack", start="weights", weights=folder / WEIGHTS_NAME)
    return tmp_path / "pack"


def batch(size: int, height: int = 8, width: int = 8) -> Batch:
    bias = torch.full((size, 3), MASKED)
    bias[:, 0] = 0.0
    return Batch(
        latents=torch.ones(size, 16, height, width),
        words=torch.zeros(size, 4, 384),
        words_bias=torch.zeros(size, 4),
        exemplars=torch.zeros(size, 3, 16, 8, 8),
        exemplars_bias=bias,
    )


def trainer(schedule: Schedule = SCHEDULE) -> TimedTrainer:
    run = TimedTrainer(Recipe(batch=4), device="cpu")
    run.schedule = schedule
    return run


def test_rates_warm_up_in_every_sitting_and_fall_at_the_end_of_the_plan() -> None:
    share = SCHEDULE.share
    assert share(trained_s=0, sitting_s=0) == pytest.approx(0.05)
    assert share(trained_s=30, sitting_s=30) == 1 == share(trained_s=60, sitting_s=60)
    assert share(trained_s=50, sitting_s=0) == pytest.approx(0.05)
    assert share(trained_s=80, sitting_s=80) == pytest.approx(0.5)
    assert Schedule().share(trained_s=1e6, sitting_s=60) == 1
    assert share(trained_s=100, sitting_s=100) == share(trained_s=500, sitting_s=60) == SCHEDULE.final_rate


@given(trained=st.floats(0, 1e5), sitting=st.floats(0, 1e4), planned=st.floats(1, 1e5))
def test_rates_stay_within_their_bounds(trained: float, sitting: float, planned: float) -> None:
    assert 0 < Schedule(planned_s=planned).share(trained_s=trained, sitting_s=sitting) <= 1


def test_a_trainer_takes_its_rates_from_the_clock() -> None:
    run = trainer()
    run.trained_s, run.sitting_s = 50.0, 30.0
    run.step(batch(4))
    assert [group["lr"] for o in run.optimizers for group in o.param_groups] == pytest.approx(
        [Recipe.muon_rate / 2, Recipe.adam_rate / 2]
    )


def test_a_step_on_the_device_is_a_step() -> None:
    first, second = trainer(), trainer()
    losses = []
    for run, step in ((first, first.step), (second, second.advance)):
        torch.manual_seed(0)
        losses.append(float(step(batch(4))))
        assert run.samples == 4
    assert losses[0] == losses[1]
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_training_begins_with_what_the_pack_holds(packed: Path, tmp_path: Path) -> None:
    run, opened = trainer(), Pack.open(packed)
    assert run.begin(opened, tmp_path / "out") == "going on from 640 samples"
    assert run.samples == 640
    for name, tensor in run.network.state_dict().items():
        assert torch.equal(tensor, opened.average[name])


def test_a_pack_without_a_transformer_starts_from_nothing(packed: Path, tmp_path: Path) -> None:
    write_weights(packed / WEIGHTS_NAME, {}, Autoencoder(), samples=0)
    assert trainer().begin(Pack.open(packed), tmp_path / "out") == "starting from nothing"


def sitting_of(run: TimedTrainer, packed: Path, out: Path) -> Sitting:
    """A sitting whose corpus and composers are made up."""
    out.mkdir(exist_ok=True)
    return Sitting(
        trainer=run,
        corpus=_Corpus([batch(4), batch(1, 12, 12)]),  # type: ignore[arg-type]
        composers=SimpleNamespace(ready=list),  # type: ignore[arg-type]
        pack=Pack.open(packed),
        out=out,
        flops=1e6,
        limit=1e9,
    )


class _Corpus:
    def __init__(self, shelf: list[Batch]) -> None:
        self.shelf, self.drawn = shelf, 0

    def __len__(self) -> int:
        return 8

    def batch(self, size: int) -> Batch:
        self.drawn += 1
        return self.shelf[self.drawn % 2]

    def shapes(self, size: int) -> list[Batch]:
        return self.shelf


def clock(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    """Time that passes by `step_s` at each look."""
    times = iter(np.arange(0, 1e6, step_s))
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: float(next(times))))


def test_a_sitting_saves_on_the_way_and_at_the_end(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock(monkeypatch, 10.0)
    monkeypatch.setattr(gpu, "REPORT_EVERY_STEPS", 4)
    run, out = trainer(Schedule(planned_s=300.0)), tmp_path / "out"
    run.begin(Pack.open(packed), out)
    saves: list[int] = []
    whole = Sitting.save
    monkeypatch.setattr(Sitting, "save", lambda self: (saves.append(self.trainer.samples), whole(self)))
    sitting_of(run, packed, out).run(300.0)
    assert len(saves) >= 3 and saves == sorted(saves)
    assert saves[-1] == run.samples > 640
    rows = [line.split("\t") for line in (out / "log.tsv").read_text().splitlines()]
    assert rows and all(math.isfinite(float(value)) for row in rows for value in row)
    assert "% of the matmul limit" in capsys.readouterr().err


def test_the_next_sitting_goes_on_where_the_last_one_stopped(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock(monkeypatch, 10.0)
    first, out = trainer(), tmp_path / "out"
    first.begin(Pack.open(packed), out)
    sitting_of(first, packed, out).run(60.0)
    second = trainer()
    said = second.begin(Pack.open(packed), out)
    assert said.startswith(f"resumed after {first.samples} samples")
    assert second.trained_s == first.sitting_s > 0
    for one, other in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (
        second.optimizers[0].state_dict()["state"].keys() == first.optimizers[0].state_dict()["state"].keys()
    )
    assert second.rate_share() < first.rate_share()  # it warms up again


def test_a_joined_state_can_be_gone_on_from_on_a_cpu(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock(monkeypatch, 10.0)
    run, out = trainer(), tmp_path / "out"
    sitting_of(run, packed, out).run(60.0)
    state = torch.load(join_parts(out, STATE_NAME, tmp_path / "mini-1"), weights_only=True)
    plain = Trainer(Recipe(samples=10_000, batch=4), compiled=False)
    plain.restore(state)
    plain.step(batch(4))
    assert plain.samples == run.samples + 4


def test_the_weights_in_the_folder_are_those_that_ship(packed: Path, tmp_path: Path) -> None:
    run, out = trainer(), tmp_path / "out"
    run.begin(Pack.open(packed), out)
    sitting_of(run, packed, out).save()
    tensors = read_tensors(out / WEIGHTS_NAME)
    for name, tensor in run.average.state_dict().items():
        assert torch.equal(tensors[f"transformer.{name}"], tensor.half())
    assert all(path.stat().st_size <= 16 * 2**20 for path in out.iterdir())


def test_blocks_that_cannot_be_compiled_run_as_they_are(
    packed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler\non this machine")

    run = trainer()
    for block in run.network.blocks:
        monkeypatch.setattr(block, "compile", lambda block=block: setattr(block, "_compiled_call_impl", fail))
    assert compile_blocks(run, _Corpus([batch(4)])) is False  # type: ignore[arg-type]
    assert "not compiled, so slower: no compiler\n" in capsys.readouterr().err
    assert math.isfinite(run.step(batch(4)))


def test_compiling_leaves_no_gradient_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer()
    for block in run.network.blocks:
        monkeypatch.setattr(block, "compile", lambda: None)
    assert compile_blocks(run, _Corpus([batch(4), batch(1, 12, 12)])) is True  # type: ignore[arg-type]
    assert all(parameter.grad is None for parameter in run.network.parameters())
    assert run.samples == 0


def test_the_work_of_a_sample_is_three_times_its_forward_pass() -> None:
    """Forward and backward; within a few percent of the count by hand, which leaves out the small layers."""
    config, words, slots = TransformerConfig(), 32, 3
    tokens, dim = 64 + slots * config.exemplar_tokens, config.dim
    block = tokens * (4 * dim**2 + 2 * dim**2 + 3 * dim * config.hidden) + words * 2 * dim**2
    block += 2 * tokens * tokens * dim + 2 * tokens * words * dim
    counted = throughput.training_flops(config, words=words, slots=slots, text_dim=384)
    assert counted == pytest.approx(3 * 2 * config.depth * block, rel=0.05)


def test_the_matmul_limit_is_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(throughput.SIDE, "cpu", 16)
    assert 0 < throughput.matmul_flops(torch.device("cpu")) < 1e15


def test_a_cpu_keeps_few_scenes_and_a_gpu_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert capacity_of(torch.device("cpu")) == gpu.CPU_SCENES
    for free, expected in ((80e9, gpu.MOST_SCENES), (7e9, 100_000)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (int(free), 0))
        assert capacity_of(torch.device("cuda")) == expected


def test_the_command_from_a_pack_to_weights_that_load(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn_atlas: Atlas
) -> None:
    """Everything but the worker processes and the compiler, which stand-ins replace."""
    from concurrent.futures import ThreadPoolExecutor

    from darkroom.train import background, dataset

    monkeypatch.setattr(dataset, "SHARD_SCENES", 4)
    monkeypatch.setattr(gpu, "REPORT_EVERY_STEPS", 1)
    monkeypatch.setattr(background, "ProcessPoolExecutor", lambda workers, mp_context, **rest: _pool(rest))
    clock(monkeypatch, 1.0)

    def _pool(rest: dict[str, object]) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, initializer=rest["initializer"], initargs=rest["initargs"])  # type: ignore[arg-type]

    command = f"--pack {packed} --out {tmp_path / 'out'} --minutes 0.5 --batch 4 --workers 1 --first-scenes 8"
    gpu.train(arguments().parse_args([*command.split(), "--device", "cpu", "--eager", "--keep", "40"]))
    assert has_parts(tmp_path / "out", STATE_NAME)
    state = load_state(tmp_path / "out")
    assert state["samples"] > 640 and state["trained_s"] > 0
    rows = [line.split("\t") for line in (tmp_path / "out" / "log.tsv").read_text().splitlines()]
    assert len(rows) >= 2
    assert float(rows[-1][4]) < 0.4  # the rates have fallen by the end of the only sitting


def test_join_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"state\.pt"):
        join_parts(tmp_path, STATE_NAME, tmp_path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--join", "nowhere"], "state.pt cannot be joined"),
        (
            ["--pack", "none", "--out", "o", "--minutes", "1"],
            "cannot read the weights none/mini-1.safetensors",
        ),
    ],
)
def test_faults_end_the_command_with_a_sentence(
    tmp_path: Path, words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["gpu", *words])
    with pytest.raises(SystemExit, match=sentence):
        gpu.main()


def test_folders_are_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["gpu", "--minutes", "1"])
    with pytest.raises(SystemExit) as caught:
        gpu.main()
    assert caught.value.code == 2
    assert "--pack and --out are needed" in capsys.readouterr().err
