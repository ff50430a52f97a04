"""The load generator, a process of its own: submits prompts in an open loop. One JSON object on stdin, one on stdout."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import uvloop
from benchmarks.gateway.pace import arrivals, closed_loop, open_loop
from benchmarks.gateway.wire import Connections, post

ID_LENGTH = 36
_JOB = b'"jobs":[{"id":"'


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to do: `rate` jobs a second on average for `seconds`; 0 is as many as `tasks` can, each waiting for its answer."""

    url: str
    keys: Sequence[str]
    prompts: Sequence[str]
    rate: float
    seconds: float
    seed: int
    tasks: int = 32
    in_turn: bool = False
    """Prompts one after the other instead of drawn, so that every one is submitted."""


@dataclass(frozen=True, kw_only=True)
class Submit:
    """One request: `due` and `answered` in seconds of the epoch; status 0 where nothing was answered."""

    due: float
    answered: float
    status: int
    job_id: str


async def run(order: Order) -> list[Submit]:
    """All requests of an order, answered or given up."""
    rng, connections, done = random.Random(order.seed), Connections(order.url), []
    bodies = [json.dumps({"prompt": prompt}).encode() for prompt in order.prompts]

    async def submit(number: int, due: float) -> None:
        body = bodies[number % len(bodies)] if order.in_turn else rng.choice(bodies)
        status, job_id = 0, ""
        try:
            status, answer = await connections.ask(
                post(order.url, "/api/v1/jobs", rng.choice(order.keys), body)
            )
        except (OSError, TimeoutError):
            pass
        else:
            at = answer.find(_JOB) + len(_JOB)
            job_id = answer[at : at + ID_LENGTH].decode() if status == 202 else ""
        done.append(Submit(due=due, answered=time.time(), status=status, job_id=job_id))

    if order.rate:
        await open_loop(arrivals(order.rate, order.seconds, order.seed), submit)
    else:
        await closed_loop(order.seconds, order.tasks, submit)
    connections.close()
    return done


def main() -> None:
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    found = asyncio.run(run(Order(**json.load(sys.stdin))))
    json.dump([asdict(each) for each in found], sys.stdout)


if __name__ == "__main__":
    main()
