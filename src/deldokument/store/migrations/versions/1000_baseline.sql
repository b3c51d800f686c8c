CREATE TABLE allowance (
    consumer {id} NOT NULL,
    spent_until {big} NOT NULL,
    CONSTRAINT pk_allowance PRIMARY KEY (consumer)
){strict};

CREATE TABLE answered_request (
    id {bytes} NOT NULL,
    fingerprint {bytes} NOT NULL,
    new_id {id} NOT NULL,
    created_at {big} NOT NULL,
    leased_until {big} NOT NULL,
    sealed_answer {bytes} NOT NULL,
    CONSTRAINT pk_answered_request PRIMARY KEY (id)
){strict};

CREATE INDEX ix_answered_request_created_at ON answered_request (created_at);

CREATE TABLE audit_certificate (
    fingerprint {id} NOT NULL,
    certificate {bytes} NOT NULL,
    CONSTRAINT pk_audit_certificate PRIMARY KEY (fingerprint)
){strict};

CREATE TABLE audit_checkpoint (
    chain {id} NOT NULL,
    number {big} NOT NULL,
    hash {bytes} NOT NULL,
    signed_at {big} NOT NULL,
    certificate {id} NOT NULL,
    signature {bytes} NOT NULL,
    CONSTRAINT pk_audit_checkpoint PRIMARY KEY (chain, number)
){strict};

CREATE TABLE audit_event (
    chain {id} NOT NULL,
    number {big} NOT NULL,
    at {big} NOT NULL,
    kind TEXT NOT NULL,
    share_id {id},
    subject_id {id},
    details TEXT,
    previous {bytes} NOT NULL,
    hash {bytes} NOT NULL,
    tag {bytes} NOT NULL,
    revision INTEGER,
    CONSTRAINT pk_audit_event PRIMARY KEY (chain, number),
    CONSTRAINT ck_audit_event_number CHECK (number > 0),
    CONSTRAINT ck_audit_event_hash CHECK (length(previous) = 32 AND length(hash) = 32),
    CONSTRAINT ck_audit_event_tag CHECK (length(tag) = 32)
){strict};

CREATE INDEX ix_audit_event_about ON audit_event ((CASE WHEN (kind IN ('account_created', 'account_renamed', 'account_rules_changed', 'account_closed', 'account_reopened', 'account_deleted', 'account_deletion_undone', 'account_ended', 'account_frozen', 'account_unfrozen', 'integration_added', 'integration_changed', 'integration_removed', 'webhook_added', 'webhook_disabled', 'webhook_removed', 'member_added', 'member_absent', 'member_present', 'member_removed', 'member_erased', 'administrator_added', 'administrator_removed', 'operator_added', 'operator_removed')) THEN coalesce({about}) END)) WHERE CASE WHEN (kind IN ('account_created', 'account_renamed', 'account_rules_changed', 'account_closed', 'account_reopened', 'account_deleted', 'account_deletion_undone', 'account_ended', 'account_frozen', 'account_unfrozen', 'integration_added', 'integration_changed', 'integration_removed', 'webhook_added', 'webhook_disabled', 'webhook_removed', 'member_added', 'member_absent', 'member_present', 'member_removed', 'member_erased', 'administrator_added', 'administrator_removed', 'operator_added', 'operator_removed')) THEN coalesce({about}) END IS NOT NULL;

CREATE INDEX ix_audit_event_chain_at_number ON audit_event (chain, at, number);

CREATE INDEX ix_audit_event_chain_kind_at_number ON audit_event (chain, kind, at, number);

CREATE INDEX ix_audit_event_damage ON audit_event (details) WHERE kind = 'row_damaged';

CREATE INDEX ix_audit_event_revision ON audit_event (share_id, revision) WHERE revision IS NOT NULL;

CREATE INDEX ix_audit_event_share_id_at_number ON audit_event (share_id, at, number);

CREATE INDEX ix_audit_event_subject_id_at_number ON audit_event (subject_id, at, number);

CREATE INDEX ix_audit_event_tenant ON audit_event (chain, revision) WHERE revision IS NOT NULL AND kind IN ('tenant_created', 'tenant_rules_changed', 'tenant_frozen', 'tenant_unfrozen', 'tenant_activated', 'tenant_ended', 'tenant_forgotten');

