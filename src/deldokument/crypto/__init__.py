"""Bytes and keys: how a document's bytes become ciphertext, and how they come back unchanged or not at all.

Promises that nothing opens under another key, another place or another order than it was sealed in, and that every
failure to open looks the same (`IntegrityError`). Deliberately does not know people, shares' rules, databases or
stores: identifiers arrive as bytes, keys arrive as bytes, and who may read is decided elsewhere. The normative
description is docs/format.md.
"""
