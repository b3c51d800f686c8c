"""A person's rights for organisations, from Altinn's list of authorized parties.

Guarantees:
- Fails closed: a late, refused or unexpected response raises RightsUnavailable. It never means "no rights" or "some of
  the rights".
- Always requests the whole list, so that the request reveals nothing about a share.
- While Altinn or Maskinporten does not respond, calls fail at once.

Does not know which roles or packages suffice.

Source: Altinn Access Management, resource owner's authorized parties (Altinn/altinn-authorization-tmp, 2026-08).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

import httpx

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import Bulkhead, ExpiringCache, json_of
from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.ports.registers import MAX_DENIAL_AGE, MAX_RIGHTS_AGE, OrganizationGrant

PATH: Final = "/accessmanagement/api/v1/resourceowner/authorizedparties"
_PERSON_TYPE: Final = "urn:altinn:person:identifier-no"
_QUERY: Final = {
    "includeRoles": "true",
    "includeAccessPackages": "true",
    "includeResources": "false",
    "includeInstances": "false",
    "includeInactiveParties": "false",
}
_CODE_PREFIXES: Final = ("urn:altinn:rolecode:", "urn:altinn:accesspackage:")
_DEEPEST_TREE: Final = 8
MAX_LIST_BYTES: Final = 16 << 20
"""Of a response: some thousand organisations, with the person's roles and packages in each."""
_ORGANIZATION_DIGITS: Final = 9


class RightsUnavailable(Unavailable):
    """Altinn or its access token is unavailable, so nobody's rights are known."""

    def __init__(self, detail: str) -> None:
        super().__init__("rights_unavailable", detail=f"altinn: {detail}")


class Silent(RightsUnavailable):
    """No response at all.

    An unexpected response is not Silent: Altinn may answer the next person's request normally.
    """


class RightsSource(Protocol):
    """Source of a person's current rights, without a cache."""

    def grants(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        """Return the rights as of now; see OrganizationRights."""
        ...


class AltinnCalls:
    """HTTP calls to Altinn at ``base_url``, with the bearer token that ``token`` returns and a subscription key."""

    def __init__(self, base_url: str, token: Callable[[], str], subscription_key: str, http: httpx.Client) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._subscription_key = subscription_key
        self._http = http

    def post(self, path: str, question: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Return the JSON of the response.

        Raises: RightsUnavailable.
        """
        try:
            token = self._token()
        except Unavailable as error:
            raise Silent(error.detail) from error
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "Ocp-Apim-Subscription-Key": self._subscription_key,
        }
        try:
            response = self._http.post(self._base_url + path, params=query, json=question, headers=headers)
            if response.status_code == httpx.codes.OK:
                return json_of(response)
        except httpx.TransportError as error:
            raise Silent(type(error).__name__) from error
        except (httpx.HTTPError, ValueError) as error:
            raise RightsUnavailable(type(error).__name__) from error
        silent = response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        raise (Silent if silent else RightsUnavailable)(f"status {response.status_code}")


class AltinnAuthorizedParties:
    """Rights from the list that ``calls`` fetches.

    ``all_listed``: include organisations without roles or packages.
    """

    def __init__(self, calls: AltinnCalls, *, all_listed: bool = False) -> None:
        self._calls = calls
        self._all_listed = all_listed
        self._query = {**_QUERY, "includeResources": "true"} if all_listed else _QUERY

    def grants(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        """Return the person's organisations; see OrganizationRights.

        Subunits are listed like units. Person parties are left out.
        """
        parties = self._calls.post(PATH, {"type": _PERSON_TYPE, "value": person.value}, self._query)
        try:
            found = tuple(_flatten_parties(parties, depth=0))
        except (ValueError, KeyError, TypeError) as error:
            raise RightsUnavailable(type(error).__name__) from error
        return tuple(grant for grant in found if grant.codes or self._all_listed)


class GuardedRights:
    """Rights from ``source`` behind a bulkhead and a circuit breaker.

    The bulkhead covers the token too, because threads that wait for a token wait on a lock.
    """

    def __init__(self, source: RightsSource, breaker: Breaker | None = None) -> None:
        self._source = source
        self._bulkhead = Bulkhead()
        self._breaker = breaker or Breaker()

    def grants(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        """Return the rights; see RightsSource."""
        with self._bulkhead.place() as is_admitted:
            if not is_admitted:
                raise RightsUnavailable("not asked, too many questions are under way")
            return self._ask_source(person)

    def _ask_source(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        if not self._breaker.admits():
            raise RightsUnavailable("not asked, it was silent just now")
        try:
            grants = self._source.grants(person)
        except Silent:
            self._breaker.record_failure()
            raise
        except RightsUnavailable:
            self._breaker.record_answer()
            raise
        self._breaker.record_answer()
        return grants


class CachedRights:
    """Rights from ``source``, cached for five minutes.

    An empty result is cached for half a minute, a failure never.
    """

    def __init__(
        self, source: RightsSource, *, clock: Callable[[], float] = time.monotonic, size: int = 10_000
    ) -> None:
        self._source = source
        self._clock = clock
        self._cache: ExpiringCache[str, tuple[OrganizationGrant, ...]] = ExpiringCache(
            size, MAX_RIGHTS_AGE.total_seconds(), clock
        )

    def grants(self, person: PersonIdentifier, oldest: timedelta = MAX_RIGHTS_AGE) -> tuple[OrganizationGrant, ...]:
        """Return the rights; see OrganizationRights.

        ``oldest`` limits the age of a cached result, counted from the request.
        """
        known = self._cache.get(person.value, oldest.total_seconds())
        if not known:
            known = self._cache.get(person.value, min(oldest, MAX_DENIAL_AGE).total_seconds())
        if known is not None:
            return known
        asked_at = self._clock()
        grants = self._source.grants(person)
        self._cache.put(person.value, grants, asked_at)
        return grants


def _flatten_parties(parties: Any, depth: int) -> Iterator[OrganizationGrant]:
    if not isinstance(parties, list) or depth > _DEEPEST_TREE:
        raise ValueError("not a list of parties")
    for party in parties:
        if party["type"] == "Organization":
            if grant := _grant(party):
                yield grant
            yield from _flatten_parties(party["subunits"], depth + 1)


def _grant(party: dict[str, Any]) -> OrganizationGrant | None:
    """Return the grant of one entry; None if the entry exists only to hold its subunits."""
    if _flag(party, "isDeleted") or _flag(party, "onlyHierarchyElementWithNoAccess"):
        return None
    codes = _codes(party["authorizedRoles"]) | _codes(party["authorizedAccessPackages"])
    number, name = party["organizationNumber"], party["name"]
    if not _is_number(number) or not isinstance(name, str):
        raise ValueError("a party without number or name")
    return OrganizationGrant(number, name, codes)


def _flag(party: dict[str, Any], name: str) -> bool:
    value = party[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is not a boolean")
    return value


def _codes(values: Any) -> frozenset[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("codes are not a list of strings")
    return frozenset(_bare(value.casefold()) for value in values)


def _bare(code: str) -> str:
    """Return the code without its known prefix. An unknown prefix stays: without it, the code could pass for a role."""
    for prefix in _CODE_PREFIXES:
        code = code.removeprefix(prefix)
    return code


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and len(value) == _ORGANIZATION_DIGITS and value.isascii() and value.isdigit()