CREATE TABLE audit_head (
    chain {id} NOT NULL,
    number {big} NOT NULL,
    hash {bytes} NOT NULL,
    CONSTRAINT pk_audit_head PRIMARY KEY (chain)
){strict};

CREATE TABLE audit_subject (
    id {id} NOT NULL,
    audit_key_id {id} NOT NULL,
    lookup_hash {bytes} NOT NULL,
    sealed_identifier {bytes} NOT NULL,
    CONSTRAINT pk_audit_subject PRIMARY KEY (id),
    CONSTRAINT uq_audit_subject_audit_key_id_lookup_hash UNIQUE (audit_key_id, lookup_hash)
){strict};

CREATE TABLE deployment (
    singleton INTEGER NOT NULL,
    id {id} NOT NULL,
    heartbeat_at {big},
    halted_at {big},
    ends_halted_at {big},
    keyring_fingerprint {bytes},
    trail_verified_at {big},
    CONSTRAINT pk_deployment PRIMARY KEY (singleton),
    CONSTRAINT ck_deployment_one_row CHECK (singleton = 1)
){strict};

CREATE TABLE exchange_key (
    id {id} NOT NULL,
    organization_number TEXT NOT NULL,
    created_at {big} NOT NULL,
    sealed_pair {bytes} NOT NULL,
    CONSTRAINT pk_exchange_key PRIMARY KEY (id)
){strict};

CREATE TABLE garbage (
    name {id} NOT NULL,
    since {big} NOT NULL,
    tenant_id {id} NOT NULL,
    CONSTRAINT pk_garbage PRIMARY KEY (name)
){strict};

CREATE TABLE notice_address (
    id {id} NOT NULL,
    lookup_hash {bytes} NOT NULL,
    sealed_address {bytes} NOT NULL,
    confirmed_at {big},
    sealed_unconfirmed {bytes} NOT NULL,
    challenge_id {id} NOT NULL,
    challenged_at {big},
    tries INTEGER NOT NULL,
    codes INTEGER NOT NULL,
    codes_since {big},
    downloaded {boolean} NOT NULL,
    ending {boolean} NOT NULL,
    approval {boolean} NOT NULL,
    signature {boolean} NOT NULL,
    language TEXT NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_notice_address PRIMARY KEY (id),
    CONSTRAINT ck_notice_address_confirmed CHECK ((confirmed_at IS NULL) = (length(sealed_address) = 0)),
    CONSTRAINT ck_notice_address_challenged CHECK ((challenged_at IS NULL) = (length(sealed_unconfirmed) = 0)),
    CONSTRAINT ck_notice_address_language CHECK (language IN ('nb', 'nn', 'en')),
    CONSTRAINT uq_notice_address_lookup_hash UNIQUE (lookup_hash)
){strict};

CREATE INDEX ix_notice_address_challenged ON notice_address (challenged_at) WHERE challenged_at IS NOT NULL;

CREATE TABLE operator (
    id {id} NOT NULL,
    lookup_hash {bytes} NOT NULL,
    sealed_identifier {bytes} NOT NULL,
    sealed_name {bytes} NOT NULL,
    role_hash {bytes} NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_operator PRIMARY KEY (id),
    CONSTRAINT uq_operator_lookup_hash UNIQUE (lookup_hash)
){strict};

CREATE TABLE outbox_cursor (
    chain {id} NOT NULL,
    number {big} NOT NULL,
    CONSTRAINT pk_outbox_cursor PRIMARY KEY (chain)
){strict};

CREATE TABLE pending_login (
    state {id} NOT NULL,
    sealed_login {bytes} NOT NULL,
    created_at {big} NOT NULL,
    CONSTRAINT pk_pending_login PRIMARY KEY (state)
){strict};

CREATE INDEX ix_pending_login_created_at ON pending_login (created_at);

CREATE TABLE published_text (
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    published_at {big} NOT NULL,
    sealed_publisher {bytes} NOT NULL,
    CONSTRAINT pk_published_text PRIMARY KEY (kind, version),
    CONSTRAINT ck_published_text_kind CHECK (kind IN ('hovedavtale', 'tjenesteavtale', 'dpia', 'ros'))
){strict};

CREATE TABLE seal_request (
    id {id} NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    location TEXT NOT NULL,
    at {big} NOT NULL,
    sealed_content {bytes} NOT NULL,
    sealed_answer {bytes},
    fault TEXT NOT NULL,
    CONSTRAINT pk_seal_request PRIMARY KEY (id),
    CONSTRAINT ck_seal_request_kind CHECK (kind IN ('pdf', 'export'))
){strict};

