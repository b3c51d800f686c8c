"""Runs the product's own code in the order of a model's trace, one call of a port at a time.

Each actor is a thread. A gate before each call holds it until the trace grants that call. So the code takes exactly the
interleaving of the model, and its state can be compared with the model's after every step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 60.0


class Death(BaseException):
    """The actor's process ends here."""


@dataclass
class Actor:
    """A thread that runs ``work``, as far as it is let."""

    name: str
    work: Callable[[Actor], Any]
    result: Any = None
    error: BaseException | None = None
    waiting: str | None = None
    _granted: BaseException | bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    ended: bool = False
    is_gated: bool = False
    """Whether its calls wait from now on; what it sets up before does not."""

    def start(self) -> None:
        """Run up to the first call."""
        self._thread = threading.Thread(target=self._run, name=self.name)
        self._thread.start()
        self._wait(lambda: self.ended or self.waiting is not None)

    def _run(self) -> None:
        try:
            self.result = self.work(self)
        except BaseException as error:
            self.error = error
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def gate(self, call: str) -> None:
        """Wait, in the actor's thread, until the call is granted. Raises: the error that it is to meet."""
        if not self.is_gated:
            return
        with self._changed:
            self.waiting = call
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._granted is not False, PATIENCE_SECONDS), "never granted"
            granted, self._granted, self.waiting = self._granted, False, None
        if isinstance(granted, BaseException):
            raise granted

    def grant(self, call: str, error: BaseException | None = None) -> None:
        """Let the actor make the call that it waits for, and run up to the next one."""
        assert self.waiting is not None, f"{self.name} has ended with {self.error or self.result!r}, before {call}"
        assert call in (self.waiting, ""), f"{self.name} is at {self.waiting}, not at {call}"
        with self._changed:
            self._granted = error or True
            self._changed.notify_all()
        self._wait(lambda: self.ended or (self._granted is False and self.waiting is not None))

    def end(self) -> None:
        """End the actor wherever it is."""
        while not self.ended:
            self.grant("", Death())
        assert self._thread is not None
        self._thread.join(PATIENCE_SECONDS)

    def _wait(self, until: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(until, PATIENCE_SECONDS), f"{self.name} hangs"


class Gated:
    """A port of one actor: the named calls wait for their grant, all others pass."""

    def __init__(self, inner: Any, actor: Actor, calls: dict[str, str]) -> None:
        self._inner, self._actor, self._calls = inner, actor, calls

    def __getattr__(self, name: str) -> Any:
        call = self._calls.get(name)
        found = getattr(self._inner, name)
        if call is None:
            return found

        def gated(*given: Any, **named: Any) -> Any:
            self._actor.gate(call)
            return found(*given, **named)

        return gated
