"""Use cases of login.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `fresh_login`: keeps a form while its person logs in again
- `kept_forms`: format of a form that is kept
- `own_sessions`: lists and ends a person's own sessions
- `programs`: codes and tokens of programs that a person has approved
- `roles`: looks up a person's roles
- `sessions`: logs in, finds sessions, logs out
"""
