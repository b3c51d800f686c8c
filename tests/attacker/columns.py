"""Every column of the database, and what proves its value or why it decides nothing about access.

Run as a program, it writes the generated block of docs/security-columns.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from deldokument.store.engine.schema import metadata
from tests.docs.documents import DOCS

PAGE = DOCS / "security-columns.md"
_BEGIN, _END = "<!-- generated: columns -->\n", "\n<!-- end: columns -->"


class Proof(StrEnum):
    """What makes a column that decides about access worthless to a writer of the database."""

    TAG = "tag"
    CARD = "card"
    GRANT = "grant"
    SEAL = "seal"
    SECRET = "secret"
    CHAIN = "chain"


MEANINGS = {
    Proof.TAG: "bound by the row's tag",
    Proof.CARD: "bound by the share's card",
    Proof.GRANT: "compared with the recipient's grant",
    Proof.SEAL: "encrypted for its column and record, under a key outside the database",
    Proof.SECRET: "useful only with a secret or a key that the database does not have",
    Proof.CHAIN: "compared with the hash chain of events and its signed checkpoints",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Some columns of a table: those that ``proof`` binds, or those that decide nothing, with the reason."""

    names: tuple[str, ...]
    proof: Proof | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """The cell of the page."""
        return f"decides: {self.proof}" if self.proof else f"decides nothing: {self.reason}"


def _by(proof: Proof, names: str) -> Columns:
    return Columns(tuple(names.split()), proof)


def _free(names: str, reason: str) -> Columns:
    return Columns(tuple(names.split()), reason=reason)


_PERSON = "id lookup_hash sealed_identifier sealed_name role_hash"
_TIMES = "shown to those who have access anyway"
_WORK = "order of work; another value delays, repeats or stops work"
_FIGURES = "figures"
_ITSELF = "the proof itself"

