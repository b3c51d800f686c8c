"""Use cases of login.

May import: the packages of services below it, `ports`, `domain`, `crypto`.

- `roles`: looks up a person's roles
- `sessions`: logs in, finds sessions, logs out
"""
