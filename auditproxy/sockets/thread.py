"""A thread that does what must not hold up the event loop, one thing after the other."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable

from auditproxy.sockets.handover import hand_over

Work = Callable[[], bool | None]
"""A piece of work; one that returns True has more to do, and is called again in its owner's next
turn, before what the owner has else."""

MOST_AHEAD = 16
"""Pieces of an owner's work that come before those of others when it hurries."""


class _End:
    """Who owns the last work."""


class OrderedThread:
    """Runs the work of each owner in the order in which it was given, on one thread.

    Owners take turns, a piece of work each: what one of them has in plenty holds up no other. Those
    that hurry take turns before the others, for MOST_AHEAD pieces of work each. Work must not
    raise. The thread starts with it, and is a daemon: what stalls on a disk or a pipe holds up
    neither the loop nor the end of the process. ``rest`` says for how many seconds it leaves the
    interpreter to others after work that took so many, unless there is a hurry.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], float] | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._rest = rest
        self._working_since: float | None = None
        self._ready = threading.Condition()
        self._work: dict[Hashable, deque[Work]] = {}
        """What is to be done for each owner; that of the work under way is here too."""
        self._ahead: dict[Hashable, int] = {}
        self._turns: deque[Hashable] = deque()
        self._hurried: deque[Hashable] = deque()
        self._thread: threading.Thread | None = None
        self._last: Callable[[], None] | None = None
        self._is_closed = False

    @property
    def started(self) -> bool:
        """Whether it was ever given anything."""
        return self._thread is not None

    @property
    def is_idle(self) -> bool:
        """Whether all is done that it was given."""
        with self._ready:
            return not self._work and self._working_since is None

    @property
    def stalled(self) -> float:
        """Seconds that the work under way has taken, 0 without any."""
        since = self._working_since
        return 0.0 if since is None else self._clock() - since

    def run(self, work: Work, owner: Hashable = None, *, hurry: bool = False) -> None:
        """Do something on the thread, after what it has to do for this owner already.

        With ``hurry`` the owner's work comes before that of others. Any thread may call it.
        """
        with self._ready:
            if hurry:
                self._ahead[owner] = MOST_AHEAD
            waiting = self._work.get(owner)
            if waiting is None:
                self._work[owner] = deque((work,))
                self._take_place(owner)
            else:
                waiting.append(work)
                if hurry and owner in self._turns:
                    self._turns.remove(owner)
                    self._hurried.append(owner)
            self._start()
            self._ready.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (found := self._next()) is not None:
            owner, work = found
            began = self._clock()
            try:
                if work():
                    self._work[owner].appendleft(work)
                self._done(owner)
            finally:
                self._working_since = None
            if self._rest is not None and not self._is_closed:
                seconds = self._rest(self._clock() - began)
                if seconds > 0:
                    with self._ready:
                        self._ready.wait_for(self._is_pressed, seconds)

    def _is_pressed(self) -> bool:
        """Whether there is no time to rest."""
        return bool(self._hurried) or self._is_closed

    def _take_place(self, owner: Hashable) -> None:
        (self._hurried if self._ahead.get(owner, 0) > 0 else self._turns).append(owner)

    def _done(self, owner: Hashable) -> None:
        """A piece of work is done: its owner's next turn comes after those of the others."""
        with self._ready:
            if self._work.get(owner):
                if owner in self._ahead:
                    self._ahead[owner] -= 1
                self._take_place(owner)
            else:
                self._work.pop(owner, None)
                self._ahead.pop(owner, None)

    def _next(self) -> tuple[Hashable, Work] | None:
        """What is to be done next; the last work when there is no other; None at the end."""
        with self._ready:
            while not self._work:
                if self._is_closed:
                    last, self._last = self._last, None
                    return None if last is None else (_End, last)
                self._ready.wait()
            turns = self._hurried or self._turns
            owner = turns.popleft()
            self._working_since = self._clock()
            return owner, self._work[owner].popleft()

    async def close(self, last: Callable[[], None], seconds: float) -> bool:
        """Run ``last`` and end the thread; false when it did not get there within ``seconds``.

        Closing it again has no effect.
        """
        if self._is_closed:
            return True
        loop = asyncio.get_running_loop()
        closed: asyncio.Future[bool] = loop.create_future()

        def then() -> None:
            # Without effect if the loop is closed: the wait was over before.
            hand_over(loop, settle, closed, True)

        self._end(last, then)
        await asyncio.wait({closed}, timeout=seconds)
        return closed.done()

    def finish(self, last: Callable[[], None], seconds: float) -> bool:
        """Do the same, and have the caller's thread wait for it."""
        if self._is_closed:
            return True
        done = threading.Event()
        self._end(last, done.set)
        return done.wait(seconds)

    def _end(self, last: Callable[[], None], then: Callable[[], None]) -> None:
        def finish() -> None:
            try:
                last()
            finally:
                then()

        with self._ready:
            self._last = finish
            self._is_closed = True
            self._start()
            self._ready.notify()


def settle(future: "asyncio.Future[bool]", value: bool) -> None:
    """Give a future its value; one that is done keeps its own."""
    if not future.done():
        future.set_result(value)