TABLES: dict[str, tuple[Columns, ...]] = {
    "account": (
        _by(
            Proof.TAG,
            "id tenant_id name contact_telephone contact_email contact_hours period_standard period_longest "
            "confidential quota four_eyes full_numbers notify sms_sender sms_cost_code name_tenant notice_channel "
            "undo_window revision closed_at deleted_at frozen_at ended_at",
        ),
        _free("tag", _ITSELF),
    ),
    "administrator": (_by(Proof.TAG, f"tenant_id {_PERSON} acts_from"), _free("tag", _ITSELF)),
    "allowance": (_free("consumer spent_until", "rate limit; another value admits or refuses calls"),),
    "answered_request": (
        _by(Proof.SECRET, "id fingerprint"),
        _by(Proof.SEAL, "sealed_answer"),
        _free("new_id", "the id of a row that the caller creates; an id in use is refused"),
        _free("created_at leased_until", _WORK),
    ),
    "assessment_file": (_by(Proof.SEAL, "assessment_id sealed_file"),),
    "audit_certificate": (_by(Proof.CHAIN, "fingerprint certificate"),),
    "audit_event": (
        _by(Proof.TAG, "chain number hash"),
        _by(Proof.CHAIN, "at kind share_id subject_id details previous revision"),
        _free("tag", _ITSELF),
    ),
    "audit_head": (_by(Proof.CHAIN, "chain number hash"),),
    "audit_checkpoint": (_by(Proof.CHAIN, "chain number hash signed_at certificate signature"),),
    "audit_subject": (
        _by(Proof.SEAL, "id audit_key_id sealed_identifier"),
        _free("lookup_hash", "finds a person's events for readers of the event log"),
    ),
    "deployment": (
        _free("singleton id keyring_fingerprint", "a start with the wrong keyring or store is refused"),
        _free("trail_verified_at", "a reminder to operators; a verification reads the whole trail itself"),
        _free("heartbeat_at halted_at", "stops destruction, or lets it go on; a share's end does not wait for it"),
        _free("ends_halted_at", "shows a halt, which the keyring's store decides"),
    ),
    "document": (
        _by(Proof.TAG, "id share_id pending_since length manifest_hash"),
        _by(Proof.CARD, "verdict_hash"),
        _by(Proof.SEAL, "sealed_name sealed_manifest sealed_inspection sealed_scan sealed_release sealed_sha256"),
        _free("tag", _ITSELF),
        _free("position modified_at", "shown"),
        _free("completed_at inspected_at", "without a manifest and an inspection record nothing is sent"),
        _free("inspecting_until rescan_at", _WORK),
    ),
    "exchange_key": (
        _by(Proof.SEAL, "id organization_number sealed_pair"),
        _free("created_at", "how long a key is offered"),
    ),
    "garbage": (_free("name since tenant_id", "objects to delete; a writer of the database can destroy"),),
    "impact_assessment": (
        _by(Proof.SEAL, "id tenant_id sealed_assessor sealed_role sealed_recorder sealed_file_name"),
        _free("done_on risk consulted recorded_at media_type length", "a record of the tenant's own"),
    ),
    "integration": (
        _by(
            Proof.TAG,
            "id account_id organization_number name added_at removed_at rights password_hash archive_confirmed_at "
            "revision",
        ),
        _free("used_at", _TIMES),
        _free("tag", _ITSELF),
    ),
    "main_agreement": (
        _by(Proof.SEAL, "id tenant_id sealed_signer"),
        _free("version signed_on recorded_at sha256 length", "a record of the tenant's own"),
    ),
    "main_agreement_paper": (_by(Proof.SEAL, "agreement_id sealed_pdf"),),
    "member": (
        _by(Proof.TAG, f"account_id {_PERSON} added_at removed_at erased_at absent_since acts_from revision"),
        _free("used_at", _TIMES),
        _free("tag", _ITSELF),
    ),
    "notice_address": (
        _by(Proof.TAG, "id lookup_hash sealed_address confirmed_at sealed_unconfirmed challenge_id challenged_at"),
        _free("tag", _ITSELF),
        _free("tries codes codes_since", "limits of codes; a code needs the directory key"),
        _free("downloaded ending approval signature language", "which notices a person wants"),
    ),
    "operator": (_by(Proof.TAG, _PERSON), _free("tag", _ITSELF)),
    "notice_count": (_free("id account_id month cost_code notices messages", _FIGURES),),
    "outbox": (
        _free(
            "id channel kind tenant_id share_id target created_at due_at details occasion attempts sent_at given_up_at "
            "last_error cost_code messages order_id",
            "a message has random ids and codes; receiver and content are read from proven rows when it is sent",
        ),
    ),
    "outbox_cursor": (_free("chain number", _WORK),),
    "part": (
        _by(Proof.SEAL, "id upload_id header"),
        _free("offset length", "compared with the stored bytes when the manifest is made"),
    ),
    "pending_login": (
        _by(Proof.SECRET, "state"),
        _by(Proof.SEAL, "sealed_login"),
        _free("created_at", "limits of a login that the provider completes"),
    ),
    "program": (
        _by(Proof.SECRET, "secret_hash"),
        _by(Proof.SEAL, "sealed_grant"),
        _free("session_hash", "when a program ends whose token opens; its session is encrypted too, and must live"),
    ),
    "published_text": (
        _free("kind version published_at", "which agreement is current; the texts are in the program"),
        _by(Proof.SEAL, "sealed_publisher"),
    ),
    "receipt": (
        _by(
            Proof.TAG,
            "share_id document_id recipient_id subject_id first_at last_at completed_at event_at direct confirmed_at "
            "covered_hash",
        ),
        _free("covered", "which bytes were sent; compared with the hash"),
        _free("tag", _ITSELF),
    ),
    "recipient": (
        _by(Proof.GRANT, "id share_id kind lookup_hash confirmed sealed_grant sealed_audit_grant"),
        _by(Proof.SEAL, "sealed_identifier sealed_name sealed_label sealed_refusal"),
        _by(Proof.CARD, "removed_at"),
        _free(
            "requested_at answered_at", "a request that members answer; the answer is a change of the end, or a draft"
        ),
        _free("position", "order of display"),
    ),
    "removed_document": (
        _by(Proof.CARD, "id share_id"),
        _by(Proof.SEAL, "sealed_name sealed_sha256"),
        _free("length position removed_at", "shown to those who share; the document is gone"),
    ),
    "seal_request": (
        _by(Proof.SEAL, "id sealed_content sealed_answer kind reason location at"),
        _free("fault", _WORK),
    ),
    "seal_status": (_free("singleton certificate fault", "shown to operators; the signature is verified"),),
    "service_agreement": (
        _by(Proof.SEAL, "id tenant_id sealed_signer sealed_evidence"),
        _free(
            "version organization_number organization_name signed_at text_sha256 document_sha256",
            "a record of the tenant's own; the signed document has the values",
        ),
    ),
    "service_agreement_paper": (
        _by(Proof.SEAL, "agreement_id sealed_document sealed_pdf"),
        _free("markdown", "a published text with the tenant's name; no secret"),
    ),
    "session": (
        _by(Proof.SECRET, "token_hash csrf_token"),
        _by(Proof.SEAL, "sealed_identity sealed_form"),
        _free("owner_hash", "finds a person's sessions for the list of their own"),
        _free("provider_session_id seen_at", "when a session ends that its secret opens; after 8 hours at the latest"),
    ),
    "share": (
        _by(
            Proof.CARD,
            "id tenant_id account_id audit_key_id member_id integration_id state changed_at expires_at published_at "
            "confidential frozen_at proposed_by undo_until undo_by exposed_to sealed_change",
        ),
        _by(Proof.SEAL, "sealed_audit_texts sealed_share_texts sealed_return_note"),
        _free("card", _ITSELF),
        _free("created_at closed_at opened_at downloaded_at received_at", _TIMES),
        _free("answers invites", "which requests for a new share are answered when it is published, and who may ask"),
        _free("archived notify", "whether a draft is complete, and whether recipients get a notice"),
        _free("reference_hash", "finds the shares of a case among those that one may see"),
        _free("key_destroyed_at erased_at blobs_released", "a writer of the database can destroy"),
        _free("document_count byte_count", _FIGURES),
    ),
    "signing_intent": (
        _by(Proof.SEAL, "id tenant_id sealed_role"),
        _by(Proof.SECRET, "session_hash state nonce code_verifier salt"),
        _free("version text_sha256 document_sha256", "compared with the text that the person signs"),
        _free("created_at begun_at taken_at outcome", "limits of a signing that the provider completes"),
    ),
    "sweep": (_free("singleton horizon deleting shelf seen orphans", _WORK),),
    "tenant": (
        _by(
            Proof.TAG,
            "id organization_number name contact_telephone contact_email contact_hours period_shortest "
            "period_standard period_longest ask_archived retention activated_at frozen_at ended_at on_behalf_of "
            "breach_contact scan_policy revision",
        ),
        _free("tag", _ITSELF),
    ),
    "tenure": (
        _by(Proof.SEAL, "tenant_id sealed_activated_by sealed_ended_by"),
        _free("contents_deleted_at names_erased_at", f"{_WORK}; compared with the events before a record is sealed"),
    ),
    "upload": (
        _by(Proof.TAG, "id document_id share_id member_id integration_id token_hash deadline partial_of"),
        _by(Proof.SEAL, "sealed_metadata sealed_source"),
        _free("length offset finished_at start", "a compare-and-set counts the bytes; the manifest binds the parts"),
        _free("copying_until", _WORK),
        _free("copy_failure", "shown to those who fill in the draft"),
        _free("tag", _ITSELF),
    ),
    "webhook": (
        _by(
            Proof.TAG,
            "id integration_id sealed_url sealed_secret events created_at failing_since disabled_at disabled_for "
            "revision",
        ),
        _free("tag", _ITSELF),
    ),
}


