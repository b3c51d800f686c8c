"""Rights and limits of a sharer: access to a share, proof of its recipients, rates and quota.

- `authorization`: finds a share and checks the sharer's right to it
- `grants`: proves the recipients of a share, with its keys
- `limits`: rates of a person, and how many drafts and uploads a sharer may have
- `quota`: checks the storage quota of an account
"""
