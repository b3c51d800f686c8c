"""The stage that each test of the use cases gets for itself."""

from tests.support.stage.stage import stage  # noqa: F401
