"""The record of a report that also holds an audit by group, and how ``report.json`` is read back."""

from __future__ import annotations

import json

from training.audit.record import Audit
from training.evaluation.record import ReportRecord


class AuditedReport(ReportRecord):
    """Everything that a report with an audit shows: ``report.json`` is this record."""

    audit: Audit

    @classmethod
    def of(cls, record: ReportRecord, audit: Audit) -> AuditedReport:
        """Returns ``record`` with its audit."""
        return cls(**{name: getattr(record, name) for name in ReportRecord.model_fields}, audit=audit)


def read_report(text: str) -> ReportRecord:
    """Returns the record of a ``report.json``, with its audit where it has one."""
    kind = AuditedReport if "audit" in json.loads(text) else ReportRecord
    return kind.model_validate_json(text)


def audit_of(record: ReportRecord) -> Audit | None:
    """Returns the audit of a record; None where none was made."""
    return record.audit if isinstance(record, AuditedReport) else None
