"""Use cases of accounts.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `administrations`: lets administrators act, and records events about them
- `deletion`: deletes an account, with 24 hours to undo
- `integrations`: systems that may use an account through the API
- `lifecycle`: creates, renames, configures and closes accounts
- `member_import`: registers many members from a list
- `members`: registers, confirms, lists and removes members
- `statistics`: current content of accounts, and shares per month
"""
