"""Use cases of a tenant's lifecycle.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `activation`: activates a tenant when its requirements are met
- `administrators`: adds, confirms and removes administrators
- `deletion_certificate`: renders and signs the deletion record (sletteprotokoll)
- `deletion_record`: facts about the deletion after an end, proven by events
- `export`: exports a tenant's shares, receipts and agreements
- `freezing`: freezes and unfreezes a tenant, an account or a share
- `offboarding`: ends the service for a tenant
- `operators`: adds and removes operators
- `registration`: registers tenants
- `scan_policy`: a tenant's stricter handling of documents after a scan
- `setup_checklist`: shows the steps before the first share, and later warnings
"""
