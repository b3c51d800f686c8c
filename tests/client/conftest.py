"""A tus client's view of Kari's draft."""

from tests.uploads.conftest import draft, tus  # noqa: F401
