"""Rules about shares, uploads, people and agreements. Standard library only.

- `audit`: audit events and their hash chain
- `chain`: verification of an event chain
- `characters`: invisible characters, and blank text
- `errors`: error classes
- `identifiers`: Norwegian person and organisation numbers
- `messages`: messages to people and systems outside
- `norwegian_time`: the time zone, and the date in it
- `service_config`: settings that use cases read
- `shares`: shares with their documents, and who may do what with them
- `tenants`: bodies that share, with their agreements, accounts and members
- `uuids`: ids as UUIDs
"""
