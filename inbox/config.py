"""Settings of the installation: from `inbox.toml` in INBOX_HOME and from the environment.

The environment wins over the file, the file over the defaults. What a person changes while the
program runs (desk name, mailboxes, …) is not here but in the database (`inbox.core.settings`).
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit


class ConfigError(Exception):
    """A setting that cannot be used; the message says which one and what to do."""


@dataclass(frozen=True)
class Config:
    """One installation's settings. Every field can be set as INBOX_<NAME> or as `name = …` in inbox.toml."""

    home: Path = field(default_factory=lambda: Path("instance"))
    database_url: str = ""  # empty: SQLite in home
    database_connections: int = 40  # of one process to PostgreSQL, at most
    blobs: str = ""  # where messages and files lie; empty: home/blobs; else s3://bucket/prefix
    blobs_endpoint: str = ""  # address of the storage when it is not Amazon's; as its keys below: empty takes AWS_…
    blobs_region: str = ""
    blobs_key_id: str = ""
    blobs_secret: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = ""  # how people reach the desk; links in mail are made from it, never from the Host header
    trusted_proxies: int = 0  # how many proxies in front set X-Forwarded-*
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 2525
    smtp_protocol: str = "smtp"  # or lmtp
    max_message_bytes: int = 50 * 1024 * 1024
    web_processes: int = 1
    web_threads: int = 128
    live_streams: int = 96  # of web_threads; the rest always answers pages
    worker_threads: int = 2
    memory_limit: int = 1024  # MB; a web or worker process with more is replaced by a new one; 0: never
    max_hold: int = 60  # seconds; what agents send is held to be undone for at most this long, whatever the desk says
    demo: bool = False
    safe_mode: bool = False  # no plugin is loaded
    trace_hooks: bool = False
    private_hosts: str = ""  # names, addresses, networks of our own that plugins may talk to, separated by commas
    plugin_upload: bool = True  # the owner may bring plugins through the browser
    plugin_installs: bool = True  # pip may fetch what plugins require
    dev: bool = False  # for authors of plugins: code and templates are read again on save, faults shown on the page
    dev_plugins: str = ""  # folders of plugins somebody works on, separated as PATH is
    secret_key: str = ""  # empty: home/secret.key, made on first start
    log_json: bool = False
    session_days: int = 30
    testing: bool = False

    @property
    def sqlalchemy_url(self) -> str:
        """The database address for SQLAlchemy; `postgresql://` means psycopg 3."""
        return self.database_url or f"sqlite:///{(self.home / 'inbox.db').absolute()}"

    @property
    def is_sqlite(self) -> bool:
        return self.sqlalchemy_url.startswith("sqlite")

    @property
    def public_url(self) -> str:
        """The address people use, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def is_https(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"

    @property
    def blob_folder(self) -> Path:
        return self.home / "blobs"

    @property
    def plugin_folder(self) -> Path:
        return self.home / "plugins"

    @property
    def package_folder(self) -> Path:
        """Python packages that plugins brought or need, a folder a plugin."""
        return self.home / "packages"


def load_config(home: Path | str | None = None, **overrides: Any) -> Config:
    """Read the settings. `overrides` (from command-line options) win; None in them means "not given".

    Raises ConfigError, naming the setting and where it came from.
    """
    folder = Path(home or os.environ.get("INBOX_HOME") or "instance").absolute()
    values: dict[str, Any] = {}
    values.update(_from_file(folder / "inbox.toml"))
    values.update(_from_environment())
    values.update({name: value for name, value in overrides.items() if value is not None})
    values["home"] = folder
    config = Config(**values)
    if config.demo and not config.private_hosts:  # the demo's shop lies on this machine, as the demo itself
        config = replace(config, private_hosts=config.host)
    _check(config)
    return config


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    known = get_type_hints(Config)
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigError(f"{path}: there is no setting called {', '.join(unknown)}.")
    return {name: _convert(name, value, f"{path}") for name, value in table.items()}


def _from_environment() -> dict[str, Any]:
    found = {}
    for spec in fields(Config):
        name = f"INBOX_{spec.name.upper()}"
        if spec.name != "home" and name in os.environ:
            found[spec.name] = _convert(spec.name, os.environ[name], f"environment variable {name}")
    return found


def _convert(name: str, value: Any, where: str) -> Any:
    wanted = get_type_hints(Config)[name]
    try:
        if wanted is bool and isinstance(value, str):
            return {"1": True, "true": True, "yes": True, "on": True,
                    "0": False, "false": False, "no": False, "off": False, "": False}[value.strip().lower()]
        return wanted(value)
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {name} must be of type {wanted.__name__}, not {value!r}.") from error


def _check(config: Config) -> None:
    if config.base_url and urlsplit(config.base_url).scheme not in ("http", "https"):
        raise ConfigError(f"base_url must begin with http:// or https://, not {config.base_url!r}.")
    _check_store(config)
    if config.smtp_protocol not in ("smtp", "lmtp"):
        raise ConfigError(f"smtp_protocol must be smtp or lmtp, not {config.smtp_protocol!r}.")
    if config.demo and not {config.host, config.smtp_host} <= {"127.0.0.1", "::1", "localhost"}:
        raise ConfigError("The demo desk listens on this machine only: leave host and smtp_host on 127.0.0.1.")
    if config.dev and config.host not in ("127.0.0.1", "::1", "localhost"):
        raise ConfigError("With --dev faults are shown to everybody with their source: leave host on 127.0.0.1.")
    if not 1 <= config.web_processes <= 64:
        raise ConfigError(f"web_processes must be between 1 and 64, not {config.web_processes}.")
    if config.database_connections < 8:
        raise ConfigError(f"database_connections must be at least 8, not {config.database_connections}.")
    if not config.live_streams < config.web_threads:
        raise ConfigError("live_streams must be smaller than web_threads, or no thread is left for pages.")


def _check_store(config: Config) -> None:
    address = urlsplit(config.blobs)
    if config.blobs and (address.scheme != "s3" or not address.netloc):
        raise ConfigError(f"blobs must be empty or s3://bucket/prefix, not {config.blobs!r}.")
    if config.blobs_endpoint and urlsplit(config.blobs_endpoint).scheme not in ("http", "https"):
        raise ConfigError(f"blobs_endpoint must begin with http:// or https://, not {config.blobs_endpoint!r}.")
    if bool(config.blobs_key_id) != bool(config.blobs_secret):
        raise ConfigError("blobs_key_id and blobs_secret belong together: give both, or neither.")
