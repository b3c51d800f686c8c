"""Use cases of uploads: reception and encryption of a document's bytes.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `append`: appends bytes to an upload (tus append)
- `compaction`: merges small parts
- `concatenation`: joins partial uploads (tus concatenation)
- `deferred_length`: handles uploads of unknown length
- `exchange_keys`: offers certificates to which systems encrypt, and keeps their private keys
- `metadata`: stores a tus client's metadata, and returns it
- `part_writer`: encrypts bytes into parts
"""
