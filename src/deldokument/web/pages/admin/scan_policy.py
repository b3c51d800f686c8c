"""«Viruskontroll»: the tenant's stricter handling of documents that a scanner has not found clean.

The rules are in services.tenants.scan_policy.
"""

from typing import Final

from starlette.responses import RedirectResponse, Response

from deldokument.domain.shares.scan_policy import CHOICES, DEFAULT_POLICY, Handling, is_stricter
from deldokument.domain.shares.share import Verdict
from deldokument.services.tenants.scan_policy import change_scan_policy
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.responses.i18n import _
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path

SECTION = "viruskontroll"
VERDICTS: Final = {
    Verdict.NOT_SCANNED: _("Not checked, because the service has no virus check"),
    Verdict.TOO_LARGE: _("Too large to be checked"),
    Verdict.ENCRYPTED: _("Has a password"),
    Verdict.ARCHIVE_LIMITS: _("Packed too much or too deep"),
    Verdict.UNREADABLE: _("Damaged"),
    Verdict.STALE: _("Checked with an old list of viruses"),
}
HANDLINGS: Final = {
    Handling.RELEASED: _("Released"),
    Handling.WARNED: _("Released with a warning"),
    Handling.HELD: _("Held back"),
}


def policy_page(call: RequestContext) -> Response:
    """Show the current rules, and the form."""
    policy, least = call.deps.config.scan_policy_of(call.tenant), call.deps.config.scan_policy
    rules = [(verdict, call.translator.text(VERDICTS[verdict]), policy[verdict]) for verdict in DEFAULT_POLICY]
    choices = {
        verdict: [
            (one.value, call.translator.text(HANDLINGS[one])) for one in CHOICES if not is_stricter(least[verdict], one)
        ]
        for verdict in DEFAULT_POLICY
    }
    return section_page(
        call,
        SECTION,
        "pages/admin/scan_policy.html",
        rules=rules,
        choices=choices,
        saved=call.query("lagret") == "1" and not call.errors,
    )


def change(call: RequestContext) -> Response:
    """Save the rules."""
    given = {verdict.value: call.fields[verdict] for verdict in DEFAULT_POLICY if verdict in call.fields}
    change_scan_policy(call.deps, call.person.person, tenant_id=call.tenant.id, handlings=given)
    return RedirectResponse(f"{section_path(call.tenant.id, SECTION)}?lagret=1", 303)


ENDPOINTS = (
    section_endpoint(f"/{SECTION}", policy_page),
    section_endpoint(f"/{SECTION}", change, POST, again=policy_page),
)