CREATE INDEX ix_seal_request_at ON seal_request (at);

CREATE TABLE seal_status (
    singleton INTEGER NOT NULL,
    certificate {bytes} NOT NULL,
    fault TEXT NOT NULL,
    CONSTRAINT pk_seal_status PRIMARY KEY (singleton),
    CONSTRAINT ck_seal_status_one_row CHECK (singleton = 1)
){strict};

CREATE TABLE session (
    token_hash {bytes} NOT NULL,
    csrf_token TEXT NOT NULL,
    sealed_identity {bytes} NOT NULL,
    provider_session_id TEXT,
    seen_at {big} NOT NULL,
    owner_hash {bytes} NOT NULL,
    sealed_form {bytes},
    CONSTRAINT pk_session PRIMARY KEY (token_hash)
){strict};

CREATE INDEX ix_session_owner_hash ON session (owner_hash);

CREATE INDEX ix_session_provider_session_id ON session (provider_session_id);

CREATE INDEX ix_session_seen_at ON session (seen_at);

CREATE TABLE sweep (
    singleton INTEGER NOT NULL,
    horizon {big} NOT NULL,
    deleting {boolean} NOT NULL,
    shelf INTEGER NOT NULL,
    seen {big} NOT NULL,
    orphans {big} NOT NULL,
    CONSTRAINT pk_sweep PRIMARY KEY (singleton),
    CONSTRAINT ck_sweep_one_row CHECK (singleton = 1)
){strict};

CREATE TABLE tenant (
    id {id} NOT NULL,
    organization_number TEXT NOT NULL,
    name TEXT NOT NULL,
    contact_telephone TEXT NOT NULL,
    contact_email TEXT NOT NULL,
    contact_hours TEXT NOT NULL,
    period_shortest {big} NOT NULL,
    period_standard {big} NOT NULL,
    period_longest {big} NOT NULL,
    ask_archived {boolean} NOT NULL,
    retention {big} NOT NULL,
    activated_at {big},
    frozen_at {big},
    ended_at {big},
    on_behalf_of TEXT NOT NULL,
    breach_contact TEXT NOT NULL,
    scan_policy TEXT NOT NULL,
    revision INTEGER NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_tenant PRIMARY KEY (id),
    CONSTRAINT ck_tenant_period CHECK (period_shortest > 0 AND period_longest >= period_shortest),
    CONSTRAINT ck_tenant_retention CHECK (retention >= 0),
    CONSTRAINT uq_tenant_organization_number UNIQUE (organization_number)
){strict};

CREATE TABLE account (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    name TEXT NOT NULL,
    contact_telephone TEXT NOT NULL,
    contact_email TEXT NOT NULL,
    contact_hours TEXT NOT NULL,
    period_standard {big},
    period_longest {big},
    confidential {boolean} NOT NULL,
    quota {big},
    four_eyes {boolean} NOT NULL,
    notify {boolean} NOT NULL,
    sms_sender TEXT NOT NULL,
    sms_cost_code TEXT NOT NULL,
    full_numbers {boolean} NOT NULL,
    name_tenant {boolean} NOT NULL,
    notice_channel TEXT NOT NULL,
    undo_window {big},
    revision INTEGER NOT NULL,
    closed_at {big},
    deleted_at {big},
    frozen_at {big},
    ended_at {big},
    tag {bytes} NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_tenant_id_name UNIQUE (tenant_id, name),
    CONSTRAINT fk_account_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
){strict};

CREATE INDEX ix_account_deleted ON account (deleted_at) WHERE deleted_at IS NOT NULL AND ended_at IS NULL;

CREATE TABLE administrator (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    lookup_hash {bytes} NOT NULL,
    sealed_identifier {bytes} NOT NULL,
    sealed_name {bytes} NOT NULL,
    role_hash {bytes} NOT NULL,
    acts_from {big},
    tag {bytes} NOT NULL,
    CONSTRAINT pk_administrator PRIMARY KEY (id),
    CONSTRAINT uq_administrator_tenant_id_lookup_hash UNIQUE (tenant_id, lookup_hash),
    CONSTRAINT fk_administrator_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
){strict};

