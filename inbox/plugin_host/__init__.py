"""Everything that finds, loads, calls and guards plugins. Knows its own tables, never tickets."""

from inbox.plugin_host import models  # noqa: F401  (the tables are known before the first query)
