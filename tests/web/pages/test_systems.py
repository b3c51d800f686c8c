"""What systems have done, as those who share and administer see it on the pages."""

import re
from dataclasses import replace
from html import unescape

import httpx

from deldokument.domain.identifiers import OrganizationNumber
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads import append as uploads_append
from tests.support.browser import EWA, Web
from tests.support.deployment.systems import SUPPLIER, SYSTEM, integrate
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, OLA


def main_text(page: httpx.Response) -> str:
    """The words of the page, each space one."""
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(page.text)).split())


def shared(web: Web) -> str:
    """What the system of FJELL AS, run by another, has handed in and asked to be published; returns its id."""
    deps, sharer = web.stage.deps, replace(SYSTEM, supplier=OrganizationNumber(SUPPLIER))
    integrate(web.stage)
    share = create_draft(deps, sharer, web.stage.words(title="Vedtak"), [RecipientInput(OLA)])
    ticket = drafts.add_document(deps, sharer, share.id, name="vedtak.pdf", length=4, modified_at=None)
    append = uploads_append.begin_append(deps, ticket.token, ticket.upload_id, offset=0, announced=4)
    append.write([b"1234"])
    append.finish()
    publishing.publish_share(deps, sharer, share.id)
    return share.id


def test_a_share_of_a_system_is_shown_as_the_organisations(web: Web) -> None:
    page = main_text(web.browser(KARI).get(f"/delinger/{shared(web)}"))
    assert "Delt av Systemet til FJELL AS" in page
    assert "Dokumentene ble delt, av systemet til FJELL AS" in page


def test_the_event_log_names_the_owner_of_the_system_and_who_runs_it(web: Web) -> None:
    shared(web)
    ewa = web.browser(EWA)
    page = main_text(ewa.get(f"/konfigurasjon/{web.stage.tenant.id}/hendelseslogg"))
    published = page[page.rindex("Dokumentene ble delt") :][:200]
    assert "FJELL AS" in published
    assert f"Systemet drives av: {SUPPLIER}" in published
    assert "Tilgang: Kan dele" in page


def test_a_systems_proposal_names_the_organisation_that_asks(web: Web) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    page = main_text(web.browser(KARI).get(f"/delinger/{shared(web)}/godkjenning"))
    assert "FJELL AS ba om godkjenning" in page
