"""Adapters to Altinn 3: a person's rights for organisations, and notices to recipients.

- `authorized_parties`: rights from the list of authorized parties
- `decision_point`: rights from the policy decision point (PDP)
- `notifications`: notification orders
- `token_exchange`: exchange of Maskinporten tokens for Altinn tokens
"""
