"""The edge towards browsers and upload clients: HTTP in, use cases called, pages and bytes out."""
