"""Writes a run's report: one page a board can read, its JSON twin, and the model card.

write_report(ReportRecord(run=..., evaluation=..., contributions=...), out=Path("out"))
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.evaluation.record import ReportRecord
from training.report.audit_plot import audit_plot
from training.report.audit_view import audit_view
from training.report.plots import contributions_plot, gains_plot, months_plot, reliability_plot, timeline_plot
from training.report.record import audit_of
from training.report.view import view_of
from training.report.wording import ranker_name

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class ReportFiles:
    """Where the three files of a report are."""

    html: Path
    json: Path
    model_card: Path


def write_report(record: ReportRecord, *, out: Path) -> ReportFiles:
    """Returns the paths of ``report.html``, ``report.json`` and ``model_card.md``, written into the folder ``out``.

    The page holds everything: no script, no remote asset.  The same record gives the same bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = ReportFiles(html=out / "report.html", json=out / "report.json", model_card=out / "model_card.md")
    files.html.write_text(render_html(record), encoding="utf-8")
    files.json.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    files.model_card.write_text(render_model_card(record), encoding="utf-8")
    return files


def render_html(record: ReportRecord) -> str:
    """Returns the page of ``record`` as one self-contained HTML document."""
    return _render("report.html.j2", record, escape=True, plots=_plots(record))


def render_model_card(record: ReportRecord) -> str:
    """Returns the model card of ``record`` as Markdown; its numbers are the report's."""
    return _render("model_card.md.j2", record, escape=False, plots={})


def _render(name: str, record: ReportRecord, *, escape: bool, plots: dict[str, str]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ranker"] = ranker_name
    audit = audit_of(record)
    return environment.get_template(name).render(
        record=record, run=record.run, evaluation=record.evaluation, view=view_of(record), plots=plots,
        audit=audit, view_audit=audit_view(audit),
    )  # fmt: skip


def _plots(record: ReportRecord) -> dict[str, str]:
    """Returns the pictures as data addresses of SVG, by name."""
    evaluation, synthetic = record.evaluation, record.run.synthetic
    rankers = evaluation.rankers
    pictures = {
        "timeline": timeline_plot(record.run.splits, synthetic=synthetic),
        "reliability": reliability_plot(evaluation.bands, rankers=rankers, synthetic=synthetic),
        "gains": gains_plot(evaluation.gains, rankers=rankers, synthetic=synthetic),
        "months": months_plot(evaluation.months, rankers=rankers, synthetic=synthetic),
    }
    if record.contributions is not None:
        pictures["contributions"] = contributions_plot(record.contributions, synthetic=synthetic)
    pictures |= _audit_plots(record)
    return {name: "data:image/svg+xml;base64," + base64.b64encode(svg).decode() for name, svg in pictures.items()}


def _audit_plots(record: ReportRecord) -> dict[str, bytes]:
    """Returns the picture of each attribute of the audit that has a group with figures."""
    audit = audit_of(record)
    if audit is None:
        return {}
    figures = ("observed_over_expected", "dispute_recall_at_5pct")
    overall = {name: record.evaluation.find(name, ranker=audit.ranker).value for name in figures}
    overall["score_over_same_kind_and_district"] = 1.0
    drawn = {
        f"audit_{one.attribute}": audit_plot(
            one, overall=overall, capacity=audit.capacity, synthetic=record.run.synthetic
        )
        for one in audit.attributes
    }
    return {name: picture for name, picture in drawn.items() if picture is not None}
