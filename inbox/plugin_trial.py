"""`python -m inbox.plugin_trial`: imports one plugin and says what came of it. Started by `plugin_host.trial`.

The task comes as JSON on standard input; the answer goes into a file, since a plugin may print what it likes.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

from inbox.config import Config
from inbox.migrate import MigrationError
from inbox.plugin_host import discover, registrations
from inbox.plugin_host.manifest import FILE, ManifestError, read


def try_plugin(task: dict[str, Any]) -> dict[str, Any]:
    """Import it, check its hooks and registrations, and run its migrations when a scratch database is named."""
    from inbox.app import create_app
    from inbox.db import work_context
    from inbox.plugin_host import migrate, registry

    scratch = task["scratch"]
    app = create_app(Config(home=Path(task["home"]), database_url=f"sqlite:///{scratch}" if scratch else ""))
    host: registry.PluginHost = app.extensions[registry.EXTENSION]
    try:
        with work_context(app):
            for each in task["needed"]:
                _load(host, each)
            found = _load(host, task["plugin"])
            if scratch:
                migrate.to_newest(found)
    except (registry.LoadError, MigrationError, ManifestError) as error:
        cause = error.__cause__ or error
        return {"problem": str(error), "deprecated": [], "trace": "".join(traceback.format_exception(cause))[-20_000:]}
    return {"problem": "", "deprecated": _deprecated(host, found), "trace": ""}


def _load(host: Any, place: dict[str, str]) -> discover.Found:
    folder = Path(place["folder"])
    found = discover.Found(place["name"], folder, place["module"], read(folder / FILE))
    if Path(place["packages"]).is_dir():
        sys.path.append(place["packages"])
    host.load(found.name, found)
    return found


def _deprecated(host: Any, found: Any) -> list[str]:
    """The deprecated hooks that a loaded plugin answers."""
    hooks = {options.get("specname") or function.__name__
             for function, options in registrations.answers(sys.modules[found.module])}
    return sorted(hook for hook in hooks if hook in host.specs and host.specs[hook].status == "deprecated")


def main() -> int:
    """Do the task on standard input. Returns the exit code."""
    logging.disable(logging.CRITICAL)
    task = json.load(sys.stdin)
    answer = json.dumps(try_plugin(task))
    Path(task["answer"]).write_text(answer, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
