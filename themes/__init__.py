"""Bundled themes; found as inbox_themes/<name>."""
