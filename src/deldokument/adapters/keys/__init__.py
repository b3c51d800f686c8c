"""Keyring and root keys: one keyring over three stores, and three kinds of root key.

- `files`: root key in a file
- `keyring`: the keyring port: entries encrypted under a root key
- `openbao`: connection to OpenBao with AppRole login
- `openbao_store`: keyring entries in OpenBao's key-value engine
- `pkcs11`: root key in a hardware security module
- `postgres`: keyring entries in a PostgreSQL database
- `sqlite`: keyring entries in an SQLite file
- `transit`: root key in OpenBao's Transit engine
"""
