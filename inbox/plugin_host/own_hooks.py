"""Hooks that a plugin declares for other plugins, in its own `hookspecs.py`: `reports_panels` belongs to `reports`.

They are declared and called by the same rules as ours. Another plugin answers them by
`@hookimpl(optionalhook=True)`, so that it does not mind when the plugin that asks is not there.
"""

from __future__ import annotations

import importlib
import logging
from types import ModuleType
from typing import TYPE_CHECKING

from inbox import hookspecs
from inbox.hookspecs import HookSpec, Kind
from inbox.plugin_host import faults, loading
from inbox.plugin_host.discover import Found
from inbox.plugin_host.loading import LoadError

if TYPE_CHECKING:
    from inbox.plugin_host.registry import PluginHost

log = logging.getLogger(__name__)
FILE = "hookspecs.py"
KINDS = (Kind.check, Kind.choose, Kind.filter, Kind.slot)


def load(host: PluginHost, found: Found) -> None:
    """Make the hooks known that a plugin declares. Raises LoadError; then none of them is."""
    if not (found.folder / FILE).is_file():
        return
    try:
        module = loading.run(host, found.name, FILE, importlib.import_module, f"{found.module}.hookspecs")
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        faults.store(host, found.name, FILE, f"{type(error).__name__}: {error}", error=error)
        raise LoadError(f"Plugin {found.name}: its {FILE} failed: {type(error).__name__}: {error}") from error
    specs = hookspecs.collect(module)
    for spec in specs.values():
        _check(found.name, spec)
    for spec in specs.values():
        _drop_what_does_not_fit(host, spec)
    _add(host, module, specs)


def _check(plugin: str, spec: HookSpec) -> None:
    if not spec.name.startswith(f"{plugin}_"):
        raise LoadError(f"Plugin {plugin} declares the hook {spec.name}; its hooks begin with {plugin}_.")
    if spec.kind not in KINDS:
        raise LoadError(f"Plugin {plugin} declares {spec.name} as {spec.kind}; a plugin's own hooks are of the kinds "
                        f"{', '.join(KINDS)}.")
    if not spec.doc.strip():
        raise LoadError(f"Plugin {plugin}: the hook {spec.name} has no docstring; say when it is asked.")


def _drop_what_does_not_fit(host: PluginHost, spec: HookSpec) -> None:
    """Answers of plugins that were loaded before: one that takes what the hook does not give is not asked."""
    callers = {id(caller): caller for module in host.pm.get_plugins()
               for caller in host.pm.get_hookcallers(module) or () if caller.name == spec.name}
    for caller in callers.values():
        for answer in caller.get_hookimpls():
            strange = sorted(set(answer.argnames) - set(spec.args))
            if strange:
                problem = f"{spec.name} has no argument {', '.join(strange)}; there is {', '.join(spec.args)}."
                faults.store(host, answer.plugin_name, spec.name, problem)
                caller._remove_plugin(answer.plugin)


def _add(host: PluginHost, module: ModuleType, specs: dict[str, HookSpec]) -> None:
    if not specs.keys() <= host.specs.keys():  # loading may have failed later, and been tried again
        host.pm.add_hookspecs(module)
    host.specs.update(specs)
