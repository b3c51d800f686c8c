"""Use cases of members and systems that share.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

Its packages are layers, from `published` down to `rights`.

- `approvals`: proposals that wait for a second person
- `display`: views of shares for sharers and systems
- `drafts`: drafts
- `published`: shares from their publication on
- `recipients`: recipients of a share, reminders to them, and their requests
- `rights`: rights and limits of a sharer
- `scans`: results of malware scans, and decisions about them
"""
