"""Proposals that wait for a second person (four eyes).

- `change_records`: the sealed form of a change that waits for approval
- `proposals`: pending proposals, approvals of them, and their ends
- `return_notes`: the sealed reason of a member who returns a colleague's proposal
"""
