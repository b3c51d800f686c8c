"""Adapters: implementations of the ports, for databases, blob stores, keys and national registers.

May import: `ports`, `domain`, `crypto`; of `client` only the JWT grant; of `store` only the engine, for `keys`.

- `altinn`: rights and notices from Altinn
- `blobs`: blob stores
- `clamd`: malware scans by ClamAV's daemon
- `clock`: clocks of this machine, of the database server, and a movable one
- `containers`: media types of formats built on zip or OLE
- `documents`: rendering and signing of agreements
- `durable_files`: file writes that survive a power failure
- `enhetsregisteret`: names and states of organisations
- `http`: HTTP client shared by the adapters to registers
- `icap`: malware scans by an ICAP server
- `idporten`: login with ID-porten
- `keys`: keyring and root keys
- `maskinporten`: access tokens from Maskinporten
- `media_types`: media type detection by content
- `own_networks`: networks of this machine's interfaces
- `private_files`: check that a key file is for this process only
- `scan_samples`: harmless samples that a malware scanner reports
- `smtp`: e-mail over SMTP submission
- `webhook_client`: HTTP client for webhooks
"""
