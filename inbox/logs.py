"""Log lines on standard error: readable ones for people, or one JSON object a line (`log_json`)."""

from __future__ import annotations

import json
import logging
import sys
import time

from inbox.config import Config

QUIET = ("alembic", "imapclient", "mail.log", "asyncio", "httpx", "httpcore")  # they tell of every step


class Readable(logging.Formatter):
    """`2026-03-01 12:00:00 worker: Mailbox 3 cannot be fetched: …`; the level is named from warning on."""

    def __init__(self, process: str) -> None:
        super().__init__(datefmt="%Y-%m-%d %H:%M:%S")
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        level = f" {record.levelname}" if record.levelno >= logging.WARNING else ""
        text = f"{self.formatTime(record, self.datefmt)} {self._process}{level}: {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


class Json(logging.Formatter):
    """One object a line; `at` is UTC."""

    converter = staticmethod(time.gmtime)  # type: ignore[assignment]

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {"at": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
                "level": record.levelname.lower(), "process": self._process, "logger": record.name,
                "message": record.getMessage()}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def init(config: Config, process: str) -> None:
    """Send every record of this process to standard error. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json(process) if config.log_json else Readable(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
