"""Bundled plugins; imported as inbox_plugins.<name>."""
