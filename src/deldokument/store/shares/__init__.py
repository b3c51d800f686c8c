"""Shares with their recipients, documents and receipts.

- `additions`: documents beside a published share
- `receipts`: receipts of recipients
- `share_cards`: cards of shares
- `share_ends`: proof that shares are over
- `share_lookup`: shares by ids that may be unknown, and by recipients
- `shares`: shares, recipients, documents
"""
