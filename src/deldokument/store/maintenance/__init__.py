"""Queries for the worker's due rows, and figures for operators.

- `backlog`: counts of pending work
- `deployment`: the deployment's row
- `orphans`: progress of the orphan sweep
- `retention`: queries for shares, keys and records that are due to end or to be erased
- `statistics`: counts of published shares
"""