CREATE INDEX ix_administrator_lookup_hash ON administrator (lookup_hash);

CREATE TABLE impact_assessment (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    done_on {date} NOT NULL,
    risk TEXT NOT NULL,
    consulted {boolean} NOT NULL,
    recorded_at {big} NOT NULL,
    sealed_assessor {bytes} NOT NULL,
    sealed_role {bytes} NOT NULL,
    sealed_recorder {bytes} NOT NULL,
    media_type TEXT NOT NULL,
    length {big} NOT NULL,
    sealed_file_name {bytes} NOT NULL,
    CONSTRAINT pk_impact_assessment PRIMARY KEY (id),
    CONSTRAINT ck_impact_assessment_risk CHECK (risk IN ('low', 'medium', 'high')),
    CONSTRAINT ck_impact_assessment_consulted CHECK (risk <> 'high' OR consulted),
    CONSTRAINT ck_impact_assessment_file CHECK ((media_type = '') = (length = 0)),
    CONSTRAINT fk_impact_assessment_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
){strict};

CREATE INDEX ix_impact_assessment_tenant_id_recorded_at_id ON impact_assessment (tenant_id, recorded_at, id);

CREATE TABLE main_agreement (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    version TEXT NOT NULL,
    signed_on {date} NOT NULL,
    recorded_at {big} NOT NULL,
    sha256 TEXT NOT NULL,
    length {big} NOT NULL,
    sealed_signer {bytes} NOT NULL,
    CONSTRAINT pk_main_agreement PRIMARY KEY (id),
    CONSTRAINT ck_main_agreement_length CHECK (length > 0),
    CONSTRAINT fk_main_agreement_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
){strict};

CREATE INDEX ix_main_agreement_tenant_id_recorded_at_id ON main_agreement (tenant_id, recorded_at, id);

CREATE TABLE program (
    secret_hash {bytes} NOT NULL,
    session_hash {bytes} NOT NULL,
    sealed_grant {bytes} NOT NULL,
    CONSTRAINT pk_program PRIMARY KEY (secret_hash),
    CONSTRAINT fk_program_session_hash FOREIGN KEY(session_hash) REFERENCES session (token_hash) ON DELETE CASCADE
){strict};

CREATE INDEX ix_program_session_hash ON program (session_hash);

CREATE TABLE service_agreement (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    version TEXT NOT NULL,
    organization_number TEXT NOT NULL,
    organization_name TEXT NOT NULL,
    signed_at {big} NOT NULL,
    text_sha256 TEXT NOT NULL,
    document_sha256 TEXT NOT NULL,
    sealed_signer {bytes} NOT NULL,
    sealed_evidence {bytes} NOT NULL,
    CONSTRAINT pk_service_agreement PRIMARY KEY (id),
    CONSTRAINT uq_service_agreement_tenant_id_version UNIQUE (tenant_id, version),
    CONSTRAINT fk_service_agreement_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
){strict};

CREATE TABLE signing_intent (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    session_hash {bytes} NOT NULL,
    version TEXT NOT NULL,
    text_sha256 TEXT NOT NULL,
    document_sha256 TEXT NOT NULL,
    sealed_role {bytes} NOT NULL,
    created_at {big} NOT NULL,
    state {id},
    nonce TEXT,
    code_verifier TEXT,
    salt TEXT,
    begun_at {big},
    taken_at {big},
    outcome TEXT NOT NULL,
    CONSTRAINT pk_signing_intent PRIMARY KEY (id),
    CONSTRAINT ck_signing_intent_order CHECK (outcome = '' OR taken_at IS NOT NULL),
    CONSTRAINT ck_signing_intent_login CHECK (taken_at IS NULL OR begun_at IS NOT NULL),
    CONSTRAINT fk_signing_intent_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id),
    CONSTRAINT uq_signing_intent_state UNIQUE (state)
){strict};

CREATE INDEX ix_signing_intent_created_at ON signing_intent (created_at);

CREATE TABLE tenure (
    tenant_id {id} NOT NULL,
    sealed_activated_by {bytes} NOT NULL,
    sealed_ended_by {bytes} NOT NULL,
    contents_deleted_at {big},
    names_erased_at {big},
    CONSTRAINT pk_tenure PRIMARY KEY (tenant_id),
    CONSTRAINT ck_tenure_order CHECK (names_erased_at IS NULL OR contents_deleted_at IS NOT NULL),
    CONSTRAINT fk_tenure_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
){strict};

