"""Access tokens from Maskinporten.

- `access_tokens`: validation of tokens that callers of our API present
- `client`: tokens for calls to other registers
"""
