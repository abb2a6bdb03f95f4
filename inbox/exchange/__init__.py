"""A whole desk out of this program and into another: JSON lines, and mail as .eml files, in one zip."""
