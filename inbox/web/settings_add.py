"""Add plugins: from what came with the program, from the plugins folder, or by an uploaded zip or wheel.

An upload is for an owner alone, who types the password again. It is looked at, never imported, until the owner has
seen what it asks for and says that it may run.
"""

from __future__ import annotations

import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app, request, session
from werkzeug.datastructures import FileStorage

from inbox.config import Config
from inbox.core import agents
from inbox.core.errors import Invalid, NotAllowed, NotFound, RateLimited
from inbox.core.plugins import teller
from inbox.db import session as database
from inbox.plugin_host import archive, bring, glance, lifecycle, requirements
from inbox.plugin_host.archive import Inspection
from inbox.plugin_host.lifecycle import PluginError
from inbox.plugin_host.models import Plugin
from inbox.plugin_host.requirements import RequirementsError
from inbox.web.auth import actor, me
from inbox.web.i18n import gettext
from inbox.web.plugin_page import ASKS, what
from inbox.web.settings import blueprint, page, require, saved

FOLDER = "uploads"  # of INBOX_HOME
KEPT_SECONDS = 3600
KINDS = (".zip", ".whl")


@dataclass(frozen=True)
class Upload:
    """A file that an owner brought and has not agreed to yet."""

    path: Path
    name: str  # as its owner called it


def may_upload() -> bool:
    """Owners alone, and only where the configuration leaves it on."""
    return _config().plugin_upload and me().role.name == "owner" and not _config().safe_mode


@blueprint.get("/plugins-add")
def add_plugins() -> Any:
    """What can be added, and how."""
    require("manage_plugins")
    return _add_page()


def _add_page(error: Invalid | None = None, status: int = 200) -> Any:
    config = _config()
    found = [(each, glance.hooks_in_folder(each.folder) if each.folder else []) for each in lifecycle.catalogue()]
    return page("plugins_add", status, found=found, error=error, folder=config.plugin_folder, asks=ASKS,
                may_upload=may_upload(), upload_on=config.plugin_upload, size=archive.MOST_BYTES)


@blueprint.post("/plugins-add")
def upload_plugin() -> Any:
    """Take a file, after the password; look at it; show what it is."""
    require_uploader()
    file = request.files.get("file")
    try:
        ask_password()
        path = keep_upload(file)
    except RateLimited as limited:
        return _add_page(Invalid("password", str(limited)), 429)
    except Invalid as problem:
        return _add_page(problem, 422)
    assert file is not None
    seen = archive.inspect(path)
    if seen.problems:
        path.unlink(missing_ok=True)
        return _add_page(Invalid("file", seen.problems[0]), 422)
    session["plugin_upload"] = {"file": path.name, "name": (file.filename or "")[-100:], "agent": me().id}
    return _look(Upload(path, file.filename or ""), seen)


@blueprint.post("/plugins-add/install")
def install_upload() -> Any:
    """The owner has seen it, and agrees: bring it in, install it, or upgrade the one that is here."""
    require_uploader()
    upload = _brought()
    seen = archive.inspect(upload.path)
    if request.form.get("token") != _token(seen):  # another window has brought another file meanwhile
        return _add_page(Invalid("file", "Another file was uploaded meanwhile. Bring this one again."), 422)
    tell = teller(actor())
    try:
        if _installed(seen) is not None:
            bring.upgrade(seen.name, upload.path, tell=tell)
            words = gettext("%(title)s is upgraded.", title=_title(seen))
        else:
            bring.install_from(upload.path, tell=tell)
            words = gettext("%(title)s is installed. Look at its settings, then switch it on.", title=_title(seen))
    except PluginError as problem:
        return _look(upload, seen, str(problem), 422)
    _forget(upload)
    return saved("settings.plugin", words, name=seen.name)


@blueprint.post("/plugins-add/cancel")
def cancel_upload() -> Any:
    """Throw the file away."""
    require_uploader()
    _forget(_brought())
    return saved("settings.add_plugins", gettext("The file is thrown away; nothing of it was run."))


# --- steps ------------------------------------------------------------------------------------------------------


def _look(upload: Upload, seen: Inspection, problem: str = "", status: int = 200) -> Any:
    """What the file is and wants: read from it, not run."""
    config, manifest = _config(), seen.manifest
    assert manifest is not None
    wanted, refusal = _wanted(config, seen)
    return page("plugin_upload", status, upload=upload, seen=seen, manifest=manifest, problem=problem or refusal,
                hooks=[(each, what(each)) for each in glance.hooks_in(seen)], asks=ASKS, token=_token(seen),
                before=_installed(seen), wanted=wanted, refused=bool(refusal),
                pip="" if requirements.can_install(config) or not wanted else requirements.command(
                    config, seen.name, wanted))


def _wanted(config: Config, seen: Inspection) -> tuple[list[str], str]:
    try:
        return requirements.missing(config, seen.name, seen.requires), ""
    except RequirementsError as problem:
        return [], str(problem)


def _installed(seen: Inspection) -> str | None:
    """The version that is installed already, or None."""
    row = database().get(Plugin, seen.name)
    return row.version if row else None


def _title(seen: Inspection) -> str:
    return seen.manifest.title if seen.manifest else seen.name


def _token(seen: Inspection) -> str:
    return seen.path.stem


def require_uploader() -> None:
    require("manage_plugins")
    if not _config().plugin_upload:
        raise NotAllowed("Uploading plugins is switched off on this desk (plugin_upload).")
    if not may_upload():
        raise NotAllowed("Only an owner may upload a plugin.")


def ask_password() -> None:
    """Raises Invalid, RateLimited: somebody else may sit at an owner's open desk."""
    if not agents.confirm_password(me(), request.form.get("password", ""), request.remote_addr or ""):
        raise Invalid("password", "This is not your password.")


def keep_upload(file: FileStorage | None) -> Path:
    """The uploaded file, under a name of our own. Raises Invalid."""
    kind = Path(file.filename or "").suffix.lower() if file else ""
    if file is None or not file.filename:
        raise Invalid("file", "Choose a file.")
    if kind not in KINDS:
        raise Invalid("file", "Bring a zip or a wheel (.whl).")
    folder = _config().home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    _sweep(folder)
    path = folder / f"{secrets.token_hex(16)}{kind}"
    with path.open("xb") as target:
        shutil.copyfileobj(file.stream, target)
    return path


def _sweep(folder: Path) -> None:
    """Files that nobody agreed to."""
    for each in folder.iterdir():
        if each.suffix in KINDS and time.time() - each.stat().st_mtime > KEPT_SECONDS:
            each.unlink(missing_ok=True)


def _brought() -> Upload:
    kept = session.get("plugin_upload") or {}
    path = _config().home / FOLDER / Path(str(kept.get("file", "-"))).name
    if kept.get("agent") != me().id or path.suffix not in KINDS or not path.is_file():
        raise NotFound("The uploaded file is not here any more. Bring it again.")
    return Upload(path, str(kept.get("name", "")))


def _forget(upload: Upload) -> None:
    session.pop("plugin_upload", None)
    upload.path.unlink(missing_ok=True)


def _config() -> Config:
    config: Config = current_app.config["INBOX"]
    return config
