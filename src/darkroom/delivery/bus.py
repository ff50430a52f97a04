"""The event bus of one process: news in, one bounded queue for each subscriber. Publishing never waits.

Durable transitions keep their order. Of progress and previews only the newest of each job is kept. A subscriber too slow
for the transitions loses all that waits and is told so (`Reset`): it reads the truth from the store and goes on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from uuid import UUID

from darkroom.core.jobs import CLAIMED, JobMoved
from darkroom.core.news import JobPreviewed, JobProgressed, News

MOVES_MAX = 1_000  # durable transitions that may wait for one subscriber
FLEETING_MAX = 200  # jobs of which progress or a preview may wait for one subscriber
LATEST_MAX = 50_000  # jobs whose newest progress is remembered
REMEMBERED_MAX = 20_000  # ids of published transitions, to tell a repeated one by


@dataclass(frozen=True, kw_only=True)
class Reset:
    """Some transitions were dropped."""


@dataclass(frozen=True, kw_only=True)
class Latest:
    """What was last heard of a running job."""

    progress: JobProgressed | None = None
    preview: JobPreviewed | None = None


class Subscription:
    """An async iterator over the news of one account (or of all, with None). Ends when it or the bus is closed."""

    def __init__(self, bus: EventBus, account_id: UUID | None) -> None:
        self.account_id = account_id
        self._bus = bus
        self._moves: deque[JobMoved | Reset] = deque()
        self._fleeting: OrderedDict[tuple[type, UUID], JobProgressed | JobPreviewed] = OrderedDict()
        self._wake = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> News | Reset:
        while True:
            if self._moves:
                return self._moves.popleft()
            if self._fleeting:
                return self._fleeting.popitem(last=False)[1]
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()

    def offer(self, news: News) -> None:
        """Takes in one piece of news; what does not fit is dropped as the module says."""
        if isinstance(news, JobMoved):
            self._drop_fleeting(news.job_id)
            if len(self._moves) >= MOVES_MAX:
                self._moves.clear()
                self._moves.append(Reset())
            else:
                self._moves.append(news)
        else:
            key = (type(news), news.job_id)
            self._fleeting.pop(key, None)
            self._fleeting[key] = news
            while len(self._fleeting) > FLEETING_MAX:
                self._fleeting.popitem(last=False)
        self._wake.set()

    def close(self) -> None:
        """Ends the iteration once what waits has been read, and leaves the bus."""
        self._closed = True
        self._bus.forget(self)
        self._wake.set()

    def _drop_fleeting(self, job_id: UUID) -> None:
        """Progress of before a transition is no news after it."""
        for kind in (JobProgressed, JobPreviewed):
            self._fleeting.pop((kind, job_id), None)


class EventBus:
    """Used from one event loop. A transition that was published already (by its id) is not published again."""

    def __init__(self) -> None:
        self._everybody: set[Subscription] = set()
        self._by_account: dict[UUID, set[Subscription]] = {}
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._latest: OrderedDict[UUID, Latest] = OrderedDict()
        self._closed = False

    def __len__(self) -> int:
        """How many subscribe."""
        return len(self._everybody) + sum(map(len, self._by_account.values()))

    def publish(self, news: News) -> None:
        """To all who subscribed to its account, and to those who hear everything."""
        if isinstance(news, JobMoved) and not self._is_new(news.id):
            return
        self._remember(news)
        for subscription in [*self._everybody, *self._by_account.get(news.account_id, ())]:
            subscription.offer(news)

    def knows(self, event_id: int) -> bool:
        """Whether this transition was published, as far as the bus remembers."""
        return event_id in self._seen

    def latest(self, job_id: UUID) -> Latest:
        """The newest progress and preview of a job that a worker has; empty for any other."""
        return self._latest.get(job_id, Latest())

    def subscribe(self, account_id: UUID | None) -> Subscription:
        """What is published from now on; nothing where the bus is closed: who comes during a shutdown must not hold it up."""
        subscription = Subscription(self, account_id)
        if self._closed:
            subscription.close()
            return subscription
        if account_id is None:
            self._everybody.add(subscription)
        else:
            self._by_account.setdefault(account_id, set()).add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Nothing more for this subscription."""
        self._everybody.discard(subscription)
        if subscription.account_id is not None:
            rest = self._by_account.get(subscription.account_id, set())
            rest.discard(subscription)
            if not rest:
                self._by_account.pop(subscription.account_id, None)

    def close(self) -> None:
        """Ends every subscription, and those that are still to come."""
        self._closed = True
        for subscription in [*self._everybody, *(s for some in self._by_account.values() for s in some)]:
            subscription.close()

    def _remember(self, news: News) -> None:
        if isinstance(news, JobMoved):
            if news.state not in CLAIMED:
                self._latest.pop(news.job_id, None)
            return
        latest = self._latest.pop(news.job_id, Latest())
        if isinstance(news, JobPreviewed):
            self._latest[news.job_id] = replace(latest, preview=news)
        else:
            self._latest[news.job_id] = replace(latest, progress=news)
        if len(self._latest) > LATEST_MAX:
            self._latest.popitem(last=False)

    def _is_new(self, event_id: int) -> bool:
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
        return True
