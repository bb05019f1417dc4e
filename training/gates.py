"""The gates of a promotion: each says of a version whether it may be put in force, by which figure, and what to do."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from features.errors import UserError
from training.artifact.home import Home
from training.artifact.model import RiskModel
from training.artifact.store import load_model
from training.evaluation.measured import Measured
from training.evaluation.probe_record import Probe
from training.evaluation.record import Evaluation, RunFacts
from training.evaluation.usual_care_record import UsualCareRecord
from training.experiment import GatesSection
from training.impact import IMPACT_FILE, read_impact

REPORT_FILE = "report.json"
POINTS = "points"
ALL = "all"
RATIO = "observed_over_expected"
CALIBRATION = (RATIO, "calibration_slope")
GROUP_KEYS = ("attribute", "dimension", "group", "level")
PROBES = "probes"
LEAK_PROBES = ("shuffled_labels", "delayed_features")
CHANCE = 0.5
FEW_EVENTS = 100
"""Below this a report calls its intervals wide; a difference of two AUCs is then mostly luck."""

State = Literal["passed", "refused", "too few to say", "not applicable"]
READ_REPORT = "read the report, and train a better version"
THIN = "bring more records, or say why this evidence must do: --accept-thin-evidence TEXT"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What one gate says: its state, the figure with interval and events, the limit, and what to do where it blocks.

    ``accepted`` is the reason somebody gave for going on all the same, ``sha256`` the digest of what was looked at,
    ``needs`` the other gate without which this one could not be judged.
    """

    gate: str
    state: State
    says: str
    limit: str | None = None
    to_do: str | None = None
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    n_events: int | None = None
    accepted: str | None = None
    sha256: str | None = None
    needs: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether the version may not be put in force."""
        return self.state == "refused" or (self.state == "too few to say" and self.accepted is None)

    @property
    def sentence(self) -> str:
        """State and what is said, in one line."""
        accepted = f" (accepted: {self.accepted})" if self.accepted else ""
        return f"{self.state}: {self.says}{accepted}"

    @property
    def figure_text(self) -> str:
        """The figure with its interval and events, or a dash."""
        if self.figure is None:
            return "-"
        if self.low is None or self.high is None:
            return f"{self.figure:.3g}"
        return f"{self.figure:.3g} ({self.low:.3g} to {self.high:.3g}; {self.n_events} events)"

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What whoever promotes says to the gates that ask: reasons, and where the impact assessment lies."""

    accept_thin_evidence: str | None = None
    explain_too_good: str | None = None
    impact_assessment: Path | None = None


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What the gates look at; ``evaluation`` is None where no report of this very model can be read."""

    home: Home
    answers: Answers
    today: dt.date
    synthetic: bool
    evaluation: Evaluation | None
    audit: Any
    probes: tuple[Probe, ...]
    usual_care: UsualCareRecord | None
    limits: GatesSection


def run_gates(home: Home, found: Mapping[str, Any], answers: Answers, *, today: dt.date) -> tuple[GateResult, ...]:
    """What every gate says of a registered version (``version``, ``digest``, ``run_id``), all of them, in one order."""
    verified, model = verify(home, found["digest"])
    reported, report = _report(home, found)
    synthetic = model.contract.provenance.synthetic if model else bool(report and report["run"].synthetic)
    case = _Case(
        home=home, answers=answers, today=today, synthetic=synthetic,
        evaluation=report["evaluation"] if report else None, audit=report["audit"] if report else None,
        probes=report["probes"] if report else (), usual_care=report["usual_care"] if report else None,
        limits=_limits(report["run"]) if report else GatesSection(),
    )  # fmt: skip
    return (verified, reported, *_of_report(case), _impact(case))


def _limits(run: RunFacts) -> GatesSection:
    """The limits of the run's experiment file, which may be stricter than the house's; the house's where none can be read."""
    try:
        return GatesSection.model_validate(tomllib.loads(run.experiment_text).get("gates", {}))
    except (tomllib.TOMLDecodeError, ValidationError):
        return GatesSection()


def verify(home: Home, digest: str) -> tuple[GateResult, RiskModel | None]:
    """Whether a saved model is whole, with its contract, and of this code's catalogue; and the model."""
    limit = "digest, contract and catalogue as saved"
    try:
        model = load_model(home.models / digest)
    except UserError as error:
        to_do = "restore the model's folder from MLflow (artifact saved_model), or train again"
        return GateResult(gate="verified", state="refused", says=str(error), limit=limit, to_do=to_do), None
    says = "digest, contract and catalogue"
    return GateResult(gate="verified", state="passed", says=says, limit=limit, sha256=model.digest), model


