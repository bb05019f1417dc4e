"""The report as a reader gets it: self-contained, SYNTHETIC said, and no number that its JSON twin does not hold."""

import base64
import html
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from scipy.special import expit

from features.clock import DAY_US, HOUR_US
from features.clock import NEVER as NEVER_US
from training.audit.groups import Attributes, Drawing, audit
from training.audit.proxy import Inputs
from training.evaluation.alarms import shuffled_label_probe
from training.evaluation.champion_record import AgainstChampion, Marks
from training.evaluation.contributions import IndicatorName, summarise_contributions
from training.evaluation.coverage import measure_coverage
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.moves import moves_between
from training.evaluation.origins import numbers_of
from training.evaluation.probes import paired_probe, trained_on_shuffled_labels
from training.evaluation.rankers import evaluate
from training.evaluation.record import Evaluation, OriginRecord, ReportRecord, RunFacts, SplitFacts
from training.evaluation.usual_care_record import UsualCareFigure, UsualCareRecord
from training.evaluation.weekly import WeeklyRows, WeeklyScores, weekly_evaluation
from training.report.files import pictures_of, render_html, render_model_card, write_report
from training.report.frequencies import DENOMINATORS
from training.report.language import ZH
from training.report.record import AuditedReport, audit_of, read_report
from training.report.wording import number

EXPERIMENT = "# <script>alert(1)</script> why ninety days\n[label]\nhorizon_days = 90\n"


@dataclass
class Judged:
    """Rows and scores that were judged, and what came of it."""

    rows: HeldOutRows
    rankers: dict
    evaluation: Evaluation


def _judged(seed):
    generator = np.random.default_rng(seed)
    n_rows = 5000
    dispute = np.sort(generator.integers(0, 900, n_rows))
    margin = -4 + generator.normal(size=900)[dispute] + 0.4 * generator.normal(size=n_rows)
    label = (generator.random(n_rows) < expit(margin)).astype(np.int8)
    as_of = 1_704_038_400_000_000 + generator.integers(0, 90, n_rows) * DAY_US
    incident = np.where(label == 1, as_of + generator.choice([HOUR_US, 40 * DAY_US], n_rows), NEVER_US)
    rows = HeldOutRows(dispute=dispute, pair=dispute % 500, as_of_us=as_of, incident_at_us=incident, label=label)
    points = np.clip(np.round(margin + generator.normal(size=n_rows)), -6, 0)
    positive = label == 1
    coverage = measure_coverage(
        incident_dispute=np.r_[np.full(40, -1), dispute[positive][:60]],
        incident_at_us=np.r_[as_of[:40], incident[positive][:60]],
        row_dispute=dispute,
        row_as_of_us=as_of,
    )
    rankers = {
        "lightgbm": Scores(score=margin, probability=expit(margin)),
        "points": Scores(score=points, probability=expit(0.6 * points - 2)),
    }
    evaluation = evaluate(
        rows,
        rankers=rankers,
        draws=80,
        seed=seed,
        coverage=coverage,
        leak_probe=shuffled_label_probe(label=label, score=margin, dispute=dispute, permutations=50),
    )
    return Judged(rows, rankers, evaluation)


