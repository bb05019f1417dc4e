"""The service's own log: one JSON object a line on stderr, with no content of a case in it.

Messages are written by us, and say what happened to the service.  An exception is named by its type and the places in
the code where it passed, never by its message, which could quote a value.
"""

from __future__ import annotations

import logging
import traceback

from pydantic_core import to_json

from features.clock import format_time

JOURNAL = "defuse"


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, without the text of its exception."""
        line: dict[str, object] = {
            "at": format_time(round(record.created * 1e6)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = named(record.exc_info[1])
        request_id = getattr(record, "request_id", None)
        return to_json(line | ({"request_id": request_id} if request_id else {})).decode()


def named(error: BaseException) -> str:
    """The type of an error and where it passed, innermost last; never its message, whoever writes the line down."""
    frames = traceback.extract_tb(error.__traceback__)
    where = ", ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {where}"


def keep_journal() -> None:
    """Send what the service logs to stderr as JSON lines, once."""
    logger = logging.getLogger(JOURNAL)
    if not any(isinstance(handler.formatter, JsonLines) for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
