"""Ports: contracts that adapters implement and use cases call. Each has one contract suite in tests/contract.

May import: `domain`; `dependencies` also imports `store`, for the database.

- `blobs`: blob store
- `channels`: e-mail, notices to recipients, webhooks
- `clock`: clock
- `dependencies`: all ports and settings that a use case receives
- `documents`: agreement texts, document rendering, PDF signing
- `inspection`: media type detection
- `keyring`: keyring
- `login`: login provider and access tokens
- `registers`: organisation names and rights
"""
