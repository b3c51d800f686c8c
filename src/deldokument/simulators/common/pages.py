"""Page rendering for the simulators: templates, without script.

Guarantees:
- Nothing is stored.
- A page loads only sources in its content security policy.
"""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

OWN_STYLE: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Content security policy of a page without external resources."""
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def page(template: str, *, status: int = 200, policy: str = OWN_STYLE, **values: object) -> Response:
    """Return a page rendered from a template with ``values``."""
    headers = {
        "cache-control": "no-store",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), status, headers)
