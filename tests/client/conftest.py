"""The deployment that these tests share, and a tus client's view of Kari's draft."""

from __future__ import annotations

from support.server import deployment  # noqa: F401
from uploads.conftest import draft, tus  # noqa: F401
