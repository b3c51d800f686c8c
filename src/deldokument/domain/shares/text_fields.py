"""The texts of a share: the table that defines how they are checked, encrypted, compared, corrected and erased.

A new text is a field of `ShareTexts`. It is stored in the column of its key, so it needs no column of its own. All
texts can be corrected after publication.
"""

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Self

from deldokument.domain.shares.typed_texts import check_text


class TextKey(StrEnum):
    """The key under which a text is encrypted, which decides how long it can be read."""

    AUDIT = "audit"
    """Until the names of the share are erased, after its end."""
    SHARE = "share"
    """Until the share ends."""


@dataclass(frozen=True, slots=True)
class TextField:
    """Rules of one text. ``longest``: maximum length in characters. ``has_lines``: may have line breaks and tabs.

    ``is_shown``: recipients see it. Under four eyes, a change of it needs a second person.
    """

    name: str
    longest: int
    key: TextKey
    is_shown: bool
    has_lines: bool

    def check(self, text: str) -> str:
        """Return the text without surrounding white space. Raises: InvalidInput with the field's name."""
        return check_text(text, self.longest, field=self.name, lines=self.has_lines)


def _text(longest: int, *, key: TextKey, is_shown: bool, has_lines: bool = False) -> Any:
    return field(default="", metadata={"longest": longest, "key": key, "is_shown": is_shown, "has_lines": has_lines})


@dataclass(frozen=True, slots=True)
class ShareTexts:
    """The texts of a share; an empty string for each that is missing."""

    title: str = _text(200, key=TextKey.AUDIT, is_shown=True)
    message: str = _text(4000, key=TextKey.SHARE, is_shown=True, has_lines=True)
    reference: str = _text(100, key=TextKey.AUDIT, is_shown=False)
    """Case number."""

    def of(self, key: TextKey) -> dict[str, str]:
        """Return the texts that are encrypted under a key, by name, without the empty ones."""
        return {name: text for name, text in asdict(self).items() if text and TEXT_FIELDS[name].key is key}

    @property
    def shown(self) -> Self:
        """The texts that recipients see; the others are empty."""
        return type(self)(**{name: text for name, text in asdict(self).items() if TEXT_FIELDS[name].is_shown})

    @property
    def checked(self) -> Self:
        """The texts without surrounding white space. Raises: InvalidInput for the first invalid text."""
        return type(self)(**{name: TEXT_FIELDS[name].check(text) for name, text in asdict(self).items()})


TEXT_FIELDS: Final = {one.name: TextField(one.name, **one.metadata) for one in fields(ShareTexts)}
