"""The core works when the folder of always-on features is taken away: nothing depends on them."""

import shutil
import subprocess
import sys
from pathlib import Path

import inbox

CODE = """
from pathlib import Path
import sys
# An editable install would find the folder that was taken away, in the checkout.
sys.meta_path = [each for each in sys.meta_path if "editable" not in getattr(each, "__module__", "")]
from inbox.app import create_app
from inbox.config import Config
from inbox.core import intake, messages, departments
from inbox.core.events import Actor
from inbox.core.intake import Incoming
from inbox.core.models import Event, Ticket
from inbox.db import db, transaction, work_context
from inbox.jobs import dispatch
from inbox.migrate import migrate

app = create_app(Config(home=Path(sys.argv[1])))
with work_context(app):
    migrate(db.engine)
    department = departments.create(by=Actor.system("test"), name="Support")
    plan = intake.plan(Incoming("Help", "kari@example.com", text="Hello"), mailbox=None, department=department)
    with transaction():
        message = intake.accept(plan)
    ticket = db.session.get(Ticket, message.ticket_id)
    messages.note(ticket, messages.Body("A note."), by=Actor.system("test"))
    assert app.extensions["inbox_plugins"].builtins == frozenset()
dispatch.deliver_due(app)
with work_context(app):
    assert db.session.query(Event).filter(Event.dispatched_at.is_(None)).count() == 0
print("works")
"""


def test_core_works_without_builtin(tmp_path: Path) -> None:
    source = Path(inbox.__file__).parent
    shutil.copytree(source, tmp_path / "inbox", ignore=shutil.ignore_patterns("__pycache__", "builtin"))
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run([sys.executable, "-c", CODE, str(home)], capture_output=True, text=True, cwd=tmp_path,
                          env={"PYTHONPATH": str(tmp_path)}, timeout=60)
    assert done.stdout == "works\n", done.stderr
