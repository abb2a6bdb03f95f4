"""Pluginbox: a shared inbox that a site owner runs alone and extends with plugins."""

import pluggy

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("inbox")
