"""A tus client's view of Kari's draft."""

from __future__ import annotations

from tests.uploads.conftest import draft, tus  # noqa: F401
