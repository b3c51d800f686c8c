"""Views of shares for sharers and systems.

- `disclosure`: lists the recipients of a document, masked or in full
- `history`: lists the events of a share for systems
- `proposal_views`: shows a proposal that waits for a second person
- `queries`: lists shares, and shows one share with its timeline
- `receipts`: lists the receipts of a share
- `related_rows`: reads the rows that belong to shares, for many shares at once
- `report`: makes, signs and seals the report of a share
- `views`: decrypts and masks shares for display
"""
