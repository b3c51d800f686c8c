"""The error of a failed integrity check.

Guarantees:
- One error with one text for every cause: wrong key, changed, moved, truncated, replayed or malformed.

The cause is not recorded: an error that revealed it would be an oracle.
"""


class IntegrityError(Exception):
    """The bytes are not those that were sealed for this place. Never says why or where."""

    def __init__(self) -> None:
        super().__init__("sealed data failed its integrity check")
