"""The tables, one family a file: columns, relations, predicates. No commits, no hooks."""
