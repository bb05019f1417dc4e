"""Writes a run's report: one page a board can read in each language, its JSON twin, and the model card.

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
from training.report.further_plots import coverage_plot, decision_plot, origins_plot, probes_plot, rankers_plot
from training.report.language import EN, ZH, Tongue
from training.report.plot_words import spoken
from training.report.plots import contributions_plot, gains_plot, months_plot, reliability_plot, timeline_plot
from training.report.record import audit_of
from training.report.view import view_of

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class ReportFiles:
    """Where the files of a report are; ``html_zh`` and ``model_card_zh`` are the Chinese ones."""

    html: Path
    html_zh: Path
    json: Path
    model_card: Path
    model_card_zh: Path


def write_report(record: ReportRecord, *, out: Path) -> ReportFiles:
    """Returns the paths of page, JSON twin and model card, written into the folder ``out``.

    A page holds everything: no script, no remote asset.  The same record gives the same bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = ReportFiles(
        html=out / "report.html", html_zh=out / "report.zh.html", json=out / "report.json",
        model_card=out / "model_card.md", model_card_zh=out / "model_card.zh.md",
    )  # fmt: skip
    pictures = pictures_of(record)
    for say, page, card in ((EN, files.html, files.model_card), (ZH, files.html_zh, files.model_card_zh)):
        page.write_text(render_html(record, say, pictures=pictures), encoding="utf-8")
        card.write_text(render_model_card(record, say), encoding="utf-8")
    files.json.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return files


def render_html(record: ReportRecord, say: Tongue = EN, *, pictures: dict[str, bytes] | None = None) -> str:
    """Returns the page of ``record`` in one language as a self-contained HTML document."""
    names = {} if record.contributions is None else {i.name_en: i.name_zh for i in record.contributions.indicators}
    plots = {
        name: "data:image/svg+xml;base64," + base64.b64encode(spoken(svg, say, names)).decode()
        for name, svg in (pictures or pictures_of(record)).items()
    }
    return _render("report.html.j2", record, say, escape=True, plots=plots)


def render_model_card(record: ReportRecord, say: Tongue = EN) -> str:
    """Returns the model card of ``record`` in one language as Markdown; its numbers are the report's."""
    return _render("model_card.md.j2", record, say, escape=False, plots={})


def _render(name: str, record: ReportRecord, say: Tongue, *, escape: bool, plots: dict[str, str]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    audit = audit_of(record)
    return environment.get_template(name).render(
        record=record, run=record.run, evaluation=record.evaluation, view=view_of(record, audit, say), plots=plots,
        audit=audit, view_audit=audit_view(audit, say), say=say,
    )  # fmt: skip


def pictures_of(record: ReportRecord) -> dict[str, bytes]:
    """Returns the pictures as SVG, by name, with English labels."""
    evaluation, synthetic = record.evaluation, record.run.synthetic
    rankers = evaluation.rankers
    origins = {origin.number: origin.splits for origin in record.origins} or {1: record.run.splits}
    pictures: dict[str, bytes | None] = {
        "timeline": timeline_plot(origins, synthetic=synthetic),
        "rankers": rankers_plot(evaluation, synthetic=synthetic),
        "reliability": reliability_plot(evaluation.bands, rankers=rankers, synthetic=synthetic),
        "gains": gains_plot(evaluation.gains, rankers=rankers, synthetic=synthetic),
        "months": months_plot(evaluation.months, rankers=rankers, synthetic=synthetic),
        "decision": decision_plot(evaluation.decision_curve, rankers=rankers, synthetic=synthetic),
        "probes": probes_plot(record.probes, synthetic=synthetic),
    }
    if len(record.origins) > 1:
        pictures["origins"] = origins_plot(record.origins, rankers=rankers, synthetic=synthetic)
    if evaluation.coverage is not None and evaluation.coverage.n_incidents:
        pictures["coverage"] = coverage_plot(evaluation.coverage, synthetic=synthetic)
    if record.contributions is not None:
        pictures["contributions"] = contributions_plot(record.contributions, synthetic=synthetic)
    return {name: svg for name, svg in pictures.items() if svg is not None} | _audit_pictures(record)


def _audit_pictures(record: ReportRecord) -> dict[str, bytes]:
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
