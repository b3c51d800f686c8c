"""Texts of agreements: loading, rendering and PDF signatures.

- `docx`: rendering as .docx, from the templates in `docx_parts`
- `markdown`: Markdown parser; its tree is the input of all renderers
- `pades`: PAdES signatures with pyHanko
- `pdf`: rendering as PDF with Typst
- `renderer`: the document renderer port, for HTML, PDF and .docx
- `signing`: the service's signing key and certificate, in files
- `texts`: catalog of the texts in the package, by kind and version
"""
