"""What a sharer may do: the right to a share, the proof of its recipients, rates and quota.

- `authorization`: finds a share and checks the sharer's right to it
- `grants`: proves whom a share names, with its keys
- `limits`: rates of a person, and how many drafts and uploads a sharer may have
- `quota`: checks the storage quota of an account
"""
