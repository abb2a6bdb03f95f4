"""Secrets of the installation: encryption of stored passwords, and keys derived for signing.

One key, in INBOX_HOME/secret.key (readable by its owner alone) or in INBOX_SECRET_KEY. Older keys may follow the
first, one a line: they still decrypt, `rotate()` re-encrypts with the first. A lost key loses passwords, which are
then asked for again, and never mail.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from inbox.config import Config, ConfigError
from inbox.core.models import Mailbox, SettingValue
from inbox.db import current_config, transaction

KEY_FILE = "secret.key"
ENCRYPTED = ("imap_password", "smtp_password")  # columns of mailbox


class SecretLost(Exception):
    """Something was encrypted with a key that is not here any more; the value has to be entered again."""

    def __init__(self) -> None:
        super().__init__("The stored password cannot be read, because the secret key has changed. Enter it again.")


def ensure_key(config: Config) -> None:
    """Make the key file on first start. Raises ConfigError when it cannot be written or read."""
    if config.secret_key:
        _keys(config.secret_key)
        return
    path = config.home / KEY_FILE
    try:
        config.home.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        _keys(_read(path))
        return
    except OSError as error:
        raise ConfigError(f"The secret key cannot be stored in {path}: {error.strerror}.") from error
    with os.fdopen(handle, "w") as file:
        file.write(Fernet.generate_key().decode() + "\n")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The secret key in {path} cannot be read: {error}") from error


def _text(config: Config) -> str:
    return config.secret_key or _read(config.home / KEY_FILE)


@lru_cache(maxsize=8)
def _keys(text: str) -> tuple[Fernet, ...]:
    try:
        return tuple(Fernet(line.strip()) for line in text.replace(",", "\n").splitlines() if line.strip())
    except ValueError as error:
        raise ConfigError("The secret key is not valid. It is 32 bytes in URL-safe base64; "
                          "restore it from a backup, or remove it to have a new one made.") from error


def encrypt(value: str) -> str:
    """Encrypt a value for the database."""
    return MultiFernet(_keys(_text(current_config()))).encrypt(value.encode()).decode()


def decrypt(stored: str) -> str:
    """The value behind `encrypt`. Raises SecretLost."""
    try:
        return MultiFernet(_keys(_text(current_config()))).decrypt(stored.encode()).decode()
    except InvalidToken:
        raise SecretLost() from None


def derived_key(label: str, config: Config | None = None) -> bytes:
    """32 bytes for one purpose (`session`, `message-id`, …), different for each label.

    They hang on the oldest key, so that rotation neither ends sessions nor breaks the signatures of sent mail.
    """
    oldest = _text(config or current_config()).replace(",", "\n").split()[-1]
    return hmac.new(oldest.encode(), b"pluginbox:" + label.encode(), hashlib.sha256).digest()


def rotate(config: Config) -> int:
    """Put a new key first and encrypt every stored password with it. Returns how many there were.

    Where the key comes from the environment, a person puts the new one there first; ConfigError says so.
    """
    if config.secret_key:
        if len(_keys(config.secret_key)) < 2:
            raise ConfigError("The key comes from INBOX_SECRET_KEY: put a new key before the old one there, "
                              "separated by a comma, and run this again.")
        return re_encrypt()
    path = config.home / KEY_FILE
    fresh = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(Fernet.generate_key().decode() + "\n" + _read(path))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return re_encrypt()


def re_encrypt() -> int:
    """Encrypt every stored password and every secret of plugins with the first key; what cannot be read stays.

    A plugin keeps secrets of its own in columns whose names end in `_sealed`; they are found by that name, whether or
    not the plugin is loaded.
    """
    done = 0
    with transaction() as current:
        for mailbox in current.scalars(sa.select(Mailbox)):
            for column in ENCRYPTED:
                stored = getattr(mailbox, column)
                if stored is not None and (plain := _readable(stored)) is not None:
                    setattr(mailbox, column, encrypt(plain))
                    done += 1
        for row in current.scalars(sa.select(SettingValue)):
            stored = row.value.get("secret") if isinstance(row.value, dict) else None
            if stored is not None and (plain := _readable(stored)) is not None:
                row.value = {**row.value, "secret": encrypt(plain)}
                done += 1
        for table, column in _sealed_columns(current.connection()):
            for stored in current.scalars(sa.select(column).select_from(table).where(column.is_not(None))).all():
                if (plain := _readable(stored)) is not None:  # no two ciphertexts are alike: the value is its key
                    current.execute(sa.update(table).where(column == stored).values({column: encrypt(plain)}))
                    done += 1
    return done


def _sealed_columns(connection: sa.Connection) -> Iterator[tuple[sa.TableClause, Any]]:
    """Columns of plugins' tables that hold what `encrypt` made."""
    for (_, name), columns in sa.inspect(connection).get_multi_columns().items():
        for each in columns:
            if each["name"].endswith("_sealed"):
                column = sa.column(each["name"], sa.Text)
                yield sa.table(name or "", column), column


def _readable(stored: str) -> str | None:
    try:
        return decrypt(stored)
    except SecretLost:
        return None
