"""Log lines: for people on a terminal, or one JSON object a line for machines."""

import logging
import sys
from typing import Literal

import structlog

SECRET_WORDS = ("password", "secret", "token", "authorization", "operator_key")


def configure_logs(form: Literal["console", "json"], level: str = "INFO") -> None:
    """Set up structlog and the standard library's logging for this process, on standard error."""
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
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
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for noisy in ("odata_query", "httpx2", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _hide_secrets(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Values under names that sound secret never reach a log."""
    return {key: "***" if any(word in key.lower() for word in SECRET_WORDS) else value for key, value in event.items()}
