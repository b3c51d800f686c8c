"""The command line: what operators type. Speaks to people in English, through bootstrap and services."""
