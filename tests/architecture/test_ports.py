"""Shape of the ports: narrow contracts, and one module per repository of a transaction."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, get_type_hints

from deldokument import ports
from deldokument.ports import repositories
from deldokument.ports.repositories.transaction import Transaction

MAX_METHODS = 20


def contracts() -> Iterator[type]:
    """Every Protocol of the ports, from the module that defines it."""
    for found in pkgutil.walk_packages(ports.__path__, f"{ports.__name__}."):
        module = import_module(found.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and getattr(kind, "_is_protocol", False):
                yield kind


def methods(contract: type) -> list[str]:
    """Names of the public methods, inherited ones too."""
    return [name for name, _ in inspect.getmembers(contract, inspect.isfunction) if not name.startswith("_")]


def repositories_of(transaction: type) -> dict[str, str]:
    """Property of the transaction to the last name of the module that defines its repository."""
    found = inspect.getmembers(transaction, lambda member: isinstance(member, property))
    return {name: get_type_hints(one.fget)["return"].__module__.rpartition(".")[2] for name, one in found}


def test_no_contract_has_more_than_twenty_methods() -> None:
    found = {contract.__name__: len(methods(contract)) for contract in contracts()}
    assert len(found) > MAX_METHODS
    assert {name: count for name, count in found.items() if count > MAX_METHODS} == {}


def test_each_repository_is_a_module_with_the_name_that_the_transaction_gives_it() -> None:
    modules = {found.name for found in pkgutil.iter_modules(repositories.__path__)} - {"transaction"}
    assert repositories_of(Transaction) == {name: name for name in modules}


class Narrow(Protocol):
    def save(self) -> None: ...
    def _own(self) -> None: ...


class Wide(Narrow, Protocol):
    def get(self) -> None: ...


def test_inherited_methods_count_and_private_ones_do_not() -> None:
    assert methods(Wide) == ["get", "save"]
