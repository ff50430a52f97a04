"""The trainer of mini-1: the recipe's rates, resuming, being killed at any moment, and that it learns."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.transformer import MASKED, MiniTransformer, TransformerConfig
from darkroom.train import mini
from darkroom.train.corpus import COMMON_SLOTS, Batch, Corpus, Group, Words
from darkroom.train.mini import Recipe, Trainer, train
from darkroom.train.sampling import draw

TINY = TransformerConfig(channels=4, dim=32, depth=2, head_dim=16, text_dim=16)
SCENES = 4
RECIPE = Recipe(samples=1600, batch=8, warm_up_samples=32)


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini, "TransformerConfig", lambda: TINY)


def tiny_corpus() -> Corpus:
    """Four scenes, each with words and an exemplar of its own."""
    generator = torch.Generator().manual_seed(9)
    lengths = [3, 5, 4, 6]
    words = Words(
        tokens=torch.randn(sum(lengths), TINY.text_dim, generator=generator).half().numpy(),
        offsets=np.cumsum([0, *lengths]),
    )
    latents = torch.randn(SCENES, TINY.channels, 1, 1, generator=generator).repeat(1, 1, 8, 8)
    table = SimpleNamespace(
        latents=torch.randn(SCENES, TINY.channels, 8, 8, generator=generator),
        pick=lambda concept, art_set, rng: int(concept),
    )
    things = tuple((str(i),) for i in range(SCENES))
    group = Group(
        latents=latents.half(), words=words, things=things, art_sets=("noto",) * SCENES, slots=COMMON_SLOTS
    )
    return Corpus([group], table)  # type: ignore[arg-type]


def eager(recipe: Recipe = RECIPE) -> Trainer:
    return Trainer(recipe, compiled=False)


def advance(trainer: Trainer, corpus: Corpus, steps: int) -> list[float]:
    return [trainer.step(corpus.batch(trainer.recipe.batch, trainer.rng)) for _ in range(steps)]


def assert_equal_states(first: Trainer, second: Trainer) -> None:
    for name in ("network", "average"):
        pairs = zip(getattr(first, name).parameters(), getattr(second, name).parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs), name
    assert first.samples == second.samples


@given(samples=st.integers(0, 2_000_000), planned=st.integers(10_000, 1_000_000))
def test_the_rate_stays_within_its_bounds(samples: int, planned: int) -> None:
    assert 0 < Recipe(samples=planned).rate(samples) <= 1


def test_the_curve_of_the_rate() -> None:
    recipe = Recipe(samples=100_000, warm_up_samples=10_000, decay_from=0.6, final_rate=0.02)
    curve = [recipe.rate(samples) for samples in range(0, 100_001, 1000)]
    assert curve[0] == pytest.approx(1e-4)
    assert curve[:11] == sorted(curve[:11]) and curve[5] == pytest.approx(0.5, abs=0.01)
    assert curve[10:61] == [1.0] * 51
    assert curve[60:] == sorted(curve[60:], reverse=True) and curve[80] == pytest.approx(0.5)
    assert curve[-1] == recipe.rate(10**9) == recipe.final_rate


def test_the_rates_reach_the_optimisers() -> None:
    trainer = eager(Recipe(samples=100, batch=8, warm_up_samples=16, muon_rate=0.02, adam_rate=0.002))
    advance(trainer, tiny_corpus(), 1)
    assert [group["lr"] for o in trainer.optimizers for group in o.param_groups] == [0.02 / 16, 0.002 / 16]


def test_every_parameter_belongs_to_one_optimiser() -> None:
    trainer = eager()
    owned = [p for o in trainer.optimizers for group in o.param_groups for p in group["params"]]
    assert len(owned) == len({id(p) for p in owned}) == len(list(trainer.network.parameters()))
    muon = trainer.optimizers[0].param_groups[0]["params"]
    assert {p.ndim for p in muon} == {2}
    assert not {id(block.table) for block in trainer.network.blocks} & {id(p) for p in muon}


def test_saving_and_restoring_continues_bitwise(tmp_path: Path) -> None:
    corpus, unbroken = tiny_corpus(), eager()
    advance(unbroken, corpus, 3)
    unbroken.save(tmp_path / "state.pt")
    losses = advance(unbroken, corpus, 3)
    resumed = eager()
    resumed.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    assert advance(resumed, corpus, 3) == losses
    assert_equal_states(resumed, unbroken)


def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    whole = eager(Recipe(samples=64, batch=8))
    train(whole, corpus, tmp_path / "whole")
    folder = tmp_path / "parts"
    for sitting in range(4):
        trainer = eager(Recipe(samples=64, batch=8))
        if sitting:
            trainer.restore(torch.load(folder / "state.pt", weights_only=True))
        advance(trainer, corpus, 2)
        train(trainer, corpus, folder, until_s=0)
    assert_equal_states(trainer, whole)


def test_a_finished_plan_is_left_alone_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    corpus, trainer = tiny_corpus(), eager(Recipe(samples=16, batch=8))
    train(trainer, corpus, tmp_path)
    before = copy.deepcopy(trainer.network.state_dict())
    train(trainer, corpus, tmp_path)
    assert all(torch.equal(trainer.network.state_dict()[name], tensor) for name, tensor in before.items())
    trainer.recipe = Recipe(samples=32, batch=8)
    train(trainer, corpus, tmp_path)
    assert trainer.samples == 32


def test_progress_is_reported_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mini, "REPORT_EVERY_STEPS", 2)
    train(eager(Recipe(samples=32, batch=8)), tiny_corpus(), tmp_path)
    rows = [line.split("\t") for line in (tmp_path / "loss.tsv").read_text().splitlines()]
    assert [int(row[0]) for row in rows] == [16, 32]
    assert all(float(row[1]) > 0 for row in rows)
    assert "mini-1 32/32" in capsys.readouterr().err


def test_the_average_follows_the_network_slowly() -> None:
    trainer, corpus = eager(Recipe(samples=10_000, batch=8, average=0.9)), tiny_corpus()
    trainer.samples = 8_000  # far enough for the average to have its full length
    advance(trainer, corpus, 3)
    before = [p.clone() for p in trainer.average.parameters()]
    advance(trainer, corpus, 1)
    for old, new, live in zip(
        before, trainer.average.parameters(), trainer.network.parameters(), strict=True
    ):
        torch.testing.assert_close(new, old.lerp(live.detach(), 0.1), rtol=1e-4, atol=1e-6)


def test_conditions_are_dropped_as_often_as_the_recipe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = eager(Recipe(samples=10_000, batch=8, drop_all=0.2, drop_exemplars=0.3))
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def record(noisy: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        seen.append((inputs[2][:, 0] == MASKED, inputs[4][:, 0] == MASKED))
        return torch.zeros_like(noisy)

    monkeypatch.setattr(trainer, "_forward", record)
    trainer.loss(tiny_corpus().batch(4000, trainer.rng))
    words, exemplars = (part.float().mean() for part in seen[0])
    assert words == pytest.approx(0.2, abs=0.03)
    assert exemplars == pytest.approx(0.2 + 0.8 * 0.3, abs=0.03)
    assert (seen[0][1] | ~seen[0][0]).all()  # a scene without words has no exemplars either


def test_a_perfect_estimate_costs_nothing_and_a_wrong_one_by_its_velocity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = eager()
    batch = tiny_corpus().batch(64, trainer.rng)
    levels: list[torch.Tensor] = []

    def estimate(error: float) -> Any:
        def forward(noisy: torch.Tensor, sigmas: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            levels.append(sigmas)
            return batch.latents + error

        return forward

    monkeypatch.setattr(trainer, "_forward", estimate(0.0))
    assert trainer.loss(batch) == 0
    monkeypatch.setattr(trainer, "_forward", estimate(0.5))
    loss = trainer.loss(batch)
    expected = (0.25 / levels[-1].clamp(min=trainer.recipe.least_sigma).square()).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)


def test_four_scenes_are_learnt_by_heart() -> None:
    trainer, corpus = eager(), tiny_corpus()
    losses = advance(trainer, corpus, 120)
    assert np.mean(losses[-20:]) < 0.4 * np.mean(losses[:5])
    group = corpus.groups[0]
    first: Batch = group.first(SCENES, corpus.table, trainer.rng)
    drawn = draw(trainer.average, first, seed=1, steps=8)
    distances = torch.cdist(drawn.flatten(1), group.latents.float().flatten(1))
    assert distances.argmin(1).tolist() == [0, 1, 2, 3]


DRIVER = """
import importlib.util, os, signal, sys
from pathlib import Path
import torch
from darkroom.train import mini
spec = importlib.util.spec_from_file_location("training_tests", {tests!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
torch.set_num_threads(1)
mini.TransformerConfig = lambda: tests.TINY
mini.REPORT_EVERY_STEPS = 1
mini.SAVE_EVERY_S = -1.0
{sabotage}
trainer = tests.eager(tests.Recipe(samples=10**9, batch=8))
mini.train(trainer, tests.tiny_corpus(), Path({folder!r}))
"""
DIES_IN_A_SAVE = """
whole = torch.save
calls = []
def half(state, path):
    calls.append(path)
    whole(state, path)
    if len(calls) == 4:
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = half
"""


def run_until_killed(folder: Path, *, lines: int | None, sabotage: str = "") -> None:
    """Train in a process of its own; kill it after so many lines of progress, or let it kill itself."""
    code = DRIVER.format(tests=str(Path(__file__)), folder=str(folder), sabotage=sabotage)
    command = [sys.executable, "-W", "ignore", "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        seen = 0
        for line in process.stderr:
            seen += "loss" in line
            if seen == lines:
                process.kill()
                break
        process.stderr.read()
    assert process.returncode == -signal.SIGKILL


def test_a_run_killed_at_any_moment_goes_on_from_its_last_save(tmp_path: Path) -> None:
    run_until_killed(tmp_path, lines=6)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["samples"] >= 5 * 8  # at most the step that was under way is lost
    corpus, unbroken = tiny_corpus(), eager(Recipe(samples=10**9, batch=8))
    advance(unbroken, corpus, state["samples"] // 8 + 1)
    trainer = eager(Recipe(samples=10**9, batch=8))
    trainer.restore(state)
    advance(trainer, corpus, 1)
    assert_equal_states(trainer, unbroken)


def test_a_run_killed_in_the_middle_of_a_save_leaves_the_one_before(tmp_path: Path) -> None:
    run_until_killed(tmp_path, lines=None, sabotage=DIES_IN_A_SAVE)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["samples"] == 3 * 8
    trainer = eager()
    trainer.restore(state)
    advance(trainer, tiny_corpus(), 1)
    trainer.save(tmp_path / "state.pt")  # over the half-written file
    assert torch.load(tmp_path / "state.pt", weights_only=True)["samples"] == 4 * 8


def test_sampling_ends_where_a_known_network_points() -> None:
    class Fixed(MiniTransformer):
        def forward(self, latents: torch.Tensor, sigmas: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
            conditioned = (inputs[1] > MASKED / 2).any(1).float()[:, None, None, None]
            return torch.ones_like(latents) * (1 + conditioned)

    batch = tiny_corpus().batch(3, np.random.default_rng(0))
    drawn = draw(Fixed(TINY), batch, seed=0, guidance=3.0)
    torch.testing.assert_close(drawn, torch.full_like(drawn, 1 + 3.0 * (2 - 1)))
    assert torch.equal(
        draw(Fixed(TINY), batch, seed=0, guidance=1.0), draw(Fixed(TINY), batch, seed=0, guidance=1.0)
    )
