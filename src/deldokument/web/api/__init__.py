"""The JSON API for systems, authenticated with Maskinporten tokens (docs/integrating.md).

Never imports: `web.pages`, `web.ks`.

- `accounts`: accounts that a consumer may use
- `app`: the FastAPI application: routers and error handlers
- `cursors`: opaque pagination cursors
- `dependencies`: dependencies that handlers receive
- `documents`: documents of a draft, and receipts
- `events`: events of a share
- `middleware`: authentication, rate limit, body limits, idempotency
- `models`: request and response models
- `multipart_body`: parts of a multipart body in memory
- `offers`: a share for a program that receives for a person
- `one_request`: a published share in one request
- `openapi`: the OpenAPI document
- `reports`: report of a share
- `share_models`: request and response models of shares
- `shares`: drafts, publishing, listing, extension, withdrawal
- `webhooks`: webhooks of an account
"""
