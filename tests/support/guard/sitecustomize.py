"""Python loads this first in every program a test starts (the folder is on its PYTHONPATH)."""

import importlib.util
import sys
from pathlib import Path

_path = Path(__file__).parents[3] / "inbox" / "testing" / "netguard.py"
_spec = importlib.util.spec_from_file_location("_inbox_test_netguard", _path)
assert _spec and _spec.loader
netguard = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(netguard)


def refuse(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
    raise ConnectionRefusedError(text)


netguard.install(refuse)
