"""The error of a failed integrity check.

Guarantees:
- The same error and text for every cause: wrong key, or changed, moved, truncated, replayed or malformed bytes.

The cause is not recorded: an error that revealed it would be an oracle.
"""


class IntegrityError(Exception):
    """The bytes are not those that were sealed for this place. Names neither cause nor place."""

    def __init__(self) -> None:
        super().__init__("sealed data failed its integrity check")
