"""Runs a plugin's code for the first time: its import, and its `register_…` answers.

It is given ten seconds; it is noted as running, so that the plugin is blamed if the process ends; and what it
replaced of the program is put back.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from inbox.plugin_host import faults, running
from inbox.plugin_host.running import Call
from inbox.plugin_host.untouched import Original

if TYPE_CHECKING:
    from inbox.plugin_host.registry import PluginHost

T = TypeVar("T")
LONGEST = 10.0  # seconds
TOO_LONG = 5  # what that weighs toward pausing


class LoadError(Exception):
    """A plugin's code cannot be used; the message names the plugin, the place and the next step."""


def run(host: PluginHost, plugin: str, what: str, function: Callable[..., T], *args: Any) -> T:
    """What the function returns. Raises LoadError (it took too long) and whatever the function raises.

    It runs in a thread of its own, because nothing else can be left behind when it never ends.
    """
    outcome: list[T] = []
    raised: list[BaseException] = []
    call = Call(plugin, what, "register")
    host.running.begin(call)

    def work() -> None:
        try:
            outcome.append(function(*args))
        except BaseException as error:  # SystemExit, too: it is handed on to the thread that waits
            raised.append(error)
        finally:
            host.running.end(call)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name=f"load-{plugin}", daemon=True)
    thread.start()
    thread.join(LONGEST)
    if raised:
        raise raised[0]
    if not outcome:
        problem = f"It has been running for more than {LONGEST:.0f} s."
        faults.store(host, plugin, what, problem, trace=running.stack_of(thread.ident), weight=TOO_LONG)
        raise LoadError(f"Plugin {plugin}: {what} takes more than {LONGEST:.0f} s. Code that runs when a plugin is "
                           "loaded only defines things; move the rest into an answer to a hook.")
    return outcome[0]


def refuse_replacements(host: PluginHost, plugin: str, original: Original) -> None:
    """Put back what importing a plugin replaced of the program, and raise LoadError if there was any."""
    replaced = [each.name for each in original.restore()]
    if replaced:
        problem = f"It replaced {', '.join(replaced[:5])} of the program; that was put back."
        faults.store(host, plugin, "import", problem)
        raise LoadError(f"Plugin {plugin} replaces {', '.join(replaced[:5])} of the program, which no plugin may. Ask "
                        "its author to answer a hook instead.")