def _further(judged, splits, seed):
    """Two origins, the weekly view, every kind of probe, and a champion that ranks a little differently."""
    rows, (model, points) = judged.rows, judged.rankers.values()
    generator = np.random.default_rng(seed)
    week = (rows.as_of_us - rows.as_of_us.min()) // (7 * DAY_US)
    tier = {name: np.searchsorted([-3.0, -2.0, -1.0], one.score) for name, one in judged.rankers.items()}
    weekly = weekly_evaluation(
        WeeklyRows(
            rows=rows, week=week, areas={"district": rows.dispute % 3},
            known=generator.integers(0, 2, len(week)),
        ),
        rankers={name: WeeklyScores(score=one.score, tier=tier[name]) for name, one in judged.rankers.items()},
        draws=40, seed=seed,
    )  # fmt: skip
    blurred = model.score + generator.normal(size=len(week))
    other = Scores(score=blurred, probability=expit(blurred))
    given = {"rows": rows, "as_it_is": model, "draws": 40, "seed": seed}
    probes = (
        trained_on_shuffled_labels(rows, points, draws=40, seed=seed),
        paired_probe("delayed_features", "7 days", probed=other, **given),
        paired_probe("missing_channel", "grid", probed=other, **given),
    )
    numbers = numbers_of(rows, judged.rankers, draws=40, seed=seed)
    origins = tuple(
        OriginRecord(number=number, splits=splits, draws=40, measured=numbers.measured, differences=numbers.differences)
        for number in (1, 2)
    )
    both = numbers_of(rows, {"lightgbm": model, "champion": other}, draws=40, seed=seed)
    moves = (moves_between(rows, model.score, blurred, capacity=0.05, draws=40, seed=seed),)
    mark = Marks(indicator="B01", name_en="Indicator a", name_zh="指标", among_entering=0.25, among_leaving=0.5)
    champion = AgainstChampion(
        version="3", digest="cc33", trained_through="2023-01-01T00:00:00Z", measured=both.measured,
        differences=both.differences, moves=moves, marks=(mark,),
    )  # fmt: skip
    risk = numbers.find("observed_over_expected", ranker="lightgbm")
    care = UsualCareRecord(
        estimand="usual_care", horizon_days=90, effect_days=182, least_chance=0.05, announced_by=("D07",), n_rows=4321,
        n_under_support=77, n_censored=123, n_events_censored=5, n_truncated=0, largest_weight=2.5, effective_rows=4100.0,
        figures=(UsualCareFigure(usual_care=risk, as_observed=risk, ratio=risk.model_copy(update={"value": 1.0625})),),
    )  # fmt: skip
    return {"origins": origins, "weekly": weekly, "probes": probes, "champion": champion, "usual_care": care}


def _contributions(seed):
    generator = np.random.default_rng(seed)
    value = generator.integers(0, 4, (120, 6)).astype(float)
    value[generator.random(value.shape) < 0.2] = np.nan
    contribution = np.where(np.isnan(value), 0.0, value - 1.5) * np.array([0.4, -0.3, 0.2, 0.1, 0.05, 0.0])
    names = [
        IndicatorName(indicator=f"B{place:02d}", en=f"Indicator {word}", zh="指标")
        for place, word in enumerate("abcdef", start=1)
    ]
    return summarise_contributions(contribution, value, names=names, most=4)


def _record(*, seed=1, synthetic=True):
    judged = _judged(seed)
    evaluation = judged.evaluation
    held = {
        "n_rows": evaluation.n_rows,
        "n_positive_rows": evaluation.n_positive_rows,
        "n_disputes": evaluation.n_disputes,
        "n_events": evaluation.n_events,
    }
    nothing = dict.fromkeys(held, 0)
    train, embargo, test, end = (f"{day}T16:00:00Z" for day in ("2021-12-31", "2023-04-30", "2023-12-31", "2024-03-31"))
    run = RunFacts(
        run_id="run-77",
        created_at_utc="2026-05-02T08:00:00Z",
        model_name="defuse",
        model_digest="sha256:aa11",
        data_digests={"events": "sha256:bb22"},
        experiment_name="demo.toml",
        experiment_text=EXPERIMENT,
        synthetic=synthetic,
        horizon_days=90,
        label_delay_days=150,
        sampling_rate=0.1,
        splits=(
            SplitFacts(name="train", starts_at=train, ends_at=embargo, **held),
            SplitFacts(name="embargo", starts_at=embargo, ends_at=test, **nothing),
            SplitFacts(name="test", starts_at=test, ends_at=end, **held),
        ),
        features=("A02", "B03"),
    )  # fmt: skip
    return ReportRecord(
        run=run, evaluation=evaluation, contributions=_contributions(seed), cautions=("One more.",),
        cautions_zh=("还有一条。",), **_further(judged, run.splits, seed),
    )  # fmt: skip


