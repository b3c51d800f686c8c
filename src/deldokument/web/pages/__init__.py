"""The HTML pages: handlers from a `RequestContext` to a response.

Never imports: `web.api`, `web.ks`.

- `admin`: pages of tenant administrators
- `confirmation`: «Bekreft»: a form that is kept for a fresh login
- `demo`: the demo's page: its people, and an adjustable clock
- `event_details`: display texts of the details of audit events
- `event_texts`: display texts of audit events, by kind
- `general`: front page, contact, accessibility, privacy
- `login`: login and logout
- `operator`: pages of operators
- `own_sessions`: «Dine innlogginger»
- `recipient`: pages of recipients
- `sharing`: pages of members who share
"""
