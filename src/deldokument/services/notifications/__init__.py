"""Use cases of outbound messages: notices to recipients, e-mail to senders, webhooks.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `dispatch`: transactional outbox: plans, leases, sends and forgets messages
- `email_addresses`: a person's e-mail addresses and notification choices
- `email_notices`: plans and sends e-mail to members and administrators
- `email_texts`: composes e-mail
- `recipient_notices`: plans and sends notices to recipients
- `recipient_reminders`: plans the reminders to recipients before the end
- `recipient_texts`: composes notices to recipients
- `registry`: an entry for each channel: its planners, its sender and its other particulars
- `webhook_delivery`: plans and sends webhook calls
- `webhooks`: adds, lists and removes webhooks
"""
