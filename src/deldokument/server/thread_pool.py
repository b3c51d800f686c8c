"""Thread pool whose tasks see the context variables of the submitter, such as the request's trace."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class ContextThreadPool(ThreadPoolExecutor):
    """The standard library's pool, but with the submitter's context."""

    def submit(self, fn: Callable[_Given, _Result], /, *args: _Given.args, **kwargs: _Given.kwargs) -> Future[_Result]:
        """Run ``fn`` in a thread, in a copy of this context."""
        context = copy_context()
        return super().submit(lambda: context.run(fn, *args, **kwargs))
