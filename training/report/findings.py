"""What a report says in sentences: the findings, what it suggests to do, and what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterable

from training.audit.record import Audit
from training.evaluation.measured import Measured
from training.evaluation.metrics import at_capacity
from training.evaluation.record import Evaluation, ReportRecord
from training.report.audit_view import ATTRIBUTE_NAMES, channel_name, group_name
from training.report.frequencies import denominator_for, natural_frequency
from training.report.language import Tongue, reason_of
from training.report.wording import metric_name, ranker_name, sentence_of, share, too_few, value_of

HEADLINE_CAPACITY = 0.05
CALIBRATED = (0.8, 1.25)
FEW_EVENTS = 100
MANY_UNSEEN = 1 / 3


def frequency_texts(items: Iterable[Measured], *, horizon_days: int, say: Tongue) -> list[str]:
    """Returns numbers as natural frequencies over one denominator, so that they can be compared."""
    told = list(items)
    per = denominator_for(*(item.value for item in told if item.value is not None))
    texts = []
    for item in told:
        if item.value is None or item.low is None or item.high is None:
            reason = reason_of(item.reason, say)
            texts.append(say(f"{too_few(say)}: {reason}", f"{too_few(say)}：{reason}"))
            continue
        said = natural_frequency(item.value, low=item.low, high=item.high, horizon_days=horizon_days, per=per)
        texts.append(say(said.en, said.zh))
    return texts


def headline(evaluation: Evaluation) -> tuple[Measured, Measured, Measured]:
    """Returns base rate, and precision and disputes found in the top 5%, of the model."""
    model = evaluation.rankers[0]
    names = ("precision", "dispute_recall")
    precision, found = (evaluation.find(at_capacity(name, HEADLINE_CAPACITY), ranker=model) for name in names)
    return evaluation.base_rate, precision, found


def findings(evaluation: Evaluation, say: Tongue) -> Iterable[str]:
    """Yields the summary, sentence by sentence; alarms last."""
    base, precision, found = headline(evaluation)
    base_text, top_text = frequency_texts((base, precision), horizon_days=evaluation.horizon_days, say=say)
    top, model = share(HEADLINE_CAPACITY), ranker_name(evaluation.rankers[0], say)
    yield say(
        f"All cases on the books: {base_text} led to serious violence.", f"全部在册案件：{base_text}发生严重暴力。"
    )
    yield say(
        f"The {top} that {model} ranks highest: {top_text}. Nearly all cases there do not end in violence, so the score "
        "can only be a reason to offer help.",
        f"{model} 排在最前的 {top}：{top_text}。排在前面的案件绝大多数不会发生暴力，因此只能作为主动提供帮助的理由。",
    )
    if found.value is not None:
        yield say(
            f"Of the {found.n_events:,} disputes with an incident, {sentence_of(found)} stood in the top {top} at least "
            "once; the others were missed there.",
            f"{found.n_events:,} 起发生事件的纠纷中，{sentence_of(found, say)}至少一次排入前 {top}，其余在此处漏掉。",
        )
    for baseline in evaluation.rankers[1:]:
        yield _against(evaluation, baseline, say)
    yield _coverage(evaluation, say)
    for alarm in evaluation.alarms:
        yield say(f"ALARM: {alarm.message_en}", f"警报：{alarm.message_zh}")


def _against(evaluation: Evaluation, baseline: str, say: Tongue) -> str:
    told = [d for d in evaluation.differences if d.baseline == baseline and d.difference.population == "all"]
    judged = [d for d in told if d.verdict in ("better", "worse", "not better")]
    name, model = ranker_name(baseline, say), ranker_name(evaluation.rankers[0], say)
    if not judged:
        return say(f"Against {name}: too few events to say.", f"与{name}相比：事件太少，无法判断。")
    better, worse = (
        [say(metric_name(d.metric).en, metric_name(d.metric).zh) for d in judged if d.verdict == verdict]
        for verdict in ("better", "worse")
    )
    parts = [say(f"better in {', '.join(better)}", f"{'、'.join(better)}更好")] if better else []
    parts += [say(f"worse in {', '.join(worse)}", f"{'、'.join(worse)}更差")] if worse else []
    if not parts:
        return say(
            f"Against {name}, row for row: {model} is in no measure better.",
            f"与{name}逐行比较：{model} 没有一项更好。",
        )
    if len(better) + len(worse) < len(judged):
        parts.append(say("not better in the other ranking measures", "其余排序指标未见更好"))
    return say(
        f"Against {name}, row for row: {model} is {'; '.join(parts)}.",
        f"与{name}逐行比较，{model}：{'；'.join(parts)}。",
    )


def _coverage(evaluation: Evaluation, say: Tongue) -> str:
    coverage = evaluation.coverage
    if coverage is None or coverage.n_incidents == 0:
        return say("Coverage: no incident in the period.", "覆盖：期间没有事件。")
    scored, none = coverage.part("scored"), coverage.part("no_dispute_on_the_books")
    found, top = evaluation.found_among_all[0], share(HEADLINE_CAPACITY)
    return say(
        f"Of all {coverage.n_incidents:,} incidents of the period {scored.count:,} had a scored row before; "
        f"{none.count:,} had no dispute on the books, so no score could have reached them. "
        f"Of all incidents, the top {top} found {sentence_of(found)}.",
        f"期间共 {coverage.n_incidents:,} 起事件，其中 {scored.count:,} 起事前有评分；{none.count:,} 起没有纠纷登记，"
        f"任何评分都无法触及。在全部事件中，前 {top} 找到了 {sentence_of(found, say)}。",
    )


def suggestions(record: ReportRecord, audit: Audit | None, say: Tongue) -> Iterable[str]:
    """Yields what the findings suggest to do, what blocks a release first."""
    evaluation = record.evaluation
    if evaluation.alarms:
        yield say(
            "Do not release: a result is too good to be true. Look for a leak first.",
            "不要发布：结果好得不可信，请先查是否有信息泄漏。",
        )
    for probe in record.probes:
        if probe.suspicious:
            yield say(
                "Do not release: a probe points to columns or rows that know the future. See the probes.",
                "不要发布：探查表明某些列或行知道未来，见“探查”。",
            )
    yield from _calibration(evaluation, say)
    yield _choice(evaluation, say)
    yield from _champion(record, say)
    yield from _data(evaluation, say)
    for probe in record.probes:
        if probe.verdict == "leans on it":
            name = channel_name(probe.subject, say)
            yield say(
                f"The ranking leans on the channel {name}: when it falls silent, say so on every score.",
                f"排序依赖渠道“{name}”：一旦中断，须在每个评分上注明。",
            )
    yield from _groups(audit, say)
    yield say(
        "Whatever the score: start nothing but an offer of help or a duty of an institution, and let a person decide.",
        "无论评分如何：只可启动帮助或机构的职责，并由人决定。",
    )


def _calibration(evaluation: Evaluation, say: Tongue) -> Iterable[str]:
    ratio = evaluation.find("observed_over_expected", ranker=evaluation.rankers[0])
    if ratio.low is None or ratio.high is None:
        return
    if ratio.high < CALIBRATED[0] or ratio.low > CALIBRATED[1]:
        low = ratio.low > 1
        yield say(
            f"Calibrate anew before use: probabilities are too {'low' if low else 'high'} (O/E {sentence_of(ratio)}).",
            f"使用前须重新校准：概率偏{'低' if low else '高'}（实际/预期 {sentence_of(ratio, say)}）。",
        )
    elif not ratio.low <= 1 <= ratio.high:
        yield say(
            f"Watch the calibration: O/E {sentence_of(ratio)} does not hold one.",
            f"留意校准：实际/预期 {sentence_of(ratio, say)} 不含一。",
        )


def _choice(evaluation: Evaluation, say: Tongue) -> str:
    model = ranker_name(evaluation.rankers[0], say)
    own = {
        d.metric: d.verdict
        for d in evaluation.differences
        if d.baseline == "points" and d.difference.population == "all"
    }
    told = [own.get(name) for name in ("auc", "ap_over_base", at_capacity("dispute_recall", HEADLINE_CAPACITY))]
    if "worse" in told:
        return say(f"Use the points score: {model} ranks worse.", f"请用计分表：{model} 排序更差。")
    if "better" in told:
        return say(
            f"{model} may replace the points score as the ranking, if the gates pass.",
            f"若各道关口通过，{model} 可以取代计分表用于排序。",
        )
    return say(
        f"{model} is not shown to be better than the points score, which anybody can add up: prefer the points, or bring "
        "more events.",
        f"未能证明 {model} 优于人人可算的计分表：宜用计分表，或补充更多事件。",
    )


def _champion(record: ReportRecord, say: Tongue) -> Iterable[str]:
    champion = record.champion
    if champion is None or not champion.differences or champion.is_same_model:
        return
    verdicts = {one.metric: one.verdict for one in champion.differences}
    if verdicts.get("auc") == "worse":
        yield say("Keep the champion: it ranks better on the same rows.", "保留在用模型：在同样的行上它排序更好。")
    elif verdicts.get("auc") != "better":
        yield say(
            "The champion is not shown to be worse: change it only for another reason.",
            "未能证明在用模型更差：若无其他理由，不必更换。",
        )


def _data(evaluation: Evaluation, say: Tongue) -> Iterable[str]:
    if evaluation.n_events < FEW_EVENTS:
        yield say(
            f"{evaluation.n_events:,} disputes with an incident decide little: pool areas or years before choosing "
            "between models.",
            f"只有 {evaluation.n_events:,} 起发生事件的纠纷，不足以定夺：选择模型之前，先合并地区或年份。",
        )
    coverage = evaluation.coverage
    if coverage is None or not coverage.n_incidents:
        return
    none, between = coverage.part("no_dispute_on_the_books"), coverage.part("dispute_but_no_scored_row")
    if (none.share.value or 0) > MANY_UNSEEN:
        yield say(
            f"More is to be gained at intake than by any ranking: {value_of(none.share)} of the incidents had no dispute "
            "on the books.",
            f"改进登记比改进排序更有用：{value_of(none.share, say)}的事件事前没有纠纷登记。",
        )
    if (between.share.value or 0) > MANY_UNSEEN / 2:
        yield say(
            f"Look at disputes that were closed: {value_of(between.share)} of the incidents had one, but no scored row in "
            f"the {coverage.lookback_days} days before.",
            f"查看已办结的纠纷：{value_of(between.share, say)}的事件有纠纷登记，但之前 {coverage.lookback_days} 天内没有评分。",
        )


def _groups(audit: Audit | None, say: Tongue) -> Iterable[str]:
    if audit is None or not audit.findings():
        return
    names = dict.fromkeys(
        f"{say(*ATTRIBUTE_NAMES.get(one.attribute, (one.attribute, one.attribute)))}"
        f"{say(', ', '，')}{group_name(one.attribute, group.group, say)}"
        for one, group, _ in audit.findings()
    )
    yield say(
        f"Look into records and model for: {'; '.join(names)}.", f"请查看以下各组的记录与模型：{'；'.join(names)}。"
    )


def cautions(record: ReportRecord, say: Tongue) -> tuple[str, ...]:
    """Returns what a reader must keep in mind, what the run itself noted first."""
    days = record.evaluation.horizon_days
    own = record.cautions_zh if say.language == "zh" and record.cautions_zh else record.cautions
    return (
        *own,
        say(
            "The score ranks cases, never people. It may only ever start an offer of help or a duty of an institution.",
            "评分只对案件排序，绝不对人排序。它只可启动帮助或机构的职责。",
        ),
        say(
            "The lowest tier means: no elevated signal in the records. It never means that nothing can happen, and it "
            "never ends a service.",
            "最低等级的意思是：记录中未见升高的信号。它绝不表示不会出事，也绝不终止任何服务。",
        ),
        say(
            "Most incidents lie outside the highest tiers, and some have no record at all: see coverage.",
            "多数事件不在最高的几级之内，有些完全没有记录：见“覆盖”。",
        ),
        say(
            f"Rows of one dispute overlap: one incident makes every row of the {days} days before it positive. Intervals "
            "therefore draw whole pairs, and events are counted in disputes.",
            f"同一纠纷的行互有重叠：一起事件使之前 {days} 天的每一行都成为阳性。因此区间按整对抽样，事件按纠纷计数。",
        ),
        say(
            "Help that was given may have prevented violence: then precision looks lower than the need was.",
            "已给予的帮助可能避免了暴力：这时命中率看起来低于实际需要。",
        ),
        say(
            "Intervals that hold the other ranker's value, or a difference that holds zero, mean: not better.",
            "区间包含对方的数值，或差值区间含零，意思都是：未见更好。",
        ),
    )
