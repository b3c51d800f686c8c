"""Impact assessments (DPIA): the tenant's record that it was done, with its file and the date of the next review.

Guarantees:
- Names and file are encrypted under the tenant's own key.
- The type of a file is detected from its content.
- A record is never changed: a correction is a new record, and the newest one applies.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeVar

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Faults, InvalidInput, existing, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.shares.share import new_id
from deldokument.domain.shares.typed_texts import check_file_name, check_text
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.impact_assessment import (
    DOCX,
    MAX_ATTACHMENT_BYTES,
    ODT,
    PDF,
    ROLE_LENGTH,
    ImpactAssessment,
    ResidualRisk,
    check_consulted,
    check_done_on,
)
from deldokument.domain.tenants.tenancy import check_name, must_not_have_ended
from deldokument.ports.dependencies import Dependencies
from deldokument.services.agreements.status import current_text
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    open_field,
    open_file,
    seal_field,
    seal_file,
    tenant_key_id,
)
from deldokument.services.people import StaffRole, administration_of, directory_key, view_person
from deldokument.store.transaction import Transaction

_KINDS = frozenset({PDF, DOCX, ODT})
_HEAD = 64 * 1024
TEMPLATES = (AgreementKind.ASSESSMENT, AgreementKind.RISK)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class AssessmentPaper:
    """The assessment's file. ``too_large``: it was longer than accepted, and has no content."""

    name: str
    content: bytes = field(repr=False)
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class AssessmentWords:
    """The input of the form; None for a choice that was not made."""

    assessor: str
    role: str
    done_on: date | None
    risk: ResidualRisk | None
    consulted: bool = False
    paper: AssessmentPaper | None = None


@dataclass(frozen=True, slots=True)
class AssessmentView:
    """An assessment as the tenant's administrators see it. ``file_name`` is empty without a file."""

    id: str
    assessor: str
    role: str
    done_on: date
    risk: ResidualRisk
    consulted: bool
    recorded_at: datetime
    recorder: str
    review_on: date
    is_due: bool
    file_name: str
    media_type: str
    length: int


def record_assessment(
    deps: Dependencies, *, tenant_id: str, words: AssessmentWords, person: PersonIdentifier | None = None
) -> AssessmentView:
    """Record that the assessment was done. A repetition of the newest record returns that one.

    Raises: InvalidFields with all errors; NotFound; Conflict if the tenant has ended.
    """
    checked = _check(deps, words)
    with deps.database.read() as tx:
        must_not_have_ended(require(tx.tenants.get(tenant_id), "tenant"))
    key = deps.keyring.create(tenant_key_id(tenant_id))
    assessment, sealed_file = _seal(deps, key, tenant_id, checked)
    with deps.database.write() as tx:
        must_not_have_ended(require(tx.tenants.lock(tenant_id), "tenant"))
        newest = newest_assessment(deps, tx, tenant_id)
        if newest is not None and _is_same(tx, key, newest, checked):
            return newest
        name = acting_name(deps, tx, tenant_id, person)
        assessment = replace(
            assessment, sealed_recorder=seal_field(key, name, EncryptedColumn.ASSESSMENT_RECORDER, assessment.id)
        )
        tx.tenant_lifecycle.add_assessment(assessment, sealed_file)
        record_event(
            deps,
            tx,
            EventKind.ASSESSMENT_RECORDED,
            tenant_id=tenant_id,
            person=person,
            assessment=assessment.id,
            risk=assessment.risk.value,
        )
    return _view(deps, key, assessment)


def list_assessments(deps: Dependencies, *, tenant_id: str) -> list[AssessmentView]:
    """Return all assessments, newest first; the newest one applies."""
    with deps.database.read() as tx:
        return _views(deps, tx, tenant_id)


def newest_assessment(deps: Dependencies, tx: Transaction, tenant_id: str) -> AssessmentView | None:
    """Return the newest assessment, or None."""
    return next(iter(_views(deps, tx, tenant_id)), None)


def open_paper(deps: Dependencies, *, tenant_id: str, assessment_id: str) -> tuple[AssessmentView, bytes]:
    """Return one of the tenant's assessments with its file. Raises: NotFound."""
    with deps.database.read() as tx:
        view = next((v for v in _views(deps, tx, tenant_id) if v.id == assessment_id), None)
        sealed = require(tx.tenant_lifecycle.assessment_file(assessment_id) if view else None, "assessment file")
    key = existing_key(deps.keyring, tenant_key_id(tenant_id))
    return existing(view), open_file(key, sealed, EncryptedColumn.ASSESSMENT_FILE, assessment_id)


def published_templates(deps: Dependencies) -> list[AgreementKind]:
    """Return the templates for an assessment that the operator has published."""
    with deps.database.read() as tx:
        return [kind for kind in TEMPLATES if current_text(tx, kind)]


def acting_name(deps: Dependencies, tx: Transaction, tenant_id: str, person: PersonIdentifier | None) -> str:
    """Return the name of the tenant's administrator; empty for an operator."""
    own = administration_of(deps, tx, person, tenant_id) if person else None
    return view_person(directory_key(deps), StaffRole.ADMINISTRATOR, own).name if own else ""