CREATE TABLE assessment_file (
    assessment_id {id} NOT NULL,
    sealed_file {bytes} NOT NULL,
    CONSTRAINT pk_assessment_file PRIMARY KEY (assessment_id),
    CONSTRAINT fk_assessment_file_assessment_id FOREIGN KEY(assessment_id) REFERENCES impact_assessment (id)
){strict};

CREATE TABLE integration (
    id {id} NOT NULL,
    account_id {id} NOT NULL,
    organization_number TEXT NOT NULL,
    name TEXT NOT NULL,
    added_at {big} NOT NULL,
    removed_at {big},
    rights TEXT NOT NULL,
    used_at {big},
    password_hash {bytes},
    archive_confirmed_at {big},
    revision INTEGER NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_integration PRIMARY KEY (id),
    CONSTRAINT ck_integration_rights CHECK (rights IN ('read', 'share')),
    CONSTRAINT fk_integration_account_id FOREIGN KEY(account_id) REFERENCES account (id)
){strict};

CREATE INDEX ix_integration_living ON integration (organization_number) WHERE removed_at IS NULL;

CREATE UNIQUE INDEX uq_integration_living ON integration (account_id, organization_number) WHERE removed_at IS NULL;

CREATE TABLE main_agreement_paper (
    agreement_id {id} NOT NULL,
    sealed_pdf {bytes} NOT NULL,
    CONSTRAINT pk_main_agreement_paper PRIMARY KEY (agreement_id),
    CONSTRAINT fk_main_agreement_paper_agreement_id FOREIGN KEY(agreement_id) REFERENCES main_agreement (id)
){strict};

CREATE TABLE member (
    id {id} NOT NULL,
    account_id {id} NOT NULL,
    lookup_hash {bytes} NOT NULL,
    sealed_identifier {bytes} NOT NULL,
    sealed_name {bytes} NOT NULL,
    role_hash {bytes} NOT NULL,
    added_at {big} NOT NULL,
    used_at {big},
    removed_at {big},
    erased_at {big},
    absent_since {big},
    acts_from {big},
    revision INTEGER NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_member PRIMARY KEY (id),
    CONSTRAINT fk_member_account_id FOREIGN KEY(account_id) REFERENCES account (id)
){strict};

CREATE INDEX ix_member_account ON member (account_id, added_at, id) WHERE removed_at IS NULL;

CREATE INDEX ix_member_living ON member (lookup_hash) WHERE removed_at IS NULL;

CREATE INDEX ix_member_removed ON member (removed_at) WHERE removed_at IS NOT NULL AND erased_at IS NULL;

CREATE INDEX ix_member_waiting ON member (account_id, added_at, id) WHERE removed_at IS NULL AND acts_from IS NULL;

CREATE UNIQUE INDEX uq_member_living ON member (account_id, lookup_hash) WHERE removed_at IS NULL;

CREATE TABLE notice_count (
    id {id} NOT NULL,
    account_id {id} NOT NULL,
    month TEXT NOT NULL,
    cost_code TEXT NOT NULL,
    notices INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    CONSTRAINT pk_notice_count PRIMARY KEY (id),
    CONSTRAINT fk_notice_count_account_id FOREIGN KEY(account_id) REFERENCES account (id)
){strict};

CREATE INDEX ix_notice_count_account_id_month ON notice_count (account_id, month);

CREATE TABLE service_agreement_paper (
    agreement_id {id} NOT NULL,
    markdown TEXT NOT NULL,
    sealed_document {bytes} NOT NULL,
    sealed_pdf {bytes} NOT NULL,
    CONSTRAINT pk_service_agreement_paper PRIMARY KEY (agreement_id),
    CONSTRAINT fk_service_agreement_paper_agreement_id FOREIGN KEY(agreement_id) REFERENCES service_agreement (id)
){strict};

