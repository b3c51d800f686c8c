"""The one way in which opening something sealed fails.

Promises a single error with a single text for every cause: wrong key, changed, moved, cut, replayed or malformed.
Deliberately does not know which of them it was; an answer that told would be an oracle.
"""


class IntegrityError(Exception):
    """What was to be opened is not what was sealed for this place. Never says why or where."""

    def __init__(self) -> None:
        super().__init__("sealed data failed its integrity check")
