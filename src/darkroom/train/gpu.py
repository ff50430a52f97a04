"""Goes on with the training of mini-1 on a GPU machine that has no network: docs/model/gpu-runbook.md.

    python -m darkroom.train.gpu --pack pack --out out --minutes 8
    python -m darkroom.train.gpu --join out --to .cache/mini/mini-1

Scenes are composed on the machine's own cores while the network trains. All that matters is in `out` every hundred seconds,
in files that are small enough to be carried away; the same command goes on where the last one stopped.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from darkroom.core.errors import DarkroomError
from darkroom.model.mini import WEIGHTS_NAME
from darkroom.model.text_encoder import WIDTH, TextEncoder
from darkroom.train.background import Composers, cores
from darkroom.train.corpus import MOST_SLOTS, WORDS, ExemplarTable
from darkroom.train.dataset import SHARD_SCENES
from darkroom.train.export import write_weights
from darkroom.train.mini import Recipe, Trainer
from darkroom.train.pack import STATE_NAME, Pack, load_state, save_state
from darkroom.train.parts import has_parts, join_parts
from darkroom.train.progress import report
from darkroom.train.resident import ResidentCorpus, ResidentExemplars
from darkroom.train.throughput import matmul_flops, training_flops

SAVE_EVERY_S = 100.0
REPORT_EVERY_STEPS = 50
SHARDS_BEFORE = 100_000
"""Shards from this number on are for GPU runs, so that they repeat no scene that a CPU run has seen."""
SCENE_BYTES = 28_000
"""What a resident scene takes, nearly all of it words."""
MEMORY_SHARE = 0.4
"""Of the device's free memory, for scenes."""
MOST_SCENES = 1_000_000
CPU_SCENES = 4_000


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Rates by the clock, because nobody knows beforehand how fast a machine is.

    A warm-up in each sitting, since the optimisers may start anew; a plateau; a linear fall over the last part of the
    whole plan, which may take several sittings.
    """

    planned_s: float = float("inf")
    warm_up_s: float = 10.0
    decay_from: float = Recipe.decay_from
    final_rate: float = Recipe.final_rate

    def share(self, *, trained_s: float, sitting_s: float) -> float:
        """The share of the full rates `sitting_s` into a sitting and `trained_s` into the plan."""
        fall = (1 - trained_s / self.planned_s) / (1 - self.decay_from)
        warm = min(1.0, (sitting_s + 0.05 * self.warm_up_s) / self.warm_up_s)
        return warm * max(self.final_rate, min(1.0, fall))


class TimedTrainer(Trainer):
    """A trainer whose rates follow the clock: `sitting_s` is what the clock says."""

    def __init__(self, recipe: Recipe, *, device: str) -> None:
        super().__init__(recipe, device=device, compiled=False)
        self.schedule = Schedule()
        self.trained_s = 0.0
        self.sitting_s = 0.0

    def rate_share(self) -> float:
        return self.schedule.share(trained_s=self.trained_s + self.sitting_s, sitting_s=self.sitting_s)

    def state(self) -> dict[str, Any]:
        return super().state() | {"trained_s": self.trained_s + self.sitting_s}

    def begin(self, pack: Pack, out: Path) -> str:
        """Take up where an earlier sitting in `out` stopped, or what the pack holds; says which."""
        if has_parts(out, STATE_NAME):
            state = load_state(out)
            self.restore(state)
            self.trained_s = float(state.get("trained_s", 0.0))
            return f"resumed after {self.samples} samples and {self.trained_s / 60:.1f} minutes"
        if not pack.average:
            return "starting from nothing"
        self.network.load_state_dict(pack.network)
        self.average.load_state_dict(pack.average)
        self.samples = pack.samples
        return f"going on from {self.samples} samples"


@dataclass(kw_only=True)
class Sitting:
    """One run of the command: a trainer, its corpus, the composers, and where results go."""

    trainer: TimedTrainer
    corpus: ResidentCorpus
    composers: Composers
    pack: Pack
    out: Path
    flops: float  # of one sample's training step
    limit: float  # of the device, floating-point operations a second

    def run(self, seconds: float) -> None:
        """Train for so many seconds. Saves on the way and at the end."""
        start = saved = time.monotonic()
        first, step = self.trainer.samples, 0
        total = torch.zeros((), device=self.trainer.device)
        while (elapsed := time.monotonic() - start) < seconds:
            self.trainer.sitting_s = elapsed
            total += self.trainer.advance(self.corpus.batch(self.trainer.recipe.batch))
            step += 1
            if step % REPORT_EVERY_STEPS == 0:
                self._take_scenes()
                loss = float(total) / REPORT_EVERY_STEPS  # waits for the device
                rate = (self.trainer.samples - first) / (time.monotonic() - start)
                self._progress(loss, rate, seconds - elapsed)
                total.zero_()
            if time.monotonic() - saved > SAVE_EVERY_S:
                self.save()
                saved = time.monotonic()
        self.save()

    def _take_scenes(self) -> None:
        for composed in self.composers.ready():
            self.corpus.add(composed)

    def _progress(self, loss: float, rate: float, left_s: float) -> None:
        samples, share = self.trainer.samples, rate * self.flops / self.limit
        report(
            f"mini-1 {samples}  loss {loss:.4f}  {rate:.0f} samples/s  {share:.0%} of the matmul limit  "
            f"{len(self.corpus)} scenes  {left_s / 60:.1f} min left"
        )
        with (self.out / "log.tsv").open("a") as file:
            file.write(f"{samples}\t{loss:.5f}\t{rate:.0f}\t{share:.3f}\t{self.trainer.rate_share():.3f}\n")

    def save(self) -> None:
        """The whole state in parts, and the weights as they would ship."""
        save_state(self.trainer.state(), self.out)
        write_weights(
            self.out / WEIGHTS_NAME,
            self.trainer.average.state_dict(),
            self.pack.encoder,
            samples=self.trainer.samples,
        )
        report(f"saved after {self.trainer.samples} samples")


def capacity_of(device: torch.device) -> int:
    """How many scenes to keep on a device."""
    if device.type != "cuda":
        return CPU_SCENES
    free, _ = torch.cuda.mem_get_info(device)
    return min(MOST_SCENES, int(free * MEMORY_SHARE) // SCENE_BYTES)


def compile_blocks(trainer: Trainer, corpus: ResidentCorpus) -> bool:
    """Compile the repeated block once for all of them and try every shape; False, and eager, where that fails.

    Only blocks: they are nearly all of the work, share one compiled form, and have nothing on the CPU in them.
    """
    for block in trainer.network.blocks:
        block.compile()
    try:
        for batch in corpus.shapes(trainer.recipe.batch):
            trainer.loss(batch).backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as fault:
        report(f"not compiled, so slower: {str(fault).strip().partition(chr(10))[0]}")
        for block in trainer.network.blocks:
            block._compiled_call_impl = None
        return False
    finally:
        trainer.network.zero_grad(set_to_none=True)
    return True


def train(options: argparse.Namespace) -> None:
    """Everything from a pack to the last save."""
    start = time.monotonic()
    torch.set_float32_matmul_precision("high")
    options.out.mkdir(parents=True, exist_ok=True)
    pack = Pack.open(options.pack)
    trainer = TimedTrainer(Recipe(batch=options.batch), device=options.device)
    report(trainer.begin(pack, options.out))
    first = SHARDS_BEFORE + trainer.samples // SHARD_SCENES
    with Composers(options.pack, first=first, workers=options.workers) as composers:
        exemplars = ResidentExemplars(ExemplarTable(pack.atlas, pack.encoder), pack.atlas, trainer.device)
        capacity = options.keep or capacity_of(trainer.device)
        corpus = ResidentCorpus(exemplars, pack.encoder, TextEncoder.load(), capacity=capacity)
        limit = matmul_flops(trainer.device)
        flops = training_flops(trainer.network.config, words=WORDS, slots=MOST_SLOTS, text_dim=WIDTH)
        report(f"matmul limit {limit / 1e12:.3g} TFLOP/s; a sample takes {flops / 1e9:.2f} GFLOP to train")
        while len(corpus) < min(options.first_scenes, capacity):
            for composed in composers.next():
                corpus.add(composed)
            report(f"{len(corpus)} scenes after {time.monotonic() - start:.0f} s")
        if not options.eager:
            compile_blocks(trainer, corpus)
        sitting = Sitting(
            trainer=trainer,
            corpus=corpus,
            composers=composers,
            pack=pack,
            out=options.out,
            flops=flops,
            limit=limit,
        )
        left_s = options.minutes * 60 - (time.monotonic() - start)
        trainer.schedule = Schedule(planned_s=trainer.trained_s + max(1.0, left_s) + options.more * 60)
        report(f"ready after {time.monotonic() - start:.0f} s")
        sitting.run(left_s)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pack", type=Path, help="folder that darkroom.train.pack wrote")
    parser.add_argument(
        "--out", type=Path, help="folder for the state and the weights; an earlier state is gone on from"
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="of this command, setting up included")
    parser.add_argument("--more", type=float, default=0.0, help="minutes that later commands will add")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument(
        "--workers", type=int, default=max(1, cores() - 1), help="processes that compose scenes"
    )
    parser.add_argument(
        "--first-scenes", type=int, default=30_000, help="scenes to have before training starts"
    )
    parser.add_argument("--keep", type=int, help="scenes kept on the device (default: by its memory)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--join", type=Path, help="put the state in this folder together instead, into --to")
    parser.add_argument("--to", type=Path, default=Path(".cache/mini/mini-1"))
    return parser


def main() -> None:
    parser = arguments()
    options = parser.parse_args()
    try:
        if options.join:
            report(f"wrote {join_parts(options.join, STATE_NAME, options.to)}")
        elif options.pack and options.out:
            train(options)
        else:
            parser.error("--pack and --out are needed (or --join)")
    except DarkroomError as fault:
        sys.exit(fault.message)


if __name__ == "__main__":
    main()
