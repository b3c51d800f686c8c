"""Texts of the notices to recipients.

Guarantees:
- A notice contains no title, name of a document, number or name of an account.
- The tenant is named unless ``sender`` is empty. Passers-by can read a notice on a locked telephone.
- An e-mail has one link: to the share, or to the list of shares if it is about several. A text message has none, but
  names the site to log in on.
- An e-mail is in all three languages. A text message is in one, because of its price.

The service that delivers the notice looks up addresses and telephone numbers.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.norwegian_time import day_and_clock
from deldokument.domain.shares.share import RecipientKind
from deldokument.ports.channels import NoticeKind


@dataclass(frozen=True, slots=True)
class _Words:
    somebody: str
    to_person: str
    to_organization: str
    origin: str
    left: str
    left_to_organization: str
    until: str
    first_until: str
    open: str
    log_in: str
    added: str
    added_to_organization: str
    withdrawn: str
    withdrawn_to_organization: str
    closed: str


_WORDS: dict[Language, _Words] = {
    Language.BOKMAAL: _Words(
        somebody="Noen",
        to_person="{sender} har delt dokumenter med deg",
        to_organization="{sender} har delt dokumenter med en virksomhet du leser post for",
        origin=" fra {sender}",
        left="Du har fått dokumenter{origin} som du ikke har hentet",
        left_to_organization="En virksomhet du leser post for, har fått dokumenter{origin} som ingen har hentet",
        until="De er tilgjengelige til {end}.",
        first_until="Noen av dem er bare tilgjengelige til {end}.",
        open="Logg inn med ID-porten for å se dem: {link}",
        log_in="Logg inn med ID-porten på {site}",
        added="Det har kommet flere dokumenter{origin} til deg",
        added_to_organization="Det har kommet flere dokumenter{origin} til en virksomhet du leser post for",
        withdrawn="Dokumenter{origin} som var delt med deg, er trukket tilbake",
        withdrawn_to_organization=(
            "Dokumenter{origin} som var delt med en virksomhet du leser post for, er trukket tilbake"
        ),
        closed="Ingen kan åpne dem lenger.",
    ),
    Language.NYNORSK: _Words(
        somebody="Nokon",
        to_person="{sender} har delt dokument med deg",
        to_organization="{sender} har delt dokument med ei verksemd du les post for",
        origin=" frå {sender}",
        left="Du har fått dokument{origin} som du ikkje har henta",
        left_to_organization="Ei verksemd du les post for, har fått dokument{origin} som ingen har henta",
        until="Dei er tilgjengelege til {end}.",
        first_until="Nokre av dei er berre tilgjengelege til {end}.",
        open="Logg inn med ID-porten for å sjå dei: {link}",
        log_in="Logg inn med ID-porten på {site}",
        added="Det har kome fleire dokument{origin} til deg",
        added_to_organization="Det har kome fleire dokument{origin} til ei verksemd du les post for",
        withdrawn="Dokument{origin} som var delte med deg, er trekte tilbake",
        withdrawn_to_organization=("Dokument{origin} som var delte med ei verksemd du les post for, er trekte tilbake"),
        closed="Ingen kan opne dei lenger.",
    ),
    Language.ENGLISH: _Words(
        somebody="Somebody",
        to_person="{sender} has shared documents with you",
        to_organization="{sender} has shared documents with an organisation whose post you may read",
        origin=" from {sender}",
        left="You have documents{origin} that you have not downloaded",
        left_to_organization="An organisation whose post you may read has documents{origin} that nobody has downloaded",
        until="They are available until {end}.",
        first_until="Some of them are available only until {end}.",
        open="Log in with ID-porten to see them: {link}",
        log_in="Log in with ID-porten at {site}",
        added="More documents{origin} have been shared with you",
        added_to_organization="More documents{origin} have been shared with an organisation whose post you may read",
        withdrawn="Documents{origin} that were shared with you have been withdrawn",
        withdrawn_to_organization=(
            "Documents{origin} that were shared with an organisation whose post you may read have been withdrawn"
        ),
        closed="Nobody can open them any more.",
    ),
}


@dataclass(frozen=True, slots=True)
class NoticeText:
    """The text of a notice. ``sender`` is empty if no sender is named; ``link`` leads to the share, or to the list.

    ``has_later_ends``: the notice is about several shares, and ``end`` is the earliest of their ends.
    """

    kind: NoticeKind
    recipient: RecipientKind
    sender: str
    end: datetime
    link: str
    has_later_ends: bool = False

    def subject(self, language: Language) -> str:
        """Return the first sentence, without its full stop."""
        words = _WORDS[language]
        person = self.recipient == "person"
        if self.kind is NoticeKind.SHARED:
            sentence = words.to_person if person else words.to_organization
            return sentence.format(sender=self.sender or words.somebody)
        left = words.left if person else words.left_to_organization
        if self.kind is NoticeKind.ADDED:
            left = words.added if person else words.added_to_organization
        if self.kind is NoticeKind.WITHDRAWN:
            left = words.withdrawn if person else words.withdrawn_to_organization
        return left.format(origin=words.origin.format(sender=self.sender) if self.sender else "")

    def text(self, language: Language) -> str:
        """Return the text message.

        It has no link, as Altinn requires: people should not get used to links that lead to a login.
        """
        return self._text(language, _WORDS[language].log_in.format(site=urlsplit(self.link).netloc))

    def body(self, first: Language) -> str:
        """Return the e-mail in all languages, starting with ``first``."""
        languages = sorted(Language, key=lambda language: language is not first)
        return "\n\n".join(self._text(one, _WORDS[one].open.format(link=self.link)) for one in languages)

    def _text(self, language: Language, how: str) -> str:
        """Return subject and facts, followed by ``how`` to open the share unless it is withdrawn."""
        words = _WORDS[language]
        if self.kind is NoticeKind.WITHDRAWN:
            return f"{self.subject(language)}. {words.closed}"
        until = (words.first_until if self.has_later_ends else words.until).format(end=_when(self.end, language))
        return f"{self.subject(language)}. {until} {how}"


def _when(at: datetime, language: Language) -> str:
    day, clock = day_and_clock(at)
    if language is Language.ENGLISH:
        return f"{day.day} {day:%B %Y}, {clock}"
    return f"{day.day}.{day.month}.{day.year} kl. {clock.replace(':', '.')}"
