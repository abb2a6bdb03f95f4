"""Registers two things of one name."""

from inbox.toolkit import Permission, hookimpl


@hookimpl
def register_permissions():
    return [Permission("twins.look", "Look at twins"), Permission("twins.look", "Look again")]
