"""Use cases: one verb each, one transaction each. Actor and time are arguments; the world comes in through ports."""
