"""Cannot be imported."""

from inbox.toolkit import hookimpl

print(hookimpl.no_such_thing)
