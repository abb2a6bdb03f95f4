"""Replaces the caller's functions when it is imported."""

from inbox.plugin_host import call

call.slot = lambda *_, **__: []
