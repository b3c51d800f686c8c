"""Table definitions: columns, constraints that state invariants, and indexes.

Guarantees
- the database refuses a row that breaks an invariant of a share, an upload or an event chain;
- the migrations create the same tables (tests/migrations compares them).

- `agreements`: published texts, signed documents, signing intents
- `audit`: event chains, checkpoints, subjects
- `base`: metadata, naming convention, common columns
- `bytes`: uploads, parts, garbage
- `idempotency`: idempotency records of API requests
- `logins`: sessions, pending logins, the deployment's row, the sweep's row
- `notification_addresses`: e-mail addresses for notifications
- `outbox`: transactional outbox and its cursors
- `rate_limits`: rate limit state per consumer
- `shares`: shares, recipients, documents, receipts
- `tenancy`: tenants, accounts, members, staff, integrations
- `tenant_lifecycle`: impact assessments and offboarding records
- `webhooks`: webhooks
"""

from deldokument.adapters.sql.tables.agreements import (
    main_agreement,
    main_agreement_paper,
    published_text,
    service_agreement,
    service_agreement_paper,
    signing_intent,
)
from deldokument.adapters.sql.tables.audit import (
    audit_certificate,
    audit_event,
    audit_head,
    audit_seal,
    audit_subject,
)
from deldokument.adapters.sql.tables.base import metadata
from deldokument.adapters.sql.tables.bytes import garbage, part, upload
from deldokument.adapters.sql.tables.idempotency import answered_request
from deldokument.adapters.sql.tables.logins import deployment, pending_login, session, sweep
from deldokument.adapters.sql.tables.notification_addresses import awaits_code, notice_address
from deldokument.adapters.sql.tables.outbox import is_unsettled, outbox, outbox_cursor
from deldokument.adapters.sql.tables.rate_limits import allowance
from deldokument.adapters.sql.tables.shares import (
    document,
    has_key,
    is_available,
    is_closed,
    is_closed_unerased,
    is_draft,
    is_published,
    is_unerased,
    is_uninspected,
    is_unread,
    may_have_blobs,
    may_have_key,
    receipt,
    recipient,
    share,
)
from deldokument.adapters.sql.tables.tenancy import (
    account,
    administrator,
    integration,
    is_living,
    is_living_integration,
    is_removed_unerased,
    is_to_be_ended,
    member,
    operator,
    tenant,
)
from deldokument.adapters.sql.tables.tenant_lifecycle import assessment_file, impact_assessment, tenure
from deldokument.adapters.sql.tables.webhooks import webhook

__all__ = [
    "account",
    "administrator",
    "allowance",
    "answered_request",
    "assessment_file",
    "audit_certificate",
    "audit_event",
    "audit_head",
    "audit_seal",
    "audit_subject",
    "awaits_code",
    "deployment",
    "document",
    "garbage",
    "has_key",
    "impact_assessment",
    "integration",
    "is_available",
    "is_closed",
    "is_closed_unerased",
    "is_draft",
    "is_living",
    "is_living_integration",
    "is_published",
    "is_removed_unerased",
    "is_to_be_ended",
    "is_unerased",
    "is_uninspected",
    "is_unread",
    "is_unsettled",
    "main_agreement",
    "main_agreement_paper",
    "may_have_blobs",
    "may_have_key",
    "member",
    "metadata",
    "notice_address",
    "operator",
    "outbox",
    "outbox_cursor",
    "part",
    "pending_login",
    "published_text",
    "receipt",
    "recipient",
    "service_agreement",
    "service_agreement_paper",
    "session",
    "share",
    "signing_intent",
    "sweep",
    "tenant",
    "tenure",
    "upload",
    "webhook",
]
