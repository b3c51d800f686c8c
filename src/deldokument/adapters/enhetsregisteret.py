"""Names and states of organisations, from Enhetsregisteret's open API.

Guarantees:
- Units and subunits are found in the same way.
- Only nine digits ever reach a URL.
- A result is cached for at most a day; a missing organisation or a failure is never cached.
- While the register does not respond, calls fail at once.

Does not decide what a state forbids.

Source: brreg/openAPI, Enhetsregisteret v2.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import httpx

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import ExpiringCache, json_object
from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.messages.email_addresses import Language
from deldokument.ports.registers import RegisteredOrganization

OrganizationStatus = Literal["active", "deleted", "bankrupt", "winding_up", "forced_winding_up"]

_DAY_SECONDS: Final = 24 * 60 * 60.0
_KINDS: Final = ("enhet", "underenhet")
_LANGUAGES: Final[Mapping[str, Language]] = {"Bokmål": Language.BOKMAAL, "Nynorsk": Language.NYNORSK}


class RegisterUnavailable(Unavailable):
    """Enhetsregisteret did not respond, or sent an unexpected response."""

    def __init__(self, detail: str) -> None:
        super().__init__("register_unavailable", detail=f"enhetsregisteret: {detail}")


class Enhetsregisteret:
    """A client of the register whose host is ``base_url``; ``clock`` is monotonic seconds."""

    def __init__(
        self,
        base_url: str,
        http: httpx.Client,
        *,
        clock: Callable[[], float] = time.monotonic,
        breaker: Breaker | None = None,
        cache_size: int = 10_000,
    ) -> None:
        self._api = f"{base_url.rstrip('/')}/enhetsregisteret/api"
        self._http = http
        self._clock = clock
        self._breaker = breaker or Breaker(clock)
        self._cache: ExpiringCache[str, RegisteredOrganization] = ExpiringCache(cache_size, _DAY_SECONDS, clock)

    def find(self, number: OrganizationNumber) -> RegisteredOrganization | None:
        """Return the organisation, or None if no unit or subunit has the number, or it was removed.

        A result is cached for a day.

        Raises: RegisterUnavailable.
        """
        known = self._cache.get(number.value)
        if known is not None:
            return known
        if not self._breaker.admits():
            raise RegisterUnavailable("not asked, it was silent just now")
        asked_at = self._clock()
        try:
            found = self._ask(number.value)
        except httpx.TransportError as error:
            # With all connections in use no request was sent, so the register has not failed.
            if not isinstance(error, httpx.PoolTimeout):
                self._breaker.record_failure()
            raise RegisterUnavailable(type(error).__name__) from error
        except (httpx.HTTPError, ValueError, KeyError, AttributeError) as error:
            raise RegisterUnavailable(type(error).__name__) from error
        self._breaker.record_answer()
        if found is not None:
            self._cache.put(number.value, found, asked_at)
        return found

    def _ask(self, number: str) -> RegisteredOrganization | None:
        for kind in _KINDS:
            accept = f"application/vnd.brreg.enhetsregisteret.{kind}.v2+json;charset=UTF-8"
            response = self._http.get(f"{self._api}/{kind}er/{number}", headers={"Accept": accept})
            if response.status_code == httpx.codes.OK:
                return _organization(json_object(response), number)
            if response.status_code in (httpx.codes.GONE, httpx.codes.BAD_REQUEST):
                return None
            if response.status_code != httpx.codes.NOT_FOUND:
                raise RegisterUnavailable(f"status {response.status_code}")
        return None


def _organization(body: dict[str, Any], number: str) -> RegisteredOrganization:
    # The reduced body of a deleted unit may lack its organisational form.
    name, form = body["navn"], body.get("organisasjonsform", {}).get("kode", "")
    if body["organisasjonsnummer"] != number or not isinstance(name, str) or not isinstance(form, str):
        raise ValueError("an answer to another question")
    return RegisteredOrganization(number, name, form, _status(body), _LANGUAGES.get(str(body.get("maalform"))))


def _status(body: dict[str, Any]) -> OrganizationStatus:
    """Return the gravest of the states that apply."""
    if body.get("slettedato") or body.get("nedleggelsesdato"):
        return "deleted"
    if body.get("konkurs"):
        return "bankrupt"
    if body.get("underTvangsavviklingEllerTvangsopplosning"):
        return "forced_winding_up"
    return "winding_up" if body.get("underAvvikling") else "active"
