"""Shares from their publication on.

- `changes`: changes a published share: recipients, documents, texts and end, alone or with a second person's approval
- `handover`: hands a draft over to another member of the account
- `publishing`: publishes, approves, withdraws and copies shares, and undoes a publication
- `stored_documents`: finds, ends and extends shares by their documents, for KS' document store
"""