def _report(home: Home, found: Mapping[str, Any]) -> tuple[GateResult, dict[str, Any] | None]:
    """Whether the run has a report, and of this very model; and the parts of it that the gates read."""
    limit = "made from this very model digest"
    to_do = f"run `defuse report {found['run_id']}`, or train again"

    def refused(says: str) -> tuple[GateResult, None]:
        return GateResult(gate="report", state="refused", says=says, limit=limit, to_do=to_do), None

    try:
        data = (home.reports / found["run_id"] / REPORT_FILE).read_bytes()
    except OSError:
        return refused(f"there is no report of run {found['run_id']}")
    try:
        content = json.loads(data)
        run, evaluation = RunFacts.model_validate(content["run"]), Evaluation.model_validate(content["evaluation"])
        care = content.get("usual_care")
        parts = {
            "probes": tuple(Probe.model_validate(one) for one in content.get("probes", ())),
            "usual_care": care and UsualCareRecord.model_validate(care),
        }
    except (ValidationError, ValueError, KeyError, TypeError):
        return refused(f"the report of run {found['run_id']} is damaged, or was written by other code")
    if run.model_digest != found["digest"]:
        return refused(f"the report speaks of the model {run.model_digest[:12]}, the version is {found['digest'][:12]}")
    digest = hashlib.sha256(data).hexdigest()
    says = f"of run {run.run_id}, {evaluation.n_events} disputes with an incident in the test"
    passed = GateResult(gate="report", state="passed", says=says, limit=limit, sha256=digest)
    return passed, {"run": run, "evaluation": evaluation, "audit": content.get("audit"), **parts}


def _of_report(case: _Case) -> Iterator[GateResult]:
    judges = {
        "beats_points": _beats_points,
        **dict.fromkeys(CALIBRATION, _calibrated),
        "too_good": _too_good,
        "subgroups": _subgroups,
        "leak_probe": _leak_probe,
        "probes": _probes,
    }
    for gate, judge in judges.items():
        if case.evaluation is None:
            yield GateResult(gate=gate, state="refused", says="not judged without the report", needs="report")
        else:
            yield judge(gate, case, case.evaluation)


def _measured(gate: str, one: Measured, state: State, says: str, *, limit: str, to_do: str | None = None) -> GateResult:
    return GateResult(
        gate=gate, state=state, says=says, limit=limit, to_do=to_do,
        figure=one.value, low=one.low, high=one.high, n_events=one.n_events,
    )  # fmt: skip


def _too_few(gate: str, one: Measured, case: _Case, *, limit: str) -> GateResult:
    if case.synthetic:
        says = f"SYNTHETIC: {one.name}: {one.reason}; real records would need --accept-thin-evidence"
        return GateResult(gate=gate, state="not applicable", says=says, limit=limit, n_events=one.n_events)
    return GateResult(
        gate=gate, state="too few to say", says=f"{one.name}: {one.reason}", limit=limit, to_do=THIN,
        n_events=one.n_events, accepted=case.answers.accept_thin_evidence,
    )  # fmt: skip


def _beats_points(gate: str, case: _Case, evaluation: Evaluation) -> GateResult:
    """AUC of the model minus that of the points score, on the same rows and draws: not below -0.005, or the file's."""
    model, least = evaluation.rankers[0], case.limits.points_margin
    limit = f"AUC minus that of the points score at least {least}"
    if model == POINTS:
        return GateResult(gate=gate, state="not applicable", says="the version is the points score", limit=limit)
    wanted = ("auc", model, POINTS, ALL)
    found = [
        one.difference
        for one in evaluation.differences
        if (one.metric, one.ranker, one.baseline, one.difference.population) == wanted
    ]
    if not found:
        says = "the report does not compare the model with the points score"
        return GateResult(gate=gate, state="refused", says=says, limit=limit, to_do="train again")
    (one,) = found
    if one.value is None or one.high is None:
        return _too_few(gate, one, case, limit=limit)
    if one.value >= least:
        return _measured(gate, one, "passed", "at least as good as the points score", limit=limit)
    if one.high < least:
        says = "worse than the points score: the whole interval lies below the limit"
    else:
        says = "the point estimate lies below the limit, though the interval reaches above it"
        if case.synthetic and one.n_events < FEW_EVENTS:
            return _few_but_synthetic(gate, one, says, limit=limit)
    return _measured(gate, one, "refused", says, limit=limit, to_do=READ_REPORT)


