"""What waits for a second person, and the end of that.

- `change_records`: the sealed form of a change that waits for approval
- `proposals`: four eyes: what waits for a second person, approvals of it, and its ends
- `return_notes`: the sealed reason of a member who sends back what a colleague proposed
"""
