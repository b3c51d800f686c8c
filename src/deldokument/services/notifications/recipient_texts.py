"""Texts of the notices to recipients.

Guarantees:
- A notice contains no title, name of a document or number. Its only link is the address of this service; the rest is
  behind the login.
- The sender is named only if the share is marked as ordinary. A locked telephone must not show passers-by that its
  owner has confidential post from a public body.
- An e-mail is in all three languages, because the recipient's language is unknown. A text message is in one, because
  of its price.

Does not know addresses or telephone numbers: the service that delivers the notice looks them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.email_addresses import Language
from deldokument.domain.norwegian_time import day_and_clock
from deldokument.domain.share import RecipientKind
from deldokument.ports.channels import NoticeKind


@dataclass(frozen=True, slots=True)
class _Words:
    somebody: str
    to_person: str
    to_organization: str
    left: str
    left_to_organization: str
    until: str
    how: str


_WORDS: dict[Language, _Words] = {
    Language.BOKMAAL: _Words(
        somebody="Noen",
        to_person="{sender} har delt dokumenter med deg",
        to_organization="{sender} har delt dokumenter med en virksomhet du leser post for",
        left="Du har fått dokumenter som du ikke har lastet ned",
        left_to_organization="En virksomhet du leser post for, har fått dokumenter som ingen har lastet ned",
        until="De er tilgjengelige til {end}.",
        how="Logg inn med ID-porten på {address}",
    ),
    Language.NYNORSK: _Words(
        somebody="Nokon",
        to_person="{sender} har delt dokument med deg",
        to_organization="{sender} har delt dokument med ei verksemd du les post for",
        left="Du har fått dokument som du ikkje har lasta ned",
        left_to_organization="Ei verksemd du les post for, har fått dokument som ingen har lasta ned",
        until="Dei er tilgjengelege til {end}.",
        how="Logg inn med ID-porten på {address}",
    ),
    Language.ENGLISH: _Words(
        somebody="Somebody",
        to_person="{sender} has shared documents with you",
        to_organization="{sender} has shared documents with an organisation whose post you may read",
        left="You have documents that you have not downloaded",
        left_to_organization="An organisation whose post you may read has documents that nobody has downloaded",
        until="They are available until {end}.",
        how="Log in with ID-porten at {address}",
    ),
}


@dataclass(frozen=True, slots=True)
class NoticeText:
    """The text of a notice. ``sender`` is empty if no sender is named."""

    kind: NoticeKind
    recipient: RecipientKind
    sender: str
    end: datetime
    address: str

    def subject(self, language: Language) -> str:
        """Return the first sentence, without its full stop."""
        words = _WORDS[language]
        person = self.recipient == "person"
        if self.kind is NoticeKind.SHARED:
            told = words.to_person if person else words.to_organization
            return told.format(sender=self.sender or words.somebody)
        return words.left if person else words.left_to_organization

    def text(self, language: Language) -> str:
        """Return the whole text in one language, short enough for a text message."""
        words = _WORDS[language]
        until = words.until.format(end=_when(self.end, language))
        return f"{self.subject(language)}. {until} {words.how.format(address=self.address)}"

    def body(self, first: Language) -> str:
        """Return the whole text in all languages, starting with ``first``."""
        languages = sorted(Language, key=lambda language: language is not first)
        return "\n\n".join(self.text(language) for language in languages)


def _when(at: datetime, language: Language) -> str:
    day, clock = day_and_clock(at)
    if language is Language.ENGLISH:
        return f"{day.day} {day:%B %Y}, {clock}"
    return f"{day.day}.{day.month}.{day.year} kl. {clock.replace(':', '.')}"
