"""The REST API: the same core functions, in JSON."""
