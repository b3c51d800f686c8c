"""Work on many items, where a failing item does not stop the others."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from deldokument.domain.errors import StorageFull, Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.store.transaction import Transaction

_Item = TypeVar("_Item")


def do_each(items: Iterable[_Item], do: Callable[[_Item], int]) -> int:
    """Call ``do`` with each item and return the sum of the results.

    Raises: the first error of any kind, after the other items. One tampered row must not block the others.
    """
    done, errors = 0, list[Exception]()
    for item in items:
        try:
            done += do(item)
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return done


def in_batch_or_singly(
    deps: Dependencies,
    find: Callable[[Transaction], Sequence[_Item]],
    act: Callable[[Transaction, Sequence[_Item]], int],
) -> int:
    """Process a batch of due items in one transaction, or each in its own if that fails; return their number.

    One tampered row that breaks a constraint must not block the others. Raises: Unavailable or StorageFull at once;
    otherwise the first error of a single item, after all the others.
    """
    due: Sequence[_Item] = ()
    try:
        with deps.database.write() as tx:
            due = find(tx)
            return act(tx, due)
    except Exception as error:
        if isinstance(error, Unavailable | StorageFull) or len(due) < 2:
            raise

    def act_on_one(wanted: _Item) -> int:
        with deps.database.write() as tx:
            # Another worker may have processed it meanwhile.
            return act(tx, [one for one in find(tx) if one == wanted])

    return do_each(due, act_on_one)