def _few_but_synthetic(gate: str, one: Measured, says: str, *, limit: str) -> GateResult:
    """A small simulated world is promoted to see that it works: nobody leans on it, and its figures are mostly chance."""
    told = f"SYNTHETIC with fewer than {FEW_EVENTS} events: {says}; real records would be refused"
    return _measured(gate, one, "not applicable", told, limit=limit)


def _calibrated(gate: str, case: _Case, evaluation: Evaluation) -> GateResult:
    """The interval of a calibration figure must touch the range of a sound one.

    A model of risk under usual care is held against what usual care would have brought, not against what help prevented.
    """
    low, high = getattr(case.limits, gate)
    limit = f"interval touches {low} to {high}"
    try:
        if gate == RATIO and case.usual_care is not None:
            one = case.usual_care.find(gate, ranker=evaluation.rankers[0]).usual_care
        else:
            one = evaluation.find(gate, ranker=evaluation.rankers[0])
    except KeyError:
        says = "the report does not hold it"
        return GateResult(gate=gate, state="refused", says=says, limit=limit, to_do="train again")
    if one.low is None or one.high is None:
        return _too_few(gate, one, case, limit=limit)
    if one.high < low or one.low > high:
        side = "below" if one.high < low else "above"
        says = f"not calibrated: the whole interval lies {side} the range"
        if case.synthetic and one.n_events < FEW_EVENTS:
            return _few_but_synthetic(gate, one, says, limit=limit)
        return _measured(gate, one, "refused", says, limit=limit, to_do=READ_REPORT)
    return _measured(gate, one, "passed", "calibrated, as far as the interval can tell", limit=limit)


def _too_good(gate: str, case: _Case, evaluation: Evaluation) -> GateResult:
    """Charter rule 7: a result that is too good blocks until somebody explains it."""
    limit = "no alarm, or an explanation"
    if not evaluation.alarms:
        return GateResult(gate=gate, state="passed", says="no alarm", limit=limit)
    says = "; ".join(f"{alarm.ranker}: {alarm.message_en}" for alarm in evaluation.alarms)
    figure = evaluation.alarms[0].value
    explained = case.answers.explain_too_good
    if explained is not None:
        return GateResult(gate=gate, state="passed", says=says, limit=limit, figure=figure, accepted=explained)
    to_do = "look for a leak; where there is none, say what explains it: --explain-too-good TEXT"
    return GateResult(gate=gate, state="refused", says=says, limit=limit, figure=figure, to_do=to_do)


def _subgroups(gate: str, case: _Case, evaluation: Evaluation) -> GateResult:
    """No group of the audit has observed over expected outside 0.5 to 2 by its whole interval."""
    low, high = case.limits.subgroup_ratio
    limit = f"no group's observed/expected wholly outside {low} to {high}"
    if case.audit is None:
        return GateResult(gate=gate, state="not applicable", says="the report holds no audit by group", limit=limit)
    groups: dict[str, dict[str, Any]] = {}
    for name, one in _group_ratios(case.audit, evaluation.rankers[0]):
        groups.setdefault(name, one)
    told = [(name, one) for name, one in groups.items() if None not in (one.get("low"), one.get("high"))]
    outside = [(name, one) for name, one in told if one["high"] < low or one["low"] > high]
    if outside:
        worst = outside[0][1]
        says = f"{len(outside)} of {len(told)} groups outside the limits: {', '.join(name for name, _ in outside)}"
        to_do = "read the audit: mend the records of that group, or train without what fails it"
        return GateResult(
            gate=gate, state="refused", says=says, limit=limit, to_do=to_do, figure=worst.get("value"),
            low=worst["low"], high=worst["high"], n_events=worst.get("n_events"),
        )  # fmt: skip
    if not told:
        says = f"the audit holds {len(groups)} groups, none with events enough for observed/expected"
        if case.synthetic:
            return GateResult(gate=gate, state="not applicable", says=f"SYNTHETIC: {says}", limit=limit)
        accepted = case.answers.accept_thin_evidence
        return GateResult(gate=gate, state="too few to say", says=says, limit=limit, to_do=THIN, accepted=accepted)
    says = f"{len(told)} groups within the limits, {len(groups) - len(told)} with too few events to say"
    return GateResult(gate=gate, state="passed", says=says, limit=limit)


