"""Publishing texts, and a tenant's own of them."""

from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from deldokument.domain.tenants.agreement import AgreementKind, ChangeKind, OperatorDetails, digest
from deldokument.services.agreements import texts
from deldokument.services.tenants import operators
from tests.support.stage.agreement_texts import name_administrator, publish_texts, sign, with_short_texts
from tests.support.stage.stage import KARI, Stage, person

SERVICE = AgreementKind.SERVICE


@pytest.fixture(autouse=True)
def short_texts(stage: Stage) -> Stage:
    return with_short_texts(stage)


def test_a_text_counts_from_when_it_is_published(stage: Stage) -> None:
    assert texts.current_document(stage.deps, tenant_id=stage.tenant.id, kind=SERVICE) is None
    texts.publish_agreement(stage.deps, SERVICE, "1.0")
    document = texts.current_document(stage.deps, tenant_id=stage.tenant.id, kind=SERVICE)
    assert document is not None
    assert (document.version, document.title) == ("1.0", "Tjenesteavtale")
    assert "Mellom Eksempel kommune, 310240001, og Deldrift IKS." in document.markdown
    assert document.sha256 == digest(document.markdown)
    details = [event.details for _, event in stage.trail() if event.kind is EventKind.AGREEMENT_PUBLISHED]
    assert details == [{"agreement": "tjenesteavtale", "version": "1.0"}]


def test_the_same_document_is_the_same_paper_whenever_it_is_set(stage: Stage) -> None:
    publish_texts(stage)
    first = texts.current_document(stage.deps, tenant_id=stage.tenant.id, kind=SERVICE)
    stage.clock.advance(days=3)
    second = texts.current_document(stage.deps, tenant_id=stage.tenant.id, kind=SERVICE)
    assert first is not None
    assert second is not None
    assert stage.deps.renderer.pdf(first.paper) == stage.deps.renderer.pdf(second.paper)


def test_the_operator_who_published_is_shown(stage: Stage) -> None:
    operators.add_operator(stage.deps, number=KARI, name="Kari Drift")
    texts.publish_agreement(stage.deps, SERVICE, "1.0", person(KARI))
    stage.clock.advance(days=1)
    texts.publish_agreement(stage.deps, SERVICE, "1.1")
    listing = next(listing for listing in texts.list_texts(stage.deps) if listing.kind is SERVICE)
    assert [(text.version, name) for text, name in listing.published] == [("1.1", ""), ("1.0", "Kari Drift")]
    assert KARI in {number for number, event in stage.trail() if event.kind is EventKind.AGREEMENT_PUBLISHED}


def test_the_newest_version_is_offered_and_only_versions_after_the_current_one_can_be_published(stage: Stage) -> None:
    def publishable() -> str:
        return next(listing.publishable for listing in texts.list_texts(stage.deps) if listing.kind is SERVICE)

    assert publishable() == "1.1"
    texts.publish_agreement(stage.deps, SERVICE, "1.1")
    assert publishable() == ""
    for version in ("1.1", "1.0"):
        with pytest.raises(Conflict, match="version_not_newer"):
            texts.publish_agreement(stage.deps, SERVICE, version)


@pytest.mark.parametrize("version", ["2.0", "", "../hovedavtale/1.0"])
def test_a_version_that_does_not_exist_is_not_published(stage: Stage, version: str) -> None:
    with pytest.raises(InvalidInput, match="version_unknown"):
        texts.publish_agreement(stage.deps, SERVICE, version)
    assert texts.current_document(stage.deps, tenant_id=stage.tenant.id, kind=SERVICE) is None


def test_nothing_is_published_before_the_operators_own_details_are_set(stage: Stage) -> None:
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, operator=OperatorDetails(name="Del dokument")))
    with pytest.raises(Unavailable, match="agreement_incomplete"):
        texts.publish_agreement(stage.deps, SERVICE, "1.0")
    assert texts.list_texts(stage.deps)[1].published == ()


def test_a_tenant_that_is_not_there_has_no_document(stage: Stage) -> None:
    publish_texts(stage)
    with pytest.raises(NotFound):
        texts.current_document(stage.deps, tenant_id="nobody", kind=SERVICE)


@pytest.mark.usefixtures("signed")
def test_what_a_new_version_changes_is_shown_against_what_was_signed(stage: Stage) -> None:
    texts.publish_agreement(stage.deps, SERVICE, "1.1")
    found = texts.changes_to_sign(stage.deps, tenant_id=stage.tenant.id)
    assert (found.signed_version, found.document.version) == ("1.0", "1.1")
    differences = [(change.kind, change.paragraph) for change in found.changes if change.kind is not ChangeKind.SAME]
    assert differences == [
        (ChangeKind.REMOVED, "**1.1** Avtalen gjelder til den blir sagt opp."),
        (ChangeKind.ADDED, "**1.1** Avtalen gjelder i to år."),
        (ChangeKind.ADDED, "**1.2** Den kan fornyes."),
        (ChangeKind.ADDED, "| Hva | Frist |"),
        (ChangeKind.ADDED, "| Svar | 2 timer |"),
    ]


@pytest.mark.usefixtures("signed")
def test_a_tenant_that_has_moved_sees_that_its_name_changes_too(stage: Stage) -> None:
    stage.change_tenant(name="Nye Eksempel kommune")
    changed = texts.changes_to_sign(stage.deps, tenant_id=stage.tenant.id).changes
    assert [change.paragraph for change in changed if change.kind is ChangeKind.ADDED] == [
        "Mellom Nye Eksempel kommune, 310240001, og Deldrift IKS."
    ]


def test_without_a_signature_there_is_nothing_to_compare(stage: Stage) -> None:
    publish_texts(stage)
    with pytest.raises(NotFound):
        texts.changes_to_sign(stage.deps, tenant_id=stage.tenant.id)


@pytest.fixture
def signed(stage: Stage) -> Stage:
    """Version 1.0 is signed."""
    publish_texts(stage)
    name_administrator(stage)
    sign(stage)
    return stage
