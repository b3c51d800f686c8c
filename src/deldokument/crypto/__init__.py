"""Encryption formats and keys. docs/format.md is the normative description.

Guarantees:
- A ciphertext opens only under its key, at its place and in its order.
- Every failure to open raises the same error, `IntegrityError`.

Contains no access rules and no storage: identifiers and keys are bytes.

- `cms`: decryption of documents that their sender encrypted (CMS EnvelopedData)
- `errors`: the only error of a failed decryption
- `exchange`: key pairs to which senders encrypt
- `fields`: encrypted database fields, and keyed hashes for lookups
- `grants`: sealed proofs that a share names a person or an organisation
- `keys`: key generation, key derivation and key wrapping
- `manifest`: sealed manifest of a document: its parts, their order and lengths
- `row_tags`: MACs of rows whose columns decide about access
- `share_cards`: the MAC of a share, together with the values that it covers
- `stream`: encrypted parts (Tink's AES-GCM-HKDF streaming format)
- `webhooks`: webhook signatures
"""
