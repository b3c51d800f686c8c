"""Request context of a handler, and route declarations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from deldokument.domain.errors import Broken, ServiceError, Unavailable, require
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.auth.roles import Roles, roles_of
from deldokument.services.auth.sessions import Session
from deldokument.web.http.requests.forms import SentFile
from deldokument.web.http.responses.errors import FieldErrors, field_errors
from deldokument.web.http.responses.i18n import Translator, choose
from deldokument.web.http.site import Site

LANGUAGE_COOKIE = "spraak"


MAX_DESTINATION = 300
"""Characters of the return path that a login keeps in the database; the path of a share's link has 25."""


POST = ("POST",)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequiredRole(Enum):
    """Role that a route requires."""

    ANYONE = "anyone"
    PERSON = "a logged-in person"
    ADMINISTRATOR = "an administrator of the tenant that the path's ``tenant_id`` names"
    SIGNATORY = "the same, or one whom signing that tenant's first service agreement will confirm"
    OPERATOR = "an operator of the service"


class ErrorFormat(Enum):
    """Format of a route's errors, and of its response when a login is missing."""

    PAGE = "page"
    JSON = "json"
    BYTES = "bytes"
    """Plain text; a browser that has followed a link gets the page."""


@dataclass(slots=True)
class RequestContext:
    """Request as its handler sees it."""

    deps: Dependencies
    site: Site
    request: Request
    session: Session | None = None
    translator: Translator = field(init=False)
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, SentFile] = field(default_factory=dict)
    refused: ServiceError | None = None
    """Why the posted form was refused, while its page shows it again with what was typed."""
    errors: FieldErrors = field(default_factory=list)
    """The faults of the refused form."""
    by_program: bool = False
    """The caller is a program with a bearer token; its cookies do not count."""
    for_signatories: bool = False
    """The route is open to those whom signing the service agreement will make administrators."""
    known_roles: Roles | None = None
    """Roles that have been read already."""
    admitted_until: float = 0.0
    """The time, as of ``time.monotonic``, until which the check of this caller counts; 0 if there was none."""

    def __post_init__(self) -> None:
        accepted = self.request.headers.get("accept-language", "")
        self.translator = Translator(choose(self.request.cookies.get(LANGUAGE_COOKIE), accepted))

    @property
    def person(self) -> Session:
        """The session. Only for routes that require a person.

        Raises: Broken if there is none.
        """
        if self.session is None:
            raise Broken("a route for anyone asked for a person")
        return self.session

    @property
    def roles(self) -> Roles:
        """Roles of the logged-in person, read once per request."""
        if self.known_roles is None:
            self.known_roles = roles_of(self.deps, self.session.person) if self.session else Roles()
        return self.known_roles

    @property
    def tenant(self) -> Tenant:
        """The tenant in the path.

        Raises: NotFound unless the person is its administrator, or a signatory on a route for signatories; Unavailable
        while its chain is behind.
        """
        tenants = self.roles.administered + (self.roles.signs if self.for_signatories else ())
        named = (one for one in tenants if one.id == self.request.path_params.get("tenant_id"))
        found = require(next(named, None), "not an administrator of the tenant")
        if found.behind:
            raise Unavailable("database_restored")
        return found

    def refuse(self, error: ServiceError, otherwise: str = "") -> None:
        """Make the next rendered page show ``error``; at the field ``otherwise`` if the error has no field."""
        self.refused, self.errors = error, field_errors(error, self.translator, otherwise)

    def errors_at(self, *fields: str) -> FieldErrors:
        """Return the faults of the refused form. A fault of a field outside ``fields`` concerns the whole form."""
        return [(field if field in fields else "", text) for field, text in self.errors]

    def typed(self, *names: str) -> dict[str, str]:
        """Return fields of the posted form by name; empty without a form."""
        return {name: self.fields.get(name, "") for name in names}

    def path(self, name: str) -> str:
        """Return a path parameter."""
        return str(self.request.path_params[name])

    @property
    def address(self) -> str:
        """Path and query of the request, without the host."""
        query = self.request.scope["query_string"].decode("latin-1")
        return str(self.request.scope["path"]) + (f"?{query}" if query else "")

    @property
    def readable_at(self) -> str:
        """Path where GET returns this page, or the page whose form was posted."""
        if self.request.method in SAFE_METHODS:
            return self.address
        return safe_return(self.request.headers.get("referer", "").removeprefix(self.site.public_url))

    def query(self, name: str) -> str:
        """Return a query parameter, empty if absent."""
        return self.request.query_params.get(name, "")


Handler = Callable[[RequestContext], Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Route with its access rule. All routes of the application are declared in this way."""

    path: str
    handler: Handler
    who: RequiredRole
    methods: tuple[str, ...] = ("GET",)
    answer: ErrorFormat = ErrorFormat.PAGE
    own_token: bool = False
    """The handler checks a token of its own instead of the session's CSRF token."""
    after_end: bool = False
    """State changes are allowed after the tenant in the path has ended the service."""
    own_threads: int = 0
    """Number of threads reserved for the route. For routes that wait for ID-porten on behalf of anonymous callers."""
    needs_fresh_login: str = ""
    """What the route does, if it may only follow a fresh login: words for the page that asks for one."""
    for_programs: bool = False
    """A program with a bearer token of the share in the path may call it too (services.auth.programs)."""
    even_refusals: bool = False
    """Refusals leave in steps of time, so that they do not show whether a share exists."""
    again: Handler | None = None
    """The page that shows a refused form again, with what was typed and its errors."""
    error_field: str = ""
    """The field at which that page shows an error that names none."""
    takes_file: int = 0
    """Bytes of files that its form may have. Files are kept only from callers who may call the route."""


def endpoint_below(
    prefix: str, who: RequiredRole, path: str, handler: Handler, methods: tuple[str, ...] = ("GET",), **options: Any
) -> Endpoint:
    """Return an endpoint of a group of pages whose paths have the same beginning. ``options`` are its other fields."""
    return Endpoint(prefix + path, handler, who, methods, **options)


json_endpoint = partial(endpoint_below, "", RequiredRole.PERSON, answer=ErrorFormat.JSON)
"""Returns an endpoint that a page's script calls."""


def safe_return(path: str) -> str:
    """Return ``path`` if it is a path on this site, else the front page.

    Refuses other sites, schemes and control characters.
    """
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if local and path.isprintable() else "/"


def destination(path: str) -> str:
    """Return the page after a login: ``path`` if it is safe and short, else the same without the query, else "/".

    Only filtered lists have long queries. The unfiltered list is closer to the person's intention than the front page.
    """
    safe = safe_return(path)
    if len(safe) <= MAX_DESTINATION:
        return safe
    page = safe.partition("?")[0]
    return page if len(page) <= MAX_DESTINATION else "/"


def endpoint_name(request: Request) -> str:
    """Return the route's pattern, for the log. It never contains ids, as the path does."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "?"))