def deciding(table: str, *proofs: Proof) -> list[str]:
    """The columns of a table that decide; only those with one of ``proofs``, if there are any."""
    return [
        name for some in TABLES[table] if some.proof and (not proofs or some.proof in proofs) for name in some.names
    ]


def unclassified() -> dict[str, set[str]]:
    """Columns, by table, that are only in the schema, only here, or here twice."""
    listed = {table: [name for some in TABLES.get(table, ()) for name in some.names] for table in TABLES}
    stored = {name: {column.name for column in table.c} for name, table in metadata.tables.items()}
    wrong = {
        table: stored.get(table, set()) ^ set(listed.get(table, []))
        | {name for name in listed.get(table, []) if listed[table].count(name) > 1}
        for table in stored.keys() | listed.keys()
    }
    return {table: names for table, names in wrong.items() if names}


def _rows() -> Iterator[str]:
    for table, groups in TABLES.items():
        for some in groups:
            yield f"| `{table}` | {', '.join(f'`{name}`' for name in some.names)} | {some.verdict} |"


def block() -> str:
    """The tables of the page."""
    proofs = [f"| {proof} | {meaning} |" for proof, meaning in MEANINGS.items()]
    head = ["| Table | Columns | Verdict |", "|---|---|---|"]
    return "\n".join(["| Proof | The value is |", "|---|---|", *proofs, "", *head, *_rows()])


def up_to_date(page: str) -> str:
    """The page with its block written anew."""
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}{block()}{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(up_to_date(PAGE.read_text("utf-8")), "utf-8")
