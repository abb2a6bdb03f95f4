"""Answers each note with a note, its own included, for ever."""

from inbox.toolkit import Body, hears_itself, hookimpl, me, messages


@hookimpl
def message_received(ticket):
    messages.note(ticket, Body("And the first note."), by=me())


@hookimpl
@hears_itself
def note_added(ticket):
    messages.note(ticket, Body("And another one."), by=me())
