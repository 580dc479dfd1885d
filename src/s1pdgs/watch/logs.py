"""Log lines: for people on a terminal, or one JSON object a line for machines (coprs.md section 7.1, type LOG)."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from s1pdgs.model.time import format_iso

SECRET_WORDS = ("password", "secret", "token", "authorization", "operator_key")
MAX_CONTENT_CHARS = 10_000
MAX_VALUE_CHARS = 2048

_LEVELS = {"critical": "FATAL", "exception": "ERROR", "warn": "WARNING"}
_SUFFIXES: dict[type, str] = {bool: "boolean", int: "long", float: "double"}


def configure_logs(form: Literal["console", "json"], level: str = "INFO") -> None:
    """Set up structlog and the standard library's logging for this process, on standard error."""
    renderer = _json_line if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(levelname)s %(name)s %(message)s")
    handler.setFormatter(_JsonFormatter() if form == "json" else plain)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for noisy in ("odata_query", "httpx2", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def log_line(time: str, level: str, content: str, custom: Mapping[str, object]) -> str:
    """A line for machines; keys of `custom` get the type of their value at their end, None has no key."""
    told: dict[str, Any] = {
        "header": {"type": "LOG", "timestamp": time, "level": _LEVELS.get(level.lower(), level.upper())},
        "message": {"content": content[:MAX_CONTENT_CHARS]},
    }
    facts = {f"{key}_{_suffix(value)}": _value(value) for key, value in custom.items() if value is not None}
    return json.dumps(told | ({"custom": facts} if facts else {}), ensure_ascii=False)


def _suffix(value: object) -> str:
    return _SUFFIXES.get(type(value), "string")


def _value(value: object) -> object:
    return value if type(value) in _SUFFIXES else str(value)[:MAX_VALUE_CHARS]


def _json_line(_logger: object, method: str, event: structlog.typing.EventDict) -> str:
    facts = dict(event)
    content, time, level = str(facts.pop("event", "")), facts.pop("timestamp"), facts.pop("level", method)
    trouble = facts.pop("exception", None)
    return log_line(time, level, content if trouble is None else f"{content}\n{trouble}", facts)


class _JsonFormatter(logging.Formatter):
    """Lines of the standard library's loggers in the same form."""

    def format(self, record: logging.LogRecord) -> str:
        time = format_iso(datetime.fromtimestamp(record.created, UTC))
        content = record.getMessage()
        if record.exc_info:
            content = f"{content}\n{self.formatException(record.exc_info)}"
        return log_line(time, record.levelname, content, {"logger": record.name})


def _hide_secrets(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Values under names that sound secret never reach a log."""
    return {key: "***" if any(word in key.lower() for word in SECRET_WORDS) else value for key, value in event.items()}
