"""Nats -> weighted sums -> players."""
