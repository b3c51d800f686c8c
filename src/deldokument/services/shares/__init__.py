"""Use cases of members and systems that share.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

Its packages are layers, from `published` down to `rights`.

- `approvals`: what waits for a second person
- `display`: what sharers and systems see of shares
- `drafts`: drafts
- `published`: shares from their publication on
- `recipients`: recipients of a share, reminders to them, and their requests
- `rights`: what a sharer may do
- `scans`: results of malware scans, and what follows
"""
