"""The stage that each test of the use cases gets for itself."""

from tests.support.world import stage  # noqa: F401
