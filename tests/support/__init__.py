"""Throw-away servers and helpers for tests: loopback only, free ports, nothing left behind."""
