"""A process notices that plugins have other code than it has read. That it is then replaced: under_load.py."""

from flask import Flask

from inbox.db import db, transaction, work_context
from inbox.plugin_host import faults
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.recycling import has_new_code


def test_other_code_is_noticed_and_another_state_is_not(app: Flask) -> None:
    host: PluginHost = app.extensions[EXTENSION]
    assert not has_new_code(app, host)  # it has read none yet
    host.boot()
    assert not has_new_code(app, host)
    with work_context(app), transaction():
        faults.move_revision()
    host.forget()
    host.boot()
    assert not has_new_code(app, host)
    with work_context(app), transaction():
        faults.move_revision(code=True)
    assert has_new_code(app, host)
    host.forget()
    host.boot()
    assert has_new_code(app, host)  # knowing who is active is not reading the code


def test_a_database_that_is_gone_is_no_reason(app: Flask) -> None:
    host: PluginHost = app.extensions[EXTENSION]
    host.boot()
    with work_context(app), db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE plugin_revision")
    assert not has_new_code(app, host)
