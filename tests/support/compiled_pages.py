"""The pages that nearly every deployment in tests shows, compiled before its processes are forked from this one.

A server process reads the catalogue and compiles a page when it is first shown: half a CPU second for these.
"""

from deldokument.web.http.responses.i18n import STANDARD, Translator
from deldokument.web.http.responses.rendering import _environment

_FRAME = ("base", "macros", "pages/share_macros")
_PAGES = ("sharing/share_form", "sharing/share_detail", "recipient/link", "recipient/offers", "recipient/offer")

for _name in (*_FRAME, *(f"pages/{page}" for page in _PAGES)):
    _environment(Translator(STANDARD)).get_template(f"{_name}.html")
