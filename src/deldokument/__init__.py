"""Del dokument: hand files to named citizens and organisations, for a period, then gone."""

__version__ = "0.2.0"
