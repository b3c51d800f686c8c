"""Drafts: filling in, uploads, copies and discarding, before a share is published.

- `additions`: uploads documents beside a published share, and makes them part of it
- `api_drafts`: creates and changes drafts through the API
- `copied_documents`: adds the documents of a share to a new draft, for a worker to copy
- `discarding`: discards a draft, with a few seconds to undo
- `draft_form`: shows the form of a draft, with remarks
- `drafts`: fills in recipients, period, texts and documents
- `new_draft`: creates the keys and the row of a draft
- `recent_recipients`: recipients that a member has recently used, for the share form
- `remarks`: remarks about the recipients of a draft, to prevent wrong ones
- `upload_tickets`: announces documents, and issues tickets for their uploads
"""
