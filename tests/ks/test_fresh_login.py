"""A use case that needs a fresh login on a page needs it on every page and interface."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import CodeType, FunctionType, ModuleType
from typing import Any

import deldokument.web
from deldokument.web.app import ENDPOINTS

_CHECK = "check_fresh_login"
_WEB, _SERVICES = "deldokument.web", "deldokument.services"


def names(code: CodeType) -> set[str]:
    inner = [names(one) for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*inner)


def named(function: FunctionType) -> Iterator[FunctionType]:
    """The functions that the code of a function names, by themselves or as one of a module."""
    words = names(function.__code__)
    for word in words:
        value = function.__globals__.get(word)
        found = [getattr(value, one, None) for one in words] if isinstance(value, ModuleType) else [value]
        yield from (one for one in found if isinstance(one, FunctionType))


def within(function: FunctionType, package: str, seen: set[FunctionType]) -> set[FunctionType]:
    """The function, and those of a package that it names, and so on."""
    if function not in seen:
        seen.add(function)
        for one in named(function):
            if one.__module__.startswith(package):
                within(one, package, seen)
    return seen


def changes(handler: Callable[..., Any]) -> set[FunctionType]:
    """The use cases that a handler names and that write."""
    assert isinstance(handler, FunctionType)
    called = {use_case for one in within(handler, _WEB, set()) for use_case in named(one)}
    return {one for one in called if one.__module__.startswith(_SERVICES) and is_writing(one)}


def is_writing(use_case: FunctionType) -> bool:
    return any("write" in names(one.__code__) for one in within(use_case, use_case.__module__, set()))


GUARDED = {one.path: changes(one.handler) for one in ENDPOINTS if one.needs_fresh_login}

INTERFACES = tuple(
    f"{_WEB}.{one.name}"
    for one in pkgutil.iter_modules(deldokument.web.__path__)
    if one.ispkg and find_spec(f"{_WEB}.{one.name}.app")
)
"""The packages with an application of their own, for other programs."""


def functions_of(package: str) -> Iterator[FunctionType]:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        for _, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name:
                yield function


def beyond(function: FunctionType) -> set[FunctionType]:
    """The use cases that write and that a function reaches by what is outside the interfaces."""
    helpers = [one for one in named(function) if one.__module__.startswith(_WEB)]
    return set[FunctionType]().union(*(changes(one) for one in helpers if not one.__module__.startswith(INTERFACES)))


def test_every_page_that_asks_for_a_fresh_login_has_a_use_case_that_changes_something() -> None:
    assert GUARDED
    assert [path for path, found in GUARDED.items() if not found] == []


def test_no_other_page_does_without_a_fresh_login_what_one_asks_it_for() -> None:
    guarded = set[FunctionType]().union(*GUARDED.values())
    others = [one for one in ENDPOINTS if not one.needs_fresh_login]
    assert [one.path for one in others if changes(one.handler) & guarded] == []


def test_an_interface_checks_the_login_before_what_a_page_asks_it_for() -> None:
    guarded = set[FunctionType]().union(*GUARDED.values())
    functions = [one for interface in INTERFACES for one in functions_of(interface)]
    reaching = [one for one in functions if guarded & (set(named(one)) | beyond(one))]
    # KS' interface deletes accounts.
    assert [one.__module__ for one in reaching] == [f"{_WEB}.ks.accounts"]
    assert [one.__qualname__ for one in reaching if _CHECK not in names(one.__code__)] == []
