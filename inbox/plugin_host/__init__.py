"""Everything that finds, loads, calls and guards plugins. Knows its own tables, never tickets."""