CREATE TABLE share (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    account_id {id} NOT NULL,
    member_id {id},
    integration_id {id},
    state TEXT NOT NULL,
    created_at {big} NOT NULL,
    changed_at {big} NOT NULL,
    audit_key_id {id} NOT NULL,
    expires_at {big},
    published_at {big},
    closed_at {big},
    confidential {boolean} NOT NULL,
    archived {boolean} NOT NULL,
    notify {boolean} NOT NULL,
    sealed_audit_texts {bytes} NOT NULL,
    sealed_share_texts {bytes} NOT NULL,
    reference_hash {bytes} NOT NULL,
    key_destroyed_at {big},
    erased_at {big},
    frozen_at {big},
    proposed_by {id},
    undo_until {big},
    undo_by {id},
    card {bytes} NOT NULL,
    exposed_to {id},
    sealed_change {bytes},
    sealed_return_note {bytes},
    answers {id},
    invites {boolean} NOT NULL,
    blobs_released {boolean} NOT NULL,
    document_count INTEGER NOT NULL,
    byte_count {big} NOT NULL,
    opened_at {big},
    downloaded_at {big},
    received_at {big},
    CONSTRAINT pk_share PRIMARY KEY (id),
    CONSTRAINT ck_share_state CHECK (state IN ('draft', 'available', 'withdrawn', 'ended', 'abandoned')),
    CONSTRAINT ck_share_published CHECK ((state IN ('draft', 'abandoned')) = (published_at IS NULL)),
    CONSTRAINT ck_share_closed CHECK ((state IN ('draft', 'available')) = (closed_at IS NULL)),
    CONSTRAINT ck_share_period CHECK (published_at IS NULL OR expires_at IS NOT NULL),
    CONSTRAINT ck_share_key_destroyed CHECK (key_destroyed_at IS NULL OR closed_at IS NOT NULL),
    CONSTRAINT ck_share_erased CHECK (erased_at IS NULL OR closed_at IS NOT NULL),
    CONSTRAINT ck_share_sharer CHECK ((member_id IS NULL) <> (integration_id IS NULL)),
    CONSTRAINT fk_share_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id),
    CONSTRAINT fk_share_account_id FOREIGN KEY(account_id) REFERENCES account (id),
    CONSTRAINT fk_share_member_id FOREIGN KEY(member_id) REFERENCES member (id),
    CONSTRAINT fk_share_integration_id FOREIGN KEY(integration_id) REFERENCES integration (id)
){strict};

CREATE INDEX ix_share_account ON share (account_id, created_at, id) WHERE erased_at IS NULL;

CREATE INDEX ix_share_account_published ON share (account_id, published_at) WHERE published_at IS NOT NULL;

CREATE INDEX ix_share_answering ON share (answers) WHERE state = 'draft' AND answers IS NOT NULL;

CREATE INDEX ix_share_audit_key ON share (audit_key_id) WHERE erased_at IS NULL;

CREATE INDEX ix_share_available ON share (expires_at, audit_key_id) WHERE state = 'available';

CREATE INDEX ix_share_available_key ON share (audit_key_id) WHERE state = 'available';

CREATE INDEX ix_share_blobs ON share (key_destroyed_at) WHERE key_destroyed_at IS NOT NULL AND NOT blobs_released;

CREATE INDEX ix_share_bytes ON share (account_id, erased_at, byte_count) WHERE key_destroyed_at IS NULL;

CREATE INDEX ix_share_change ON share (account_id, expires_at) WHERE state = 'available' AND sealed_change IS NOT NULL;

CREATE INDEX ix_share_draft ON share (changed_at) WHERE state = 'draft';

CREATE INDEX ix_share_kept ON share (account_id, state) WHERE key_destroyed_at IS NULL;

CREATE INDEX ix_share_key ON share (closed_at) WHERE closed_at IS NOT NULL AND key_destroyed_at IS NULL;

CREATE INDEX ix_share_spent ON share (tenant_id, closed_at) WHERE closed_at IS NOT NULL AND erased_at IS NULL;

CREATE INDEX ix_share_tenant_published ON share (tenant_id, published_at) WHERE published_at IS NOT NULL;

CREATE INDEX ix_share_unread ON share (account_id, expires_at) WHERE state = 'available' AND downloaded_at IS NULL;

CREATE TABLE webhook (
    id {id} NOT NULL,
    integration_id {id} NOT NULL,
    sealed_url {bytes} NOT NULL,
    sealed_secret {bytes} NOT NULL,
    events TEXT NOT NULL,
    created_at {big} NOT NULL,
    failing_since {big},
    disabled_at {big},
    disabled_for TEXT,
    revision INTEGER NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_webhook PRIMARY KEY (id),
    CONSTRAINT ck_webhook_disabled CHECK ((disabled_at IS NULL) = (disabled_for IS NULL)),
    CONSTRAINT fk_webhook_integration_id FOREIGN KEY(integration_id) REFERENCES integration (id)
){strict};

