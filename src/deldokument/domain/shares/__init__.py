"""Rules about shares: recipients, texts, documents, scans, access, and the end.

- `access_requests`: requests of recipients for more time or a new share
- `byte_ranges`: half-open byte ranges
- `policy`: access decisions, as pure functions
- `program_access`: a program's request for access, and its proof
- `report`: report of one share, and the bytes that its signature covers
- `scan_policy`: which verdicts release a document, and on what condition
- `scanning`: malware scans: engine and report
- `share`: share, document, recipient and receipt
- `statistics`: counts of shares by account and month
- `text_fields`: the texts of a share
- `typed_texts`: characters that texts may have, names of documents and zips
- `upload`: uploads and their parts
"""
