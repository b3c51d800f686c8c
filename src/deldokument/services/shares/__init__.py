"""Use cases of members and systems that share.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `access_requests`: answers recipients who ask for more time or a new share
- `additions`: uploads documents beside a published share, and makes them part of it
- `api_drafts`: creates and changes drafts through the API
- `authorization`: finds a share and checks the sharer's right to it
- `discarding`: discards a draft, with a few seconds to undo
- `change_records`: the sealed form of a change that waits for approval
- `changes`: changes a published share: recipients, documents, texts and end, by one person or two
- `copied_documents`: adds the documents of a share to a new draft, for a worker to copy
- `disclosure`: lists the recipients of a document, masked or in full
- `draft_form`: shows the form of a draft, with remarks
- `drafts`: fills in recipients, period, texts and documents
- `grants`: proves whom a share names, with its keys
- `held_documents`: releases documents that the scan policy holds
- `handover`: hands a draft over to another member of the account
- `history`: lists the events of a share for systems
- `limits`: rates of a person, and how many drafts and uploads a sharer may have
- `new_draft`: creates the keys and the row of a draft
- `notice_status`: reports the status of a notice to a recipient
- `organization_names`: looks up names of organisations
- `proposal_views`: shows what waits for a second person
- `proposals`: four eyes: what waits for a second person, approvals of it, and its ends
- `publishing`: publishes, approves, withdraws and copies shares, and undoes a publication
- `queries`: lists shares, and shows one share with its timeline
- `quota`: checks the storage quota of an account
- `receipts`: lists the receipts of a share
- `recent_recipients`: recipients that a member has used lately, for the share form
- `recipients`: validates and adds recipients
- `related_rows`: reads the rows that belong to shares, for many shares at once
- `remarks`: remarks about the recipients of a draft, against the wrong recipient
- `reminders`: asks for a reminder to the recipients who have documents left
- `report`: makes, signs and seals the report of a share
- `return_notes`: the sealed reason of a member who sends back what a colleague proposed
- `scan_records`: details of malware scans, and decisions to release
- `stored_documents`: finds, ends and extends shares by their documents, for KS' document store
- `upload_tickets`: announces documents, and gives the tickets for their uploads
- `verdicts`: reads inspection results
- `views`: decrypts and masks shares for display
"""
