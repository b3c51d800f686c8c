"""How the simulators make their pages: templates, without script.

Promises that nothing is stored, and that a page loads only what its policy names. Knows nothing of what they show.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

OWN_STYLE: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The policy of a page that has all within itself."""
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def page(template: str, *, status: int = 200, policy: str = OWN_STYLE, **values: object) -> Response:
    """A template with ``values`` in it."""
    headers = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), status, headers)