def _check(deps: Dependencies, words: AssessmentWords) -> AssessmentWords:
    """Return the input in its stored form. Raises: InvalidFields."""
    faults = Faults()
    checked = AssessmentWords(
        assessor=faults.unless(lambda: check_name(words.assessor, field="assessor"), ""),
        role=faults.unless(lambda: _role(words.role), ""),
        done_on=faults.unless(lambda: _done_on(deps, words.done_on), None),
        risk=faults.unless(lambda: _require(words.risk, InvalidInput("risk", "risk_missing")), None),
        consulted=faults.unless(lambda: check_consulted(words.risk, words.consulted), False),
        paper=faults.unless(lambda: _paper(deps, words.paper), None),
    )
    faults.raise_any()
    return checked


def _require(value: _Value | None, missing: InvalidInput) -> _Value:
    if value is None:
        raise missing
    return value


def _role(role: str) -> str:
    return _require(check_text(role, ROLE_LENGTH, field="role") or None, InvalidInput("role", "role_missing"))


def _done_on(deps: Dependencies, done_on: date | None) -> date:
    given = _require(done_on, InvalidInput("done_on", "date_missing"))
    return check_done_on(given, day_of(deps.clock.now()))


def _paper(deps: Dependencies, paper: AssessmentPaper | None) -> AssessmentPaper | None:
    if paper is None:
        return None
    name = check_file_name(paper.name, field="paper")
    if paper.too_large or len(paper.content) > MAX_ATTACHMENT_BYTES:
        raise InvalidInput("paper", "paper_too_large", megabytes=MAX_ATTACHMENT_BYTES // 10**6)
    _require(paper_type(deps, paper.content), InvalidInput("paper", "paper_type"))
    return AssessmentPaper(name, paper.content)


def paper_type(deps: Dependencies, content: bytes) -> str | None:
    """Return the media type of PDF, DOCX or ODT, detected from the content alone; None for everything else."""
    guess = deps.media_types.guess(content[:_HEAD])
    return guess if guess in _KINDS else None


def _seal(deps: Dependencies, key: bytes, tenant_id: str, words: AssessmentWords) -> tuple[ImpactAssessment, bytes]:
    """Return the record and its encrypted file."""
    assessment_id = new_id()
    paper = words.paper or AssessmentPaper("", b"")
    assessment = ImpactAssessment(
        id=assessment_id,
        tenant_id=tenant_id,
        done_on=existing(words.done_on),
        risk=existing(words.risk),
        consulted=words.consulted,
        recorded_at=deps.clock.now(),
        sealed_assessor=seal_field(key, words.assessor, EncryptedColumn.ASSESSOR, assessment_id),
        sealed_role=seal_field(key, words.role, EncryptedColumn.ASSESSOR_ROLE, assessment_id),
        sealed_recorder=b"",
        media_type=(paper_type(deps, paper.content) or "") if words.paper else "",
        length=len(paper.content),
        sealed_file_name=seal_field(key, paper.name, EncryptedColumn.ASSESSMENT_FILE_NAME, assessment_id),
    )
    return assessment, seal_file(key, paper.content, EncryptedColumn.ASSESSMENT_FILE, assessment_id)


def _views(deps: Dependencies, tx: Transaction, tenant_id: str) -> list[AssessmentView]:
    kept = tx.tenant_lifecycle.assessments(tenant_id)
    key = existing_key(deps.keyring, tenant_key_id(tenant_id)) if kept else b""
    return [_view(deps, key, assessment) for assessment in kept]


def _view(deps: Dependencies, key: bytes, assessment: ImpactAssessment) -> AssessmentView:
    def open_text(sealed: bytes, column: EncryptedColumn) -> str:
        return open_field(key, sealed, column, assessment.id)

    return AssessmentView(
        id=assessment.id,
        assessor=open_text(assessment.sealed_assessor, EncryptedColumn.ASSESSOR),
        role=open_text(assessment.sealed_role, EncryptedColumn.ASSESSOR_ROLE),
        done_on=assessment.done_on,
        risk=assessment.risk,
        consulted=assessment.consulted,
        recorded_at=assessment.recorded_at,
        recorder=open_text(assessment.sealed_recorder, EncryptedColumn.ASSESSMENT_RECORDER),
        review_on=assessment.review_on,
        is_due=assessment.is_due(day_of(deps.clock.now())),
        file_name=open_text(assessment.sealed_file_name, EncryptedColumn.ASSESSMENT_FILE_NAME),
        media_type=assessment.media_type,
        length=assessment.length,
    )


def _is_same(tx: Transaction, key: bytes, newest: AssessmentView, words: AssessmentWords) -> bool:
    """Return whether the form repeats the stored record: the button was pressed twice, or the page was sent again."""
    paper = words.paper or AssessmentPaper("", b"")
    said = (words.assessor, words.role, words.done_on, words.risk, words.consulted, paper.name, len(paper.content))
    stored = (newest.assessor, newest.role, newest.done_on, newest.risk, newest.consulted, newest.file_name)
    if said != (*stored, newest.length):
        return False
    sealed = tx.tenant_lifecycle.assessment_file(newest.id) or b""
    return open_file(key, sealed, EncryptedColumn.ASSESSMENT_FILE, newest.id) == paper.content
