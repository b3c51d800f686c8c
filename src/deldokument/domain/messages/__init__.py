"""Rules about messages to people and systems outside.

- `email_addresses`: e-mail addresses and notification choices
- `outbox`: messages of the transactional outbox
- `text_messages`: number of SMS that a text needs
- `webhook`: webhooks and their permitted addresses
"""
