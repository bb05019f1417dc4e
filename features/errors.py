"""The tree of errors a user can cause.  Anything else that is raised is a bug and keeps its traceback."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input: where it is, which rule it broke, and what was allowed.

    ``path`` locates it (``events.csv row 12 column severity`` or ``events[3].severity``).
    The offending value itself is never part of a fault: it could be somebody's phone number.
    """

    path: str
    rule: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}: {self.allowed}"


class UserError(Exception):
    """Something the user can mend: says what was wrong, where, what was allowed and what to do.

    The command line answers with ``exit_code`` and no traceback, the service with ``http_status``.
    """

    exit_code = 2
    http_status = 400

    def __init__(self, message: str, *, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class InvalidRecords(UserError):
    """Records that break a rule of the input contract."""

    http_status = 422


class RefusedInput(InvalidRecords):
    """A column, attribute or value that the charter refuses to read."""


class InvalidConfiguration(UserError):
    """An experiment, policy or setting that does not hold together."""


class MissingInput(UserError):
    """A file, run, version or model that is not where it was looked for."""

    http_status = 404


class ModelNotVerified(UserError):
    """An artifact whose digest, contract or catalogue is not the one it claims."""

    http_status = 503


class LogUnavailable(UserError):
    """The log of assessments can't be opened or written: what is not logged is not answered."""

    http_status = 503


class LogUnusable(LogUnavailable):
    """A log that will not become usable by waiting: another file, or one of a newer version."""


class KeyReused(UserError):
    """An idempotency key that came before, with another body."""

    http_status = 409


class GateRefused(UserError):
    """A release gate that said no."""
