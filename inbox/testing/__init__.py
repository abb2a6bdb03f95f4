"""The pytest plugin for plugin authors and for us."""
