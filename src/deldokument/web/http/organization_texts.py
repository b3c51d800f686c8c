"""Display texts of errors about organisations, as Enhetsregisteret has them."""

from __future__ import annotations

from typing import Final

from deldokument.web.http.i18n import _

ORGANIZATION_ERRORS: Final = {
    "organization_unknown": _("Enhetsregisteret has no organisation with the number %(number)s."),
    "organization_deleted": _("%(name)s has been deleted from Enhetsregisteret and can't receive documents."),
    "organization_bankrupt": _("%(name)s is bankrupt and can't receive documents here. Share with the estate instead."),
    "integration_organization_deleted": _("%(name)s has been deleted from Enhetsregisteret and can't be given access."),
    "tenant_organization_deleted": _("%(name)s has been deleted from Enhetsregisteret and can't be registered."),
    "tenant_organization_bankrupt": _("%(name)s is bankrupt and can't be registered. Register the estate instead."),
    "register_unavailable": _("We get no answer from Enhetsregisteret right now. Try again in a few minutes."),
}
"""Messages of web.http.errors, by code."""
