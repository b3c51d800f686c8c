"""Use cases of recipients, and of systems that read back: access, receipts, and decrypted bytes.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `access`: decides who may open a share, at every request
- `access_requests`: asks for more time, or for a new share once a share is over
- `confirmation`: records that a recipient has received documents
- `content`: reads any byte range of a document or of the zip of all documents
- `copying`: copies documents of an earlier share into a new draft
- `delivery`: records delivered bytes and receipts
- `layout_cache`: caches recently computed layouts of zips
- `offers`: shows one share by its link, and the list of shares with a recipient
- `packed_bytes`: stores many short byte strings compactly
- `part_reader`: reads parts ahead of the writer, with a double buffer
- `system_access`: decides whether a system may read back what it shared
- `program_access`: a person approves that a program receives a share
- `refusals`: records refusals, limits them, and raises the alarm
- `warnings`: applies the scan policy, and records that a person has confirmed a warning
- `zip_archive`: computes the layout of the zip before it is read
- `zip_names`: makes names unique and safe to unpack
"""