CREATE INDEX ix_webhook_integration_id ON webhook (integration_id);

CREATE TABLE document (
    id {id} NOT NULL,
    share_id {id} NOT NULL,
    sealed_name {bytes} NOT NULL,
    length {big} NOT NULL,
    position INTEGER NOT NULL,
    modified_at {big},
    completed_at {big},
    sealed_manifest {bytes} NOT NULL,
    sealed_inspection {bytes} NOT NULL,
    inspected_at {big},
    inspecting_until {big},
    sealed_scan {bytes},
    rescan_at {big},
    sealed_release {bytes},
    pending_since {big},
    sealed_sha256 {bytes} NOT NULL,
    manifest_hash TEXT,
    verdict_hash TEXT,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_document PRIMARY KEY (id),
    CONSTRAINT ck_document_length CHECK (length >= 0),
    CONSTRAINT ck_document_inspected CHECK (inspected_at IS NULL OR completed_at IS NOT NULL),
    CONSTRAINT fk_document_share_id FOREIGN KEY(share_id) REFERENCES share (id)
){strict};

CREATE INDEX ix_document_pending ON document (share_id) WHERE pending_since IS NOT NULL;

CREATE INDEX ix_document_rescan ON document (rescan_at) WHERE rescan_at IS NOT NULL;

CREATE INDEX ix_document_share_id_position ON document (share_id, position);

CREATE INDEX ix_document_uninspected ON document (completed_at) WHERE completed_at IS NOT NULL AND inspected_at IS NULL;

CREATE TABLE outbox (
    id {id} NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    share_id {id},
    target {id} NOT NULL,
    created_at {big} NOT NULL,
    due_at {big} NOT NULL,
    details TEXT NOT NULL,
    occasion {id},
    attempts INTEGER NOT NULL,
    sent_at {big},
    given_up_at {big},
    last_error TEXT NOT NULL,
    cost_code TEXT NOT NULL,
    messages INTEGER NOT NULL,
    order_id {id},
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT uq_outbox_channel_occasion UNIQUE (channel, occasion),
    CONSTRAINT ck_outbox_channel CHECK (channel IN ('altinn', 'email', 'webhook')),
    CONSTRAINT ck_outbox_settled CHECK (sent_at IS NULL OR given_up_at IS NULL),
    CONSTRAINT fk_outbox_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id),
    CONSTRAINT fk_outbox_share_id FOREIGN KEY(share_id) REFERENCES share (id)
){strict};

CREATE INDEX ix_outbox_channel_target_created_at_id ON outbox (channel, target, created_at, id);

CREATE INDEX ix_outbox_due ON outbox (channel, due_at, id) WHERE sent_at IS NULL AND given_up_at IS NULL;

CREATE INDEX ix_outbox_order_id ON outbox (order_id) WHERE order_id IS NOT NULL;

CREATE INDEX ix_outbox_share_id ON outbox (share_id);

CREATE INDEX ix_outbox_target_due ON outbox (channel, target, due_at, id) WHERE sent_at IS NULL AND given_up_at IS NULL;

CREATE TABLE recipient (
    id {id} NOT NULL,
    share_id {id} NOT NULL,
    kind TEXT NOT NULL,
    lookup_hash {bytes} NOT NULL,
    sealed_identifier {bytes} NOT NULL,
    sealed_name {bytes} NOT NULL,
    sealed_label {bytes} NOT NULL,
    confirmed {boolean} NOT NULL,
    position INTEGER NOT NULL,
    sealed_grant {bytes} NOT NULL,
    sealed_audit_grant {bytes} NOT NULL,
    removed_at {big},
    requested_at {big},
    answered_at {big},
    sealed_refusal {bytes},
    CONSTRAINT pk_recipient PRIMARY KEY (id),
    CONSTRAINT uq_recipient_share_id_lookup_hash UNIQUE (share_id, lookup_hash),
    CONSTRAINT ck_recipient_kind CHECK (kind IN ('person', 'organization')),
    CONSTRAINT fk_recipient_share_id FOREIGN KEY(share_id) REFERENCES share (id)
){strict};

