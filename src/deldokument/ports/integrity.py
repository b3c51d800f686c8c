"""Contract of the switch from finding a proof to requiring it."""

from __future__ import annotations

from typing import Final, Protocol

ENFORCED_ENTRY: Final = "integrity-enforced"
"""Id of the keyring entry whose existence enforces integrity. Its key is not used."""


class Integrity(Protocol):
    """Whether rows that decide about access must prove it."""

    @property
    def enforced(self) -> bool:
        """Whether a row without a proof is refused. Once true it stays true.

        Until then an earlier version may write rows without a proof, and its rows may not have got theirs.
        Raises: Unavailable.
        """
        ...