def _group_ratios(audit: Any, model: str, place: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every observed over expected of the model in an audit, wherever it stands, with the name of its group.

    Probes stress the whole population on purpose: what stands under ``probes`` is no group.
    """
    if isinstance(audit, list):
        for one in audit:
            yield from _group_ratios(one, model, place)
    if not isinstance(audit, dict):
        return
    if str(audit.get("name")).startswith(RATIO) and audit.get("ranker") in (None, model):
        population = str(audit.get("population", ALL))
        yield " ".join(place if population in (ALL, *place) else (*place, population)) or ALL, audit
        return
    own = tuple(str(audit[key]) for key in GROUP_KEYS if isinstance(audit.get(key), str))
    for key, one in audit.items():
        if key != PROBES:
            yield from _group_ratios(one, model, place + own)


def _leak_probe(gate: str, case: _Case, evaluation: Evaluation) -> GateResult:
    """Under shuffled labels nothing can be foretold: the range of the probe must hold chance."""
    limit = f"AUC under shuffled labels: its range holds {CHANCE}"
    probe = evaluation.leak_probe
    if probe is None:
        says = "the report holds no probe with shuffled labels"
        return GateResult(gate=gate, state="refused", says=says, limit=limit, to_do="train again")
    if probe.low is None or probe.high is None:
        return _too_few(gate, probe, case, limit=limit)
    if probe.low <= CHANCE <= probe.high:
        return _measured(gate, probe, "passed", "shuffled labels are inside chance", limit=limit)
    says = "shuffled labels are outside chance: the evaluation itself leaks"
    return _measured(
        gate, probe, "refused", says, limit=limit, to_do="look for rows or labels that are not independent"
    )


def _probes(gate: str, case: _Case, _evaluation: Evaluation) -> GateResult:
    """No probe with spoilt records looks like a leak: training on shuffled labels, features that come a week late."""
    limit = "training on shuffled labels knows nothing; a week of delay is no cliff"
    missing = [name for name in LEAK_PROBES if not any(one.probe == name for one in case.probes)]
    if missing:
        says = f"the report holds no probe with {' and '.join(name.replace('_', ' ') for name in missing)}"
        return GateResult(gate=gate, state="refused", says=says, limit=limit, to_do="train again")
    leaks = [one for one in case.probes if one.suspicious]
    told = "; ".join(f"{one.probe.replace('_', ' ')} ({one.subject}): {one.verdict}" for one in case.probes)
    if leaks:
        figure = leaks[0].probed[0]
        if case.synthetic and figure.n_events < FEW_EVENTS:
            return _few_but_synthetic(gate, figure, told, limit=limit)
        to_do = "look for a column or a label that knows the future"
        return _measured(gate, figure, "refused", told, limit=limit, to_do=to_do)
    silent = [one for one in case.probes if one.probe in LEAK_PROBES and one.verdict == "too few to say"]
    if not silent:
        return GateResult(gate=gate, state="passed", says=told, limit=limit)
    if case.synthetic:
        says = f"SYNTHETIC: {told}; real records would need --accept-thin-evidence"
        return GateResult(gate=gate, state="not applicable", says=says, limit=limit)
    accepted = case.answers.accept_thin_evidence
    return GateResult(gate=gate, state="too few to say", says=told, limit=limit, to_do=THIN, accepted=accepted)


def _impact(case: _Case) -> GateResult:
    """A valid impact assessment lies in the home; a SYNTHETIC model touches nobody and needs none."""
    gate, limit = "impact_assessment", "valid, and not past its review date"
    given = case.answers.impact_assessment
    if case.synthetic and given is None:
        says = "SYNTHETIC: no real person's records are touched; a model of real records needs the file"
        return GateResult(gate=gate, state="not applicable", says=says, limit=limit)
    path = given or case.home.root / IMPACT_FILE
    try:
        found = read_impact(path, today=case.today)
    except UserError as error:
        to_do = f"fill one in (`defuse promote --impact-template {IMPACT_FILE}`), have it reviewed, put it in the home"
        return GateResult(gate=gate, state="refused", says=str(error), limit=limit, to_do=to_do)
    says = f"dated {found.assessment.date}, to be reviewed by {found.assessment.review_by}"
    return GateResult(gate=gate, state="passed", says=says, limit=limit, sha256=found.sha256)
