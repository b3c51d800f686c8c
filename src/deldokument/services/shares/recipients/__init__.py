"""Recipients of a share, reminders to them, and their requests.

- `access_requests`: answers recipients who ask for more time or a new share
- `notice_status`: reports the status of a notice to a recipient
- `organization_names`: looks up names of organisations
- `recipients`: validates and adds recipients
- `reminders`: requests a reminder to recipients who have documents left
"""
