"""Encryption formats and keys. docs/format.md is the normative description.

Guarantees:
- A ciphertext opens only under the same key, at the same place and in the same order.
- Every failure to open raises the same error, `IntegrityError`.

Knows no people, access rules, databases or stores: identifiers and keys are bytes.

- `cms`: decryption of documents that their sender encrypted (CMS EnvelopedData)
- `errors`: the one error of a failed decryption
- `exchange`: key pairs to which senders encrypt
- `fields`: encrypted database fields, and keyed hashes for lookups
- `grants`: sealed proofs that a share names a person or an organisation
- `keys`: key generation, key derivation and key wrapping
- `manifest`: sealed manifest of a document: its parts, their order and lengths
- `row_tags`: keyed tags of rows whose columns decide about access
- `share_cards`: the tag of a share together with what it binds
- `stream`: encrypted parts (Tink's AES-GCM-HKDF streaming format)
- `webhooks`: webhook signatures
"""