@pytest.fixture(scope="module")
def record():
    return _record()


@pytest.fixture(scope="module")
def drawn(record):
    return pictures_of(record)


@pytest.fixture(scope="module")
def page(record, drawn):
    return render_html(record, pictures=drawn)


@pytest.fixture(scope="module")
def chinese(record, drawn):
    return render_html(record, ZH, pictures=drawn)


@pytest.fixture(scope="module")
def card(record):
    return render_model_card(record)


def test_risk_under_usual_care_stands_beside_what_was_observed(page, chinese):
    for words in ("Risk under usual care", "4,321", "1.06"):
        assert words in text_of(page)
    assert "常规照护下的风险" in text_of(chinese)


def text_of(page):
    """What a reader sees: no style, no tags, no pictures, one space between words."""
    bare = re.sub(r"<style>.*?</style>", " ", page, flags=re.S)
    bare = re.sub(r"</?(?:strong|span|code)\b[^>]*>", "", bare)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", bare)))


def numbers_in(text):
    """The numbers of a text, each with its per cent sign, without its sign."""
    return set(re.findall(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?%?", text.replace("，", " ")))


@dataclass
class Twin:
    """Every way in which a number of the JSON twin may be written on a page."""

    written: set

    @classmethod
    def of(cls, text):
        twin = cls(written={f"{per:,}" for per in DENOMINATORS} | {"95%", "0", "0%"})
        twin._walk(json.loads(text))
        return twin

    def _walk(self, node):
        if isinstance(node, dict):
            for name, value in node.items():
                self._walk(name)
                self._walk(value)
        elif isinstance(node, list):
            for value in node:
                self._walk(value)
        elif isinstance(node, str):
            self.written |= numbers_in(node) | set(re.findall(r"\d+", node))
            if re.match(r"\d{4}-\d\d-\d\dT", node):
                local = datetime.fromisoformat(node).astimezone(timezone(timedelta(hours=8)))
                self.written |= set(local.strftime("%Y %m %d").split())
        elif isinstance(node, bool) or node is None:
            return
        elif isinstance(node, int):
            self.written |= {f"{node:,}", str(node)}
        else:
            self._float(abs(node))

    def _float(self, value):
        units = ("share", "share of rows", "ratio", "probability", "days", "finds per 100,000 rows")
        told = {number(value, unit=unit) for unit in units} | {f"{value:,.0f}", f"{value:g}"}
        told |= {f"{round(value * per):,}" for per in DENOMINATORS} if value <= 1 else set()
        self.written |= told


def strangers(page, twin_text):
    return numbers_in(text_of(page)) - Twin.of(twin_text).written


def test_every_number_of_the_page_comes_from_its_json_twin(record, page):
    shown = numbers_in(text_of(page))
    assert len(shown) > 150
    assert strangers(page, record.model_dump_json()) == set()


def test_a_number_from_elsewhere_is_found_out(record, page):
    twin = record.model_dump_json()
    auc = f"{record.evaluation.find('auc', ranker='lightgbm').value:.3f}"
    forged = page.replace(auc, "0.98765")
    assert strangers(forged, twin) == {"0.98765"}
    other = render_html(_record(seed=2))
    assert len(strangers(other, twin)) > 40


def test_the_model_card_says_what_the_page_says(record, page, card):
    shown = numbers_in(text_of(page))
    assert numbers_in(re.sub(r"\*\*", "", card)) - shown == set()
    phrases = re.findall(r"[-+]?[\d.]+(?:%| in 1,000)? \([-+\d.%]+ to [-+\d.%]+\)", card)
    assert len(phrases) > 60
    told = text_of(page)
    assert [phrase for phrase in phrases if phrase not in told] == []
    auc = record.evaluation.find("auc", ranker="lightgbm")
    assert f"| AUC | {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}) |" in card
    assert "SYNTHETIC" in card.splitlines()[0]


def test_the_page_loads_nothing_and_runs_nothing(page):
    assert "<script" not in page and "<link" not in page and "@import" not in page and "url(" not in page
    assert re.findall(r"https?://", page) == []
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    pictures_there = [source for source in sources if source.startswith("data:image/svg+xml;base64,")]
    assert len(pictures_there) == 10
    others = {source for source in sources if not source.startswith("data:") and not source.startswith("#")}
    assert others == {"report.zh.html"}
    assert "&lt;script&gt;alert(1)" in page


def pictures(page):
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(picture).decode() for picture in found]


def test_synthetic_stands_on_every_title_caption_and_finding(page, card):
    places = re.findall(r"<(?:caption|figcaption|h1|title)[^>]*>(.*?)</(?:caption|figcaption|h1|title)>", page, re.S)
    places += re.findall(r'alt="([^"]*)"', page)
    places += re.findall(r"<li>(?=<span class=\"tag\")(.*?)</li>", page, re.S)
    assert len(places) > 25
    assert [place for place in places if "SYNTHETIC" not in place] == []
    findings = re.findall(r'<ul class="findings.*?</ul>', page, re.S)
    assert sum(part.count("<li>") for part in findings) == sum(part.count('class="tag"') for part in findings) > 6
    assert all(re.search(r"<text[^>]*>SYNTHETIC: ", picture) for picture in pictures(page))
    assert all(
        "SYNTHETIC" in line
        for line in card.splitlines()
        if line.startswith(("# ", "## ")) and re.search("All|Cover", line)
    )


def test_real_records_are_not_called_synthetic():
    real = _record(synthetic=False)
    page = render_html(real)
    assert "SYNTHETIC" not in page and "合成" not in page
    assert not any("SYNTHETIC" in picture for picture in pictures(page))
    assert "SYNTHETIC" not in render_model_card(real)


def test_the_words_keep_the_charter(page, card):
    for text in (text_of(page), card):
        assert "accuracy" not in text.lower() and "no risk" not in text.lower()
        assert "no elevated signal in the records" in text
        assert "cases, never people" in text
        assert "not better" in text


def test_an_alarm_is_told_first(record):
    alarm = {
        "metric": "auc", "ranker": "lightgbm", "value": 0.95, "limit": 0.9,
        "message_en": "AUC above 0.90 is too good.", "message_zh": "好得不可信",
    }  # fmt: skip
    changed = ReportRecord.model_validate(
        record.model_dump() | {"evaluation": record.evaluation.model_dump() | {"alarms": [alarm]}}
    )
    page = render_html(changed)
    assert page.index("AUC above 0.90 is too good.") < page.index('id="summary"')
    assert "AUC above 0.90 is too good." in render_model_card(changed)
    assert strangers(page, changed.model_dump_json()) == set()


def test_dates_are_read_in_shanghai(page):
    assert "2022-01-01" in page and "2021-12-31" not in text_of(page)


def test_a_run_without_events_coverage_or_contributions_still_has_a_page(record):
    rows = HeldOutRows(
        dispute=np.arange(300),
        pair=np.arange(300),
        as_of_us=np.full(300, 1_704_038_400_000_000),
        incident_at_us=np.full(300, NEVER_US),
        label=np.zeros(300, dtype=np.int8),
    )
    score = np.linspace(-8, -4, 300)
    rankers = {name: Scores(score=score, probability=expit(score)) for name in ("lightgbm", "points")}
    quiet = ReportRecord(run=record.run, evaluation=evaluate(rows, rankers=rankers, draws=10))
    page = render_html(quiet)
    assert "too few to say" in page and "no event" in page
    assert "nan" not in text_of(page).lower() and "None" not in text_of(page)
    assert strangers(page, quiet.model_dump_json()) == set()


def test_the_files_are_written_and_the_same_record_gives_the_same_bytes(record, tmp_path):
    first = write_report(record, out=tmp_path / "a" / "b")
    again = write_report(record, out=tmp_path / "c")
    names = ("report.html", "report.zh.html", "report.json", "model_card.md", "model_card.zh.md")
    assert {path.name for path in (tmp_path / "c").iterdir()} == set(names)
    for name in names:
        assert (first.html.parent / name).read_bytes() == (again.html.parent / name).read_bytes()
    assert "NaN" not in first.json.read_text(encoding="utf-8")
    assert ReportRecord.model_validate_json(first.json.read_text(encoding="utf-8")) == record


# ---- both languages


def test_both_languages_hold_the_same_numbers_and_link_to_each_other(record, page, chinese):
    """A number stands on both pages or on none; only thousands are told otherwise (in 1,000, or per mille)."""
    english, others = numbers_in(text_of(page)), numbers_in(text_of(chinese))
    assert (english ^ others) <= {"1,000"} | numbers_in(EXPERIMENT)
    assert strangers(chinese, record.model_dump_json()) == set()
    assert 'href="report.zh.html"' in page and 'href="report.html"' in chinese
    assert '<html lang="zh-Hans">' in chinese


def test_nothing_on_the_chinese_page_is_left_in_english(record, chinese):
    """But for names, ids, columns of the records and the experiment file."""
    known = {"Defuse", "SYNTHETIC", "AUC", "LightGBM", "Holm", "English", "json", "report", "run", "as_of", "defuse",
             "demo", "toml", "script", "alert", "why", "ninety", "days", "label", "horizon_days", "sha256", "aa11",
             "bb22", "cc33", "events", "A02", "B03", "O", "E"}  # fmt: skip
    told = re.sub(r"T\d\d:\d\d:\d\dZ", " ", text_of(chinese))
    assert set(re.findall(r"[A-Za-z_]\w*", told, re.ASCII)) - known == set()
    labels = {label for picture in pictures(chinese) for label in re.findall(r"<text[^>]*>([^<]*)<", picture)}
    assert len(labels) > 60
    assert {word for label in labels for word in re.findall(r"[A-Za-z]{2,}", html.unescape(label))} <= known


def test_the_chinese_card_says_what_the_chinese_page_says(record, chinese):
    card = render_model_card(record, ZH)
    assert "模型卡" in card and "cases" not in card
    assert numbers_in(re.sub(r"\*\*", "", card)) - numbers_in(text_of(chinese)) == set()


def test_the_page_tells_origins_lists_lead_time_churn_probes_and_who_enters_the_top(record, page):
    told = text_of(page)
    weekly, champion = record.weekly, record.champion
    for item in (weekly.lead_times[0].flagged_7_days_before, weekly.capacities[0].dispute_recall):
        assert f"{item.value * 100:.3g}% ({item.low * 100:.3g}% to {item.high * 100:.3g}%)" in told
    assert f"{champion.moves[0].n_enter:,}" in told and "The champion is version 3" in told
    for words in ("Origin 2, test", "Tier changed without a new record", "No event from the channel grid",
                  "Trained on shuffled labels", "Net benefit", "What this suggests to do"):  # fmt: skip
        assert words in told


# ---- the audit by group


def _audit(*, gap=1.2, protected=True):
    """3,000 disputes; urban ones score ``gap`` log-odds too high, and that shows in a column; one origin is rare."""
    generator = np.random.default_rng(4)
    n = 3000
    urban = generator.random(n) < 0.5
    truth = -2.2 + generator.normal(size=n)
    happens = generator.random(n) < expit(truth)
    as_of = np.full(n, 1_704_038_400_000_000)
    rows = HeldOutRows(
        dispute=np.arange(n), pair=np.arange(n) // 2, as_of_us=as_of,
        incident_at_us=np.where(happens, as_of + DAY_US, NEVER_US), label=happens.astype(np.int8),
    )  # fmt: skip
    margin = truth + gap * urban
    words = {"channel": ["grid", "police_110"], "district": ["110101", "110102"], "kind": ["labour", "medical"]}
    attributes = Attributes(
        open_={name: generator.choice(values, n).astype(object) for name, values in words.items()},
        protected={
            "urban_rural": np.where(urban, "urban", "rural").astype(object),
            "origin": np.where(np.arange(n) < 7, "elsewhere", np.where(np.arange(n) < 300, None, "local")),
        }
        if protected
        else None,
    )
    columns = np.column_stack([margin, generator.normal(size=n)])
    scores = Scores(score=margin, probability=expit(margin))
    return audit(rows, scores, attributes, drawing=Drawing(draws=60), inputs=Inputs(columns))


@pytest.fixture(scope="module")
def audited(record):
    return AuditedReport.of(record, _audit())


@pytest.fixture(scope="module")
def audited_page(audited):
    return render_html(audited)


def test_every_number_of_the_audit_comes_from_the_json_twin(audited, audited_page, page):
    assert len(numbers_in(text_of(audited_page)) - numbers_in(text_of(page))) > 25
    assert strangers(audited_page, audited.model_dump_json()) == set()
    assert len(strangers(audited_page, audited.model_dump_json(exclude={"audit"}))) > 20


def test_a_finding_blames_nobody_and_stands_in_both_languages(audited, audited_page):
    chinese = text_of(render_html(audited, ZH))
    assert "城乡（城镇）：与全部案件相比，此处记录到的事件少于预期；可能是记录，也可能是模型，两者都要查看。" in chinese
    told = text_of(audited_page)
    assert (
        "Urban or rural, urban: fewer incidents than expected were recorded here, set against all rows: "
        "records or model, look into both. O/E"
    ) in told
    assert "corrected" in told and "Holm" in told


def test_small_groups_are_told_without_their_count(audited_page):
    row = re.search(r"<tr><th scope=\"row\">elsewhere.*?</tr>", audited_page).group()
    assert text_of(row).count("under 10") == 3 and text_of(row).count("too few to say") == 3
    assert "not recorded" in text_of(audited_page)


def test_a_proxy_is_a_warning(audited, audited_page):
    assert [one.group for one in audited.audit.proxies if one.warning] == ["urban"]
    assert "Warning: urban or rural, urban, shows in the columns of the model" in text_of(audited_page)
    assert "not a gate" in text_of(audited_page)


def test_every_picture_of_the_audit_says_synthetic(audited_page, page):
    drawn = pictures(audited_page)
    assert len(drawn) == len(pictures(page)) + 5
    assert all(re.search(r"<text[^>]*>SYNTHETIC: ", picture) for picture in drawn)
    test_synthetic_stands_on_every_title_caption_and_finding(audited_page, render_model_card(_record()))


def test_without_an_audit_table_one_line_says_so(record):
    page = render_html(AuditedReport.of(record, _audit(gap=0, protected=False)))
    assert text_of(page).count("There was no audit table") == 1
    assert "Kind of dispute" in page and "Urban or rural" not in page
    assert "No group differs from all rows beyond chance" in text_of(page)


def test_the_model_card_tells_the_same_findings(audited, audited_page):
    card = render_model_card(audited)
    assert "records or model, look into both" in card
    assert numbers_in(re.sub(r"\*\*", "", card)) - numbers_in(text_of(audited_page)) == set()


def test_a_report_is_read_back_with_its_audit_or_without(audited, record, tmp_path):
    for one in (audited, record):
        text = write_report(one, out=tmp_path).json.read_text(encoding="utf-8")
        assert read_report(text) == one
        assert ("audit" in json.loads(text)) == (audit_of(one) is not None)


def test_the_promotion_gate_reads_the_groups_of_the_audit(audited):
    from training.gates import _group_ratios

    content = json.loads(audited.model_dump_json())["audit"]
    told = dict(_group_ratios(content, "lightgbm"))
    assert {"channel grid", "urban_rural urban", "origin local"} <= set(told)
    assert told["urban_rural urban"]["high"] < told["urban_rural rural"]["low"]
