"""Messages of errors, by code.

Guarantees:
- Every code that other layers can raise has a message (tests/web checks that the table is complete).

They are msgids; the catalogues have the Norwegian texts.
"""

from deldokument.web.http.responses.i18n import _

WORDS: dict[str, str] = {
    "invalid_fields": _("Correct the fields that are marked."),
    "person_number_length": _("The number has %(digits)s digits. A fødselsnummer has 11."),
    "person_number_unknown": _("There is no such number. Check whether two digits have been swapped."),
    "person_number_synthetic": _("This is a test number. It can't be used here."),
    "organization_number_length": _("The number has %(digits)s digits. An organisation number has 9."),
    "organization_number_unknown": _(
        "There is no such organisation number. Check whether two digits have been swapped."
    ),
    "recipient_number_length": _(
        "The number has %(digits)s digits. A fødselsnummer has 11, an organisation number has 9."
    ),
    "number_missing": _("Write a fødselsnummer, D-nummer or organisation number."),
    "organization_number_missing": _("Write the organisation number."),
    "person_number_missing": _("Write the fødselsnummer or D-nummer."),
    "number_not_digits": _("Only digits belong in the number."),
    "organization_unknown": _("Enhetsregisteret has no organisation with the number %(number)s."),
    "organization_deleted": _("%(name)s has been deleted from Enhetsregisteret and can't receive documents."),
    "organization_bankrupt": _("%(name)s is bankrupt and can't receive documents here. Share with the estate instead."),
    "register_unavailable": _("We get no answer from Enhetsregisteret right now. Try again in a few minutes."),
    "expiry_missing": _("Choose until when the documents are to be available."),
    "expiry_in_the_past": _("The time has already passed. Choose a later one."),
    "period_too_short": _("The documents must be available for at least %(hours)s hour."),
    "period_too_long": _("The documents can be available for at most %(longest_seconds)s."),
    "on_behalf_of": _("The name at ID-porten has letters from a to z, digits, dots, _ and - only, at most 100."),
    "period_rule": _("The longest period must be %(shortest)s to %(longest)s days."),
    "name_length": _("The name must have %(shortest)s to %(longest)s characters."),
    "name_characters": _("The name has a character that can't be shown."),
    "name_has_number": _("There is a number in the name. Write the name alone."),
    "text_too_long": _("The text has %(length)s characters. There is room for %(longest)s."),
    "text_control_characters": _("The text has characters that can't be shown. Write it again without them."),
    "text_blank": _("The text has only characters that can't be seen."),
    "file_name_missing": _("The file has no name that can be shown."),
    "file_name_too_long": _("The file's name is too long. It may have %(longest)s characters."),
    "length_negative": _("The file's size is not known."),
    "document_too_large": _("The file is larger than 5 GB. Divide it, and try again."),
    "too_many_documents": _("A share has room for %(longest)s documents."),
    "too_many_recipients": _("A share has room for %(longest)s recipients."),
    "too_many_drafts": _("You have %(most)s drafts on the account. Share or discard some of them first."),
    "too_many_uploads": _("You have %(most)s unfinished uploads on the account. Wait until some of them are finished."),
    "recipients_missing": _("Add at least one recipient."),
    "recipients_unconfirmed": _("Confirm that you have checked each number that is shown without a name."),
    "archived_missing": _("Confirm that the original is in the archive."),
    "archived_unconfirmed": _(
        "Nobody has confirmed that what this system shares is archived. An administrator of the organisation does so "
        "once at «Konfigurasjon», on the account's page at «Systems that may use the account». Or send "
        '"arkivert": true.'
    ),
    "account_of_other_tenant": _("The account belongs to another organisation than the draft."),
    "account_name_taken": _("There is already an account with that name."),
    "account_name_held": _("A deleted account has that name until %(at)s. Undo the deletion, or choose another name."),
    "account_deleted": _("The account has been deleted. Undo that first if it is to be changed."),
    "changed_meanwhile": _("Somebody else has changed the account since you opened the page."),
    "delete_while_frozen": _("The operator has stopped the account. While it is stopped, it can't be deleted."),
    "undo_too_late": _("More than 24 hours have passed since the account was deleted. That can't be undone any more."),
    "name_differs": _("That is not the name of the account. Write it as it is shown above."),
    "telephone_malformed": _("A telephone number has digits only, with spaces between and + in front if you like."),
    "code_wrong": _("Wrong code. Attempts left: %(left)s."),
    "code_expired": _("The code can't be used any more. Ask for a new one."),
    "codes_spent": _("You have asked for %(most)s codes within a day. Try again tomorrow."),
    "email_malformed": _("The e-mail address is not complete. It must look like postmottak@kommune.no."),
    "account_period": _("The period must be at least %(hours)s hour and at most %(days)s days."),
    "longest_too_short": _("The longest period must be at least %(hours)s hours, so that there is an end to choose."),
    "standard_beyond_longest": _("The usual period can't be longer than the longest one."),
    "period_malformed": _("Write a whole number."),
    "quota_malformed": _("Write a number of GB, like 50 or 0.5."),
    "quota_range": _("The quota must be at least 0.1 GB and at most 1 000 000 GB."),
    "sms_sender_malformed": _("The sender's name must have 2 to 11 letters and digits, without spaces."),
    "integration_exists": _("The organisation can already use the account."),
    "integration_organization_deleted": _("%(name)s has been deleted from Enhetsregisteret and can't be given access."),
    "tenant_organization_deleted": _("%(name)s has been deleted from Enhetsregisteret and can't be registered."),
    "tenant_organization_bankrupt": _("%(name)s is bankrupt and can't be registered. Register the estate instead."),
    "webhook_url_length": _("The URL is too long. It may have %(longest)s characters."),
    "webhook_url_malformed": _(
        "That is not a URL that can be called. Write https://, a name and a path, in ASCII, without user name or "
        "fragment."
    ),
    "webhook_url_not_https": _("Webhooks are called over https only."),
    "webhook_url_port": _("Webhooks aren't called on that port."),
    "webhook_url_private": _("The URL leads into a closed network. Webhooks are called on the open internet only."),
    "webhook_event_unknown": _("There is no such event."),
    "webhook_events_missing": _("Choose at least one event."),
    "too_many_webhooks": _("There is room for %(longest)s webhooks on an account. Remove one first."),
    "webhook_disabled": _(
        "The webhook has been disabled because its calls were not accepted. Remove it, and add it again."
    ),
    "choice_missing": _("Choose which value to keep."),
    "tenant_exists": _(
        "The organisation is already registered here. If it has ended the service, its number becomes free when the "
        "retention period is over."
    ),
    "member_exists": _("The person is already registered on the account."),
    "administrator_exists": _("The person is already an administrator."),
    "contact_not_told": _("The organisation could not be told by e-mail. Nothing has been changed. Try again later."),
    "administrator_decides": _("Only an administrator of the organisation can change that, under «Konfigurasjon»."),
    "last_administrator": _("The organisation must have an administrator. Name another one first."),
    "operator_exists": _("The person is already an operator."),
    "list_empty": _("The list is empty. Write or paste at least one line, or choose a file."),
    "list_too_long": _("The list has %(lines)s lines. There is room for %(longest)s at a time. Divide it."),
    "list_too_large": _("The list is too large. There is room for %(longest)s kB at a time. Divide it."),
    "list_sent_twice": _("Paste the list or choose a file, not both. What was pasted is still here."),
    "list_not_text": _("The file can't be read as text. Save it as CSV, and try again."),
    "list_changed": _(
        "Someone has registered or removed people on the list since you last checked it. Nothing has been "
        "registered. Look through it once more."
    ),
    "line_columns": _("The line must have a number and a name, with a semicolon, a comma or a tab between them."),
    "line_quotes": _("The line has a quotation mark without another one to close it."),
    "discard_final": _("It is too late to undo. The draft is deleted."),
    "not_sent_yet": _("You can confirm the documents that you have downloaded. Download them first, and try again."),
    "not_a_draft": _("Only a draft can be changed this way. The share has been published or has ended."),
    "share_over": _("The share has ended. It can no longer be changed."),
    "last_recipient": _("A share needs a recipient. Withdraw the share instead."),
    "undo_over": _("It is too late to undo. You can withdraw the share."),
    "undo_window_range": _("Give whole minutes from 0 to %(longest)s."),
    "last_document": _("A share needs a document. Withdraw the share instead."),
    "state_changed": _("The page has expired. Load it again, and try once more."),
    "not_found": _("We can't find what you are looking for."),
    "right_missing": _(
        "Something is shared with %(organizations)s. To open it, you need the right «%(right)s» in Altinn. "
        "The organisation's main administrator there can give it to you."
    ),
    "access_token_refused": _("The access_token could not be validated."),
    "integration_refused": _("Authentication failed for the integration with id %(id)s."),
    "end_wanted": _("A share ends: give either ttl, in seconds and not negative, or tilgjengeligTil."),
    "recipient_type": _("Documents are shared with PERSON and ORGANISASJON only, and with no ressursId."),
    "recipient_unnamed": _("A privilege or a property names nobody. Name the persons and organisations."),
    "exposed_to_other": _("A document can be exposed to no system but the one that shares it, by its IntegrasjonId."),
    "document_not_alone": _("The share has more documents. Change or withdraw the share on the pages or in the API."),
    "document_deleted": _("The document has been deleted."),
    "search_criterion": _("Search by korrelasjonsid alone."),
    "document_undecryptable": _(
        "The document was not encrypted to the service's public key. Fetch the key again, and encrypt anew."
    ),
    "downloads_always_recorded": _("Every download is recorded here. It can't be turned off."),
    "sharing_form": _("The form has two parts: metadata, and after it dokument."),
    "integration_reads_only": _("The system can read the account's shares, but can't change them."),
    "share_ended": _("The documents were available until %(at)s, and have been deleted."),
    "share_withdrawn": _("The sender withdrew the documents %(at)s. They have been deleted."),
    "share_stopped": _("The documents can't be opened just now."),
    "sharing_stopped": _(
        "The operator has stopped sharing here. You can see and withdraw shares, but not share anything new."
    ),
    "account_closed": _("The account is closed, and nothing new can be shared from it."),
    "quota_exceeded": _("The account has room for %(left_bytes)s more. This takes %(needed_bytes)s."),
    "no_notices": _("The recipients of this share get no notices."),
    "reminded_already": _("The recipients got a notice less than 24 hours ago. Try again later."),
    "request_too_early": _("You can ask for more time from a week before the share ends."),
    "request_closed": _("You can't ask for a new share here. Contact the sender."),
    "not_proposed": _("The share is no longer waiting for approval."),
    "draft_of_another": _("Only the one who fills in the draft can change or share it."),
    "sharer_decides": _("Only the one who shared can do this."),
    "earlier_members_decide": _("Only a user who was there before the share was published can approve this."),
    "own_proposal": _("You asked for the approval yourself. Another member of the account must give it."),
    "proposal_changed": _("What waits for approval has changed since you opened the page. Look at it as it is now."),
    "rights_unknown": _(
        "We get no answer from Altinn right now, so we can't see what you have access to. Try again in a few minutes."
    ),
    "login_cancelled": _("You cancelled the login. Nothing has happened. You can try again whenever you like."),
    "login_level": _("You logged in at a level that is too low. Choose BankID or another login at level high."),
    "login_not_fresh": _(
        "To do this, you must have logged in within the last 15 minutes. Nothing has changed. Log in again, and try "
        "once more."
    ),
    "login_person_missing": _(
        "The login did not show who you are. Log in with an electronic ID that is tied to your fødselsnummer or "
        "D-nummer."
    ),
    "login_refused": _("The login could not be completed. Try again from the start."),
    "token_missing": _("The request has no access token. Get one from Maskinporten, and send it as a bearer token."),
    "token_invalid": _("The access token is not valid here. Get a new one from Maskinporten."),
    "insufficient_scope": _("The access token lacks the scope %(scope)s. Ask Maskinporten for a token with it."),
    "tokens_unavailable": _(
        "We get no answer from Maskinporten right now, so we can't check the access token. Try again in a few minutes."
    ),
    "busy": _("The service is very busy right now. Try again in a moment."),
    "rate_limited": _("Too many requests. Wait %(wait_seconds)s."),
    "refusal_limit": _(
        "You have opened many links that are not for you. Wait %(wait_seconds)s before you try another one. Are you "
        "expecting documents? Ask the sender whether you have got the right link."
    ),
    "login_limit": _("You have logged in very many times in a short time. Wait %(wait_seconds)s, and try again."),
    "lookup_limit": _(
        "You have added very many recipients in a short time. Wait %(wait_seconds)s, and try again. What you have "
        "saved is kept."
    ),
    "colleague_missing": _("Choose a colleague in the list."),
    "colleague_has_drafts": _("Your colleague has %(most)s drafts on the account, and can't take over more."),
    "draft_limit": _("You have started very many shares in a short time. Wait %(wait_seconds)s, and try again."),
    "media_type": _("The request's body must be %(wanted)s."),
    "field_missing": _("The field is required."),
    "field_unknown": _("There is no such field."),
    "parameter_unknown": _("There is no such parameter."),
    "field_malformed": _("The value has the wrong type or format."),
    "cursor_malformed": _("The cursor is not valid. Start the list again without one."),
    "idempotency_key_malformed": _("The Idempotency-Key must be 1 to 255 visible ASCII characters."),
    "idempotency_key_reused": _("That Idempotency-Key was used for another request. Choose a new one."),
    "request_under_way": _("The first request with that Idempotency-Key is still running. Ask again in a moment."),
    "login_busy": _("Very many people are logging in right now. Wait a few seconds, and try again."),
    "login_unavailable": _("We get no answer from ID-porten right now. Try again in a few minutes."),
    "copy_missing": _("Choose the PDF with the signed agreement."),
    "copy_too_large": _("The PDF is larger than 20 MB. Choose a smaller one."),
    "copy_not_pdf": _("The file is not a PDF. Choose another."),
    "files_missing": _("Choose at least one file."),
    "files_unfinished": _("Wait until all files have been uploaded, or remove those that are missing."),
    "files_copying": _("Wait until all files have been copied, or remove those that are missing."),
    "documents_of_another": _(
        "Only the one who shared the documents can take them along. Ask them, or create the new share without the "
        "documents."
    ),
    "documents_over": _("The share is over, so its documents can't be copied. Create the new share without them."),
    "files_infected": _("A virus was found in a file. Load the page again to see which, and remove it."),
    "files_unscanned": _("The files are waiting for the virus check. Try again in a few minutes."),
    "document_unconfirmed": _(
        "The document could not be checked for viruses. Open the page of the share, read the warning, and download it "
        "from there."
    ),
    "document_held": _(
        "The document could not be checked for viruses. The sender decides whether you can download it."
    ),
    "document_not_held": _("The document isn't held back any more. Load the page again."),
    "own_held_document": _("You share the document yourself. Another member of the account must release it."),
    "scan_policy": _("Choose something that is at least as strict as the operator's rule."),
    "document_infected": _("A virus was found in the document, and it can't be downloaded. Contact the sender."),
    "scanner": _("The service doesn't answer right now. Try again in a few minutes."),
    "inspection_running": _("The document is being made ready. Try again in a moment."),
    "inspection_refused": _("Something is wrong with the document, and it can't be downloaded. Contact the sender."),
    "full_numbers_missing": _("The account doesn't give full numbers to the system."),
    "report_unknown": _("The file is not the report of a share as JSON."),
    "program_request": _("The address is not one that a program has made. Start the program again."),
    "program_code_refused": _("The code can be used once, within a minute, by the program that asked for it."),
    "program_token_refused": _("The program has no access to the documents any more. Start it again, and approve it."),
    "program_limit": _("You have approved programs very many times. Wait %(wait_seconds)s, and try again."),
    "clock": _("The service can't trust its clock right now. Try again in a few minutes."),
    "destruction_halted": _("The service can't trust its clock right now. Try again in a few minutes."),
    "clock_untrusted": _("The service can't trust its clock right now. Try again in a few minutes."),
    "database_restored": _(
        "The service was restored from a backup, and the operator has to check it first. Try again later."
    ),
    "database": _("The service doesn't answer right now. Try again in a few minutes."),
    "blobs": _("The service doesn't answer right now. Try again in a few minutes."),
    "keyring": _("The service doesn't answer right now. Try again in a few minutes."),
    "storage_full": _("The service has no space left right now. What was uploaded is safe. Try again later."),
    "upload_offset": _("The offset does not match the upload. Ask for the current offset, and continue from there."),
    "upload_finished": _("The upload is finished and can't be changed."),
    "upload_beyond_length": _("The file is larger than was announced."),
    "upload_begun_whole": _("The file is being uploaded in one piece. Continue that upload."),
    "too_many_partials": _("A file can be uploaded in at most %(longest)s pieces."),
    "partials_differ": _("The pieces are not finished, or are not the whole file in order."),
    "upload_length_differs": _("The length is not the one that was announced."),
    "checksum_mismatch": _("The content was damaged on the way. Send it again."),
    "csrf": _("The page has expired. Load it again, and try once more."),
    "body_too_large": _("The request is too large."),
    "body_malformed": _("The request could not be read."),
    "method": _("This can't be done here."),
    "not_logged_in": _("You are not logged in. What you wrote has been kept."),
    "unregistered": _(
        "You are not registered as a user on any account, so you can't share documents. "
        "An administrator of your organisation registers users."
    ),
    "not_in_use": _("The organisation has not taken the service into use yet. That must be done first."),
    "steps_missing": _(
        "Agreements and impact assessment must be in place before the service is taken into use. Missing: %(steps)s."
    ),
    "end_while_frozen": _(
        "The operator has stopped the service for the organisation or one of its accounts. While it is stopped, the "
        "service can't be ended."
    ),
    "deletion_under_way": _("The deletion is not complete yet. Try again in a few minutes."),
    "tenant_name_differs": _("That is not the name of the organisation. Write it as it is shown above."),
    "date_missing": _("Write the date, with day, month and year."),
    "date_in_the_future": _("The date is in the future. Write the day it was done."),
    "date_too_early": _("The date is too long ago. Check the year."),
    "role_missing": _("Write the role of the person who was responsible."),
    "risk_missing": _("Choose how much risk remains."),
    "consultation_missing": _(
        "When the residual risk is high, Datatilsynet must be consulted first. Confirm that it has been."
    ),
    "paper_type": _("The file is not a PDF, DOCX or ODT. Choose another."),
    "paper_too_large": _("The file is larger than %(megabytes)s MB. Choose a smaller one."),
    "service_ended": _("The organisation has ended the service. Nothing new can be created or shared here."),
    "agreement_incomplete": _(
        "The document is not ready: the operator has not filled in its part yet. Contact the operator."
    ),
    "records_unproven": _(
        "The document can't be made: records were changed outside the service. The operator has been alerted."
    ),
    "seal_missing": _("The service has no seal yet. Contact the operator."),
    "seal_expired": _("The service's seal has expired. Contact the operator."),
    "seal_busy": _("Many documents are being sealed right now. Try again in a moment."),
    "seal_unanswered": _("The service can't seal documents right now. Try again in a moment."),
    "version_unknown": _("There is no such version of the text."),
    "version_not_newer": _("That version, or a newer one, has already been published."),
    "version_not_published": _("Choose a version that has been published."),
    "agreement_not_published": _("There is nothing to sign yet. The operator must publish the agreement first."),
    "agreement_signed": _("The agreement has already been signed."),
    "agreement_changed": _(
        "The agreement, or what it says of the organisation, has changed since you opened it. "
        "Read it again before you sign."
    ),
    "signer_role_missing": _("Write your position or role."),
    "authority_missing": _("Confirm that you are authorised to sign for the organisation."),
    "signing_expired": _("More than 15 minutes passed before you were back. Start again."),
    "signing_over": _("This signing has ended. Start again if the agreement has not been signed."),
    "signing_other_session": _(
        "The signing was started in another browser, or before you logged out. Log in, and start again."
    ),
    "signing_other_person": _("Someone other than you logged in with ID-porten. You must log in as yourself."),
    "signing_old_login": _("ID-porten did not ask you to log in again, so we can't tell that it was you. Start again."),
    "placeholder_unknown": _("The text asks for «%(name)s», which can't be filled in."),
    "version_malformed": _("A version is two or three numbers with dots between them, like 1.0 or 1.2.1."),
    "signature_overdue": _(
        "The organisation must sign the new service agreement before anyone can share more. Tell your administrator. "
        "Existing shares stay available."
    ),
    "share_missing": _("Write the share's link or id."),
    "share_unknown": _("There is no such share."),
    "list_has_faults": _("%(count)s lines of the list are wrong. Nobody has been registered."),
    "reason_missing": _("Choose why."),
    "day_malformed": _("Write the day with day, month and year, like 24.11.2026."),
    "days_reversed": _("The last day comes before the first. Check the two."),
    "event_kind_unknown": _("Choose a kind of event from the list."),
    "search_expired": _("The search is too old. Fill in the form again."),
    "export_unknown": _("The file is not an event log exported as JSON."),
    "certificate_malformed": _("That is not a certificate (PEM)."),
    "month_malformed": _("Write the month as year and month, like 2026-01."),
    "too_many_months": _("That is %(months)s months. Choose at most %(longest)s."),
    "broken": _("Something went wrong on our side. It has been recorded. Try again later."),
}