CREATE INDEX ix_recipient_asking ON recipient (share_id) WHERE requested_at IS NOT NULL AND answered_at IS NULL AND removed_at IS NULL;

CREATE INDEX ix_recipient_lookup_hash ON recipient (lookup_hash);

CREATE TABLE removed_document (
    id {id} NOT NULL,
    share_id {id} NOT NULL,
    sealed_name {bytes} NOT NULL,
    length {big} NOT NULL,
    position INTEGER NOT NULL,
    removed_at {big} NOT NULL,
    sealed_sha256 {bytes} NOT NULL,
    CONSTRAINT pk_removed_document PRIMARY KEY (id),
    CONSTRAINT fk_removed_document_share_id FOREIGN KEY(share_id) REFERENCES share (id)
){strict};

CREATE INDEX ix_removed_document_share_id ON removed_document (share_id);

CREATE TABLE receipt (
    share_id {id} NOT NULL,
    document_id {id} NOT NULL,
    recipient_id {id} NOT NULL,
    subject_id {id} NOT NULL,
    first_at {big} NOT NULL,
    last_at {big} NOT NULL,
    covered TEXT NOT NULL,
    completed_at {big},
    event_at {big},
    direct {boolean} NOT NULL,
    confirmed_at {big},
    covered_hash {bytes} NOT NULL,
    tag {bytes} NOT NULL,
    CONSTRAINT pk_receipt PRIMARY KEY (share_id, document_id, recipient_id, subject_id),
    CONSTRAINT ck_receipt_order CHECK (first_at <= last_at),
    CONSTRAINT fk_receipt_share_id FOREIGN KEY(share_id) REFERENCES share (id),
    CONSTRAINT fk_receipt_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id)
){strict};

CREATE INDEX ix_receipt_recipient_id ON receipt (recipient_id);

CREATE TABLE upload (
    id {id} NOT NULL,
    document_id {id} NOT NULL,
    share_id {id} NOT NULL,
    member_id {id},
    integration_id {id},
    length {big} NOT NULL,
    "offset" {big} NOT NULL,
    token_hash {bytes},
    deadline {big} NOT NULL,
    finished_at {big},
    partial_of {id},
    start {big},
    sealed_metadata {bytes},
    sealed_source {bytes},
    copy_failure TEXT,
    copying_until {big},
    tag {bytes} NOT NULL,
    CONSTRAINT pk_upload PRIMARY KEY (id),
    CONSTRAINT ck_upload_offset CHECK ("offset" BETWEEN 0 AND length),
    CONSTRAINT ck_upload_finished CHECK (finished_at IS NULL OR "offset" = length),
    CONSTRAINT ck_upload_sharer CHECK ((member_id IS NULL) <> (integration_id IS NULL)),
    CONSTRAINT ck_upload_token CHECK ((partial_of IS NULL) <> (token_hash IS NULL)),
    CONSTRAINT fk_upload_document_id FOREIGN KEY(document_id) REFERENCES document (id),
    CONSTRAINT fk_upload_share_id FOREIGN KEY(share_id) REFERENCES share (id),
    CONSTRAINT fk_upload_member_id FOREIGN KEY(member_id) REFERENCES member (id),
    CONSTRAINT fk_upload_integration_id FOREIGN KEY(integration_id) REFERENCES integration (id),
    CONSTRAINT uq_upload_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_upload_partial_of FOREIGN KEY(partial_of) REFERENCES upload (id)
){strict};

CREATE INDEX ix_upload_copying ON upload (deadline) WHERE sealed_source IS NOT NULL AND finished_at IS NULL;

CREATE INDEX ix_upload_document_id ON upload (document_id);

CREATE INDEX ix_upload_partial ON upload (partial_of) WHERE partial_of IS NOT NULL;

CREATE INDEX ix_upload_share_id ON upload (share_id);

CREATE TABLE part (
    id {id} NOT NULL,
    upload_id {id} NOT NULL,
    "offset" {big} NOT NULL,
    length {big} NOT NULL,
    header {bytes} NOT NULL,
    CONSTRAINT pk_part PRIMARY KEY (id),
    CONSTRAINT uq_part_upload_id_offset UNIQUE (upload_id, "offset"),
    CONSTRAINT ck_part_extent CHECK ("offset" >= 0 AND length >= 0),
    CONSTRAINT fk_part_upload_id FOREIGN KEY(upload_id) REFERENCES upload (id)
){strict}
