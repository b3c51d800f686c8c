"""Messages to people and systems outside.

- `notification_addresses`: e-mail addresses for notifications
- `outbox`: transactional outbox and its cursors
- `webhooks`: webhooks
"""
