"""Shape of the ports and of the store: narrow contracts, and one module per repository of a transaction."""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from deldokument import ports
from deldokument.store.engine.statements import Statements
from deldokument.store.transaction import Transaction

MAX_METHODS = 20


def contracts() -> Iterator[type]:
    """Every Protocol of the ports, from the module that defines it, and every repository."""
    yield from repositories().values()
    for found in pkgutil.walk_packages(ports.__path__, f"{ports.__name__}."):
        module = import_module(found.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and getattr(kind, "_is_protocol", False):
                yield kind


def methods(contract: type) -> list[str]:
    """Names of the public methods, inherited ones too."""
    return [name for name, _ in inspect.getmembers(contract, inspect.isfunction) if not name.startswith("_")]


def repositories() -> dict[str, type]:
    """Name to class of each repository of a transaction. It runs no statement."""
    transaction = Transaction(cast(Statements, None))
    return {name: type(one) for name, one in vars(transaction).items() if not name.startswith("_")}


def test_no_contract_has_more_than_twenty_methods() -> None:
    found = {contract.__name__: len(methods(contract)) for contract in contracts()}
    assert len(found) > MAX_METHODS
    assert {name: count for name, count in found.items() if count > MAX_METHODS} == {}


def test_each_repository_is_a_module_with_the_name_that_the_transaction_gives_it() -> None:
    found = {name: kind.__module__.rpartition(".")[2] for name, kind in repositories().items()}
    assert len(found) > MAX_METHODS
    assert found == {name: name for name in found}


class Narrow(Protocol):
    def save(self) -> None: ...
    def _own(self) -> None: ...


class Wide(Narrow, Protocol):
    def get(self) -> None: ...


def test_inherited_methods_count_and_private_ones_do_not() -> None:
    assert methods(Wide) == ["get", "save"]
