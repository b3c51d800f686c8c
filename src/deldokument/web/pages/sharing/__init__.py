"""Pages of members who share.

- `additions`: «Legg til dokumenter»: documents beside a published share
- `changes`: «Endre delingen»: changes of a published share
- `discarding`: discarding a draft, and undoing it
- `drafts`: «Del dokumenter»: the share form and its JSON calls
- `handover`: «Overlat utkastet»: handover of a draft to a colleague
- `my_notifications`: «Varsler til meg»
- `proposals`: «Godkjenning» (four eyes)
- `reports`: «Rapport»: the report of a share as PDF and JSON
- `share_list`: «Delinger»: the list of shares
- `shares`: one share, and its actions
- `timeline`: display texts of a share's events
- `upload_json`: JSON of documents and uploads for the pages' scripts
- `wrong_recipient`: «Feil mottaker»: steps and a draft of the breach notification after sharing with a wrong recipient
"""
