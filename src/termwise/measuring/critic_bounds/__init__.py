"""Bounds on links by critics that are trained anew, on examples that they never saw."""
