"""Translations from gettext catalogues, dates and sizes, in bokmål, nynorsk and English.

Catalogues are plain ``.po`` files below ``locale/<language>/``, beside the code that uses their texts. They are merged
at start; a text without a translation falls back to its English msgid. Times are shown in Oslo time.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from babel.dates import format_date, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations
from babel.units import format_unit

from deldokument.domain.norwegian_time import OSLO, day_and_clock

LANGUAGES = {"nb": "Bokmål", "nn": "Nynorsk", "en": "English"}
STANDARD = "nb"
_IN_SECONDS = 90
"""Waiting times from here on are given in minutes."""
_UNITS = ("kB", "MB", "GB", "TB")


def _(msgid: str) -> str:
    """Mark a msgid for extraction; it is translated when it is shown."""
    return msgid


@cache
def translations(language: str) -> Translations:
    """Return the merged catalogue of a language."""
    merged = Catalog(locale=language)
    for source in _catalogues(files("deldokument.web") / "locale" / language):
        for message in read_po(io.BytesIO(source.read_bytes()), locale=language):
            if message.id and message.string:
                merged.add(message.id, message.string)
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(compiled)


def _catalogues(folder: Traversable) -> Iterator[Traversable]:
    """Yield the ``.po`` files of a folder and its subfolders."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _catalogues(entry)
        elif entry.name.endswith(".po"):
            yield entry


def choose(wanted: str | None, accepted: str) -> str:
    """Return the cookie's language if we have it, else the first one in Accept-Language that we have, else bokmål.

    Quality values are ignored; only the order counts.
    """
    if wanted in LANGUAGES:
        return str(wanted)
    for item in accepted.split(","):
        code = item.split(";")[0].strip().lower()[:2]
        code = "nb" if code == "no" else code
        if code in LANGUAGES:
            return code
    return STANDARD


def choose_for_login(wanted: str | None, accepted: str) -> str:
    """Return the language for ID-porten's login page.

    As ``choose``, but Northern Sámi (se) if the header names it first. ID-porten has it, our pages have not.
    """
    if wanted not in LANGUAGES and accepted.strip().lower()[:2] == "se":
        return "se"
    return choose(wanted, accepted)


@lru_cache(maxsize=1000)
def _weekday(on: date, language: str, *, with_year: bool) -> str:
    """Return a day like «fredag 4. desember». Cached, because a list shows the same days many times."""
    return format_date(on, f"EEEE d{'' if language == 'en' else '.'} MMMM{' y' if with_year else ''}", language)


@lru_cache(maxsize=1000)
def _size(count: int, language: str) -> str:
    """Return a size like «1,2 GB». Cached, because a list shows the same sizes again."""
    if count < 1000:
        return format_unit(count, "digital-byte", locale=language).replace(" ", "\u00a0")
    value, unit = count / 1000, 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    pattern = "0" if value >= 9.95 else "0.#"
    return f"{format_decimal(value, pattern, locale=language)}\u00a0{_UNITS[unit]}"


@dataclass(frozen=True, slots=True)
class Translator:
    """Texts, dates, numbers and sizes in one language."""

    language: str

    def text(self, msgid: str, **params: str | int) -> str:
        """Return a message with its parameters filled in."""
        translated: str = translations(self.language).gettext(msgid)
        return translated % params if params else translated

    def when(self, instant: datetime, now: datetime | None = None) -> str:
        """Return a time like «fredag 4. desember kl. 15.30», without the year if ``now`` is in the same year."""
        on, clock = day_and_clock(instant)
        same_year = now is not None and on.year == now.astimezone(OSLO).year
        day = _weekday(on, self.language, with_year=not same_year)
        return f"{day} at {clock}" if self.language == "en" else f"{day} kl. {clock.replace(':', '.')}"

    def day(self, on: date) -> str:
        """Return a date like «4. desember 2026»."""
        return format_date(on, "d. MMMM y" if self.language != "en" else "d MMMM y", self.language)

    def clock(self, instant: datetime) -> str:
        """Return a time of day like «kl. 15.30.05»."""
        local = instant.astimezone(OSLO)
        return f"{local:%H:%M:%S}" if self.language == "en" else f"kl. {local:%H.%M.%S}"

    def month(self, first: date) -> str:
        """Return a month like «desember 2026»."""
        return format_date(first, "LLLL y", self.language)

    def short_month(self, first: date) -> str:
        """Return a month like «des 26»."""
        return format_date(first, "LLL yy", self.language)

    def number(self, count: int) -> str:
        """Return a number like «12 345», with non-breaking spaces."""
        return format_decimal(count, locale=self.language)

    def percent(self, part: int, whole: int) -> str:
        """Return a share of a whole like «87 %»."""
        return format_percent(part / whole, locale=self.language)

    def ngettext(self, singular: str, plural: str, num: int, **params: str) -> str:
        """Return the singular or plural message for ``num``, which fills ``%(num)s``, with its parameters filled in."""
        translated: str = translations(self.language).ngettext(singular, plural, num)
        return translated % {"num": num, **params}

    def left(self, instant: datetime, now: datetime) -> str:
        """Return the time until ``instant``, like «10 dager» or «3 timer».

        Counts calendar days, as the front end does; until tomorrow it uses hours, or a smaller unit. A past instant
        counts as zero.
        """
        days = (day_and_clock(instant)[0] - now.astimezone(OSLO).date()).days
        if days > 1:
            return self.span(timedelta(days=days))
        remaining = max(instant - now, timedelta())
        if remaining > timedelta(days=1):
            return self.ngettext("%(num)s hour", "%(num)s hours", remaining // timedelta(hours=1))
        return self.span(remaining)

    def span(self, duration: timedelta) -> str:
        """Return a duration like «10 dager» or «3 timer»: whole days from two days on.

        It never uses weeks or months, which people would have to convert to days.
        """
        days = round(duration / timedelta(days=1))
        if days > 1:
            return self.ngettext("%(num)s day", "%(num)s days", days)
        return format_timedelta(duration, locale=self.language, threshold=1.5)

    def wait(self, seconds: int) -> str:
        """Return how long to wait, like «40 sekunder» or «3 minutter»: rounded up, so that it is never too short."""
        return self.span(timedelta(seconds=seconds if seconds < _IN_SECONDS else -(-seconds // 60) * 60))

    def period(self, duration: timedelta) -> str:
        """Return the period of a rule like «7 dager» or «36 timer»: in days if they are whole, else in hours."""
        if duration % timedelta(days=1):
            return self.ngettext("%(num)s hour", "%(num)s hours", duration // timedelta(hours=1))
        return self.ngettext("%(num)s day", "%(num)s days", duration.days)

    def size(self, count: int) -> str:
        """Return a size like «1,2 GB», as the front end formats it.

        SI units, one decimal below ten, a non-breaking space.
        """
        return _size(count, self.language)
