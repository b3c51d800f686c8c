"""KS' two interfaces as separate applications, each below its own path."""

from collections.abc import Mapping

from starlette.applications import Starlette

from deldokument.ports.dependencies import Dependencies
from deldokument.web.http.responses.rate_limit import ConcurrencyLimiter
from deldokument.web.http.site import Site
from deldokument.web.ks import accounts, store
from deldokument.web.ks.dispatch import Dispatcher, Handler
from deldokument.web.ks.sharing import share_document

PREFIX = "/melding-dokumentdeling/api/v1"
STORE_PREFIX = "/dokumentlager"
_OF_TENANT = "/{fiksOrgId}/kontoer"
_ONE = f"{_OF_TENANT}/{{kontoId}}"
_HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "/kontoer": {"GET": accounts.available},
    "/kontoer/{kontoId}/mottakere/{dokumentId}": {"GET": accounts.recipients},
    _OF_TENANT: {"GET": accounts.of_tenant, "POST": accounts.create},
    _ONE: {"GET": accounts.summary, "PUT": accounts.rename, "DELETE": accounts.delete},
    f"{_ONE}/aktiverVarsling": {"POST": accounts.notify},
    f"{_ONE}/deaktiverVarsling": {"POST": accounts.notify_no_more},
}
_STORE = f"/api/v1{_ONE}"
_DOCUMENTS = f"{_STORE}/dokumenter"
_STORE_HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    f"{_DOCUMENTS}/sok": {"POST": store.search},
    # The id must be a UUID, so that «sok» is not taken for one: other methods of the search get 405.
    f"{_DOCUMENTS}/{{dokumentId:uuid}}": {"GET": store.show, "PATCH": store.move_end, "DELETE": store.delete},
    f"{_STORE}/korrelasjonsid/{{korrelasjonsid}}": {"DELETE": store.delete_all},
    f"{_STORE}/statistikk": {"GET": store.statistics},
    "/api/v1/public-key": {"GET": store.public_key},
    "/nedlasting/{dokumentId}": {"GET": store.download},
    "/nedlasting/{dokumentId}/metadata": {"GET": store.metadata},
}


def create_ks(deps: Dependencies, site: Site, callers: ConcurrencyLimiter) -> Starlette:
    """Return the interface of Fiks del dokument, to be mounted at PREFIX."""
    dispatcher = Dispatcher(deps, site, callers)
    routes = [dispatcher.route(path, handlers) for path, handlers in _HANDLERS.items()]
    return dispatcher.application([dispatcher.form_route("/kontoer/{kontoId}/deldokument", share_document), *routes])


def create_store(deps: Dependencies, site: Site, callers: ConcurrencyLimiter) -> Starlette:
    """Return the interface of Fiks Dokumentlager, to be mounted at STORE_PREFIX.

    The path of uploads is accepted with and without a final slash, as in KS' client and in KS' description.
    """
    dispatcher = Dispatcher(deps, site, callers)
    uploads = [dispatcher.form_route(path, store.upload) for path in (_DOCUMENTS, f"{_DOCUMENTS}/")]
    routes = [dispatcher.route(path, handlers) for path, handlers in _STORE_HANDLERS.items()]
    return dispatcher.application([*uploads, *routes])
