"""Callers of KS' interface: a person with a session of our pages, or a system with token and integration password.

Guarantees:
- A request with an access token is never authenticated by its cookie.
- A session needs its CSRF token for every change, as on the pages.
- Only the administrators of a tenant can read or change the tenant's accounts.
- A person's change needs a fresh login where the pages ask for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from deldokument.domain.errors import NotFound, TokenRefused, require
from deldokument.domain.identifiers import Consumer, PersonIdentifier, Sharer
from deldokument.domain.tenants.tenancy import Tenant, must_not_have_ended
from deldokument.domain.uuids import document_id_of, id_of
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.integrations import holds_password
from deldokument.services.accounts.members import Membership, memberships
from deldokument.services.auth.roles import roles_of
from deldokument.services.auth.sessions import Session, find_session
from deldokument.web.http.dispatch import holds_token
from deldokument.web.http.request import SAFE_METHODS, RequestContext
from deldokument.web.http.requests.bearer import bearer_token
from deldokument.web.http.responses.errors import LoginNotFresh, StalePage
from deldokument.web.http.site import Site


@dataclass(frozen=True, slots=True)
class Caller:
    """A request and its caller. ``body`` is its JSON object; empty without a body."""

    deps: Dependencies
    request: Request
    authenticated: Consumer | Session
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sharer(self) -> Sharer:
        """The consumer of the token, or the person of the session."""
        return self.authenticated.person if isinstance(self.authenticated, Session) else self.authenticated

    @property
    def memberships(self) -> list[Membership]:
        """The caller's memberships in the accounts to share from."""
        return memberships(self.deps, self.sharer)

    @property
    def session(self) -> Session:
        """The session of the acting administrator. Raises: NotFound for a system."""
        if not isinstance(self.authenticated, Session):
            raise NotFound("a system administers nothing")
        return self.authenticated

    @property
    def person(self) -> PersonIdentifier:
        """The acting administrator. Raises: as ``session``."""
        return self.session.person

    @property
    def tenant(self) -> Tenant:
        """The tenant in the path.

        Raises: NotFound unless the person is its administrator; Conflict for a change after its end.
        """
        tenant_id = self.path_id("fiksOrgId")
        mine = (tenant for tenant in roles_of(self.deps, self.person).administered if tenant.id == tenant_id)
        found = require(next(mine, None), "not an administrator of the tenant")
        if self.request.method not in SAFE_METHODS:
            must_not_have_ended(found)
        return found

    @property
    def document_id(self) -> str:
        """The id of the document in the path. Raises: NotFound if it is not a UUID."""
        try:
            return document_id_of(str(self.request.path_params["dokumentId"]))
        except ValueError:
            raise NotFound("no UUID in the path") from None

    def check_fresh_login(self) -> None:
        """Raise LoginNotFresh if the pages would ask for a fresh login now."""
        if not self.session.is_fresh(self.deps.clock.now()):
            raise LoginNotFresh

    def path_id(self, name: str) -> str:
        """Return our id for a UUID in the path. Raises: NotFound if it is not a UUID."""
        try:
            return id_of(self.request.path_params[name])
        except ValueError:
            raise NotFound("no UUID in the path") from None


def find_caller(deps: Dependencies, site: Site, request: Request) -> Consumer | Session:
    """Return the authenticated caller. Raises: TokenRefused, ScopeMissing, StalePage or Unavailable."""
    if "authorization" in request.headers:
        return _system(deps, request)
    session = find_session(deps, request.cookies.get(site.session_cookie))
    if session is None:
        raise TokenRefused("access_token_refused")
    if request.method not in SAFE_METHODS and not holds_token(RequestContext(deps, site, request, session)):
        raise StalePage
    return session


def _system(deps: Dependencies, request: Request) -> Consumer:
    token = bearer_token(request)
    if token is None:
        raise TokenRefused("access_token_refused")
    consumer = deps.tokens.verify(token)
    given = request.headers.get("integrasjonid", "")
    try:
        known = holds_password(deps, consumer, id_of(given), request.headers.get("integrasjonpassord", ""))
    except ValueError:
        raise TokenRefused("integration_refused", id="–") from None
    if not known:
        raise TokenRefused("integration_refused", id=given)
    return consumer
