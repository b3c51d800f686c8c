"""HTTP: pages, API, KS interface, uploads and downloads.

May import: `services`, `ports`, `store`, `domain`, `crypto`, `server`.

- `altinn_callback`: Altinn's check before delivery whether a notice still applies
- `api`: the JSON API
- `app`: the public application: routes and security headers
- `http`: request dispatch, rendering, errors, forms, languages
- `ks`: the interface that is compatible with KS Fiks
- `management`: the management application: liveness, readiness, metrics
- `metrics`: metrics in Prometheus' format
- `pages`: the HTML pages
- `transfer`: uploads, downloads and exports as byte streams
"""
