"""Writes the pages of the docs that come from code: ``python docs/generate.py``; ``--check`` only says what is stale.

A page that says what the code does is made from the code.  What argues or teaches is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
from draw import PICTURES
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from benchmarks.__main__ import RESULTS
from benchmarks.tables import tables
from defuse import main as defuse
from features.catalogue import FAMILIES, INDICATORS, ROWS
from features.indicator import Bilingual, Indicator
from features.not_inputs import NOT_INPUTS, NotAnInput, Status
from features.records_reference import records_reference
from serving.access import Role
from serving.cautions import FIXED, LATE, OF_INDICATOR, Watch, words_of
from serving.pages.codes import TIERS
from serving.pages.language import LANGUAGES
from serving.permissions import FIELDS, PERMISSIONS
from serving.policy import Action, Policy
from serving.problems import TITLES
from training.artifact.floors import FLOORS
from training.artifact.points import default_items
from training.artifact.tiers import CAPACITY, Tier
from training.experiment import Experiment

DOCS = Path(__file__).resolve().parent
WIDTH = 100
ROLES = ("<!-- roles: written by docs/generate.py -->", "<!-- end of roles -->")
STATUSES = ("<!-- statuses: written by docs/generate.py -->", "<!-- end of statuses -->")

KEYS = {
    "name": "the experiment's name, also in MLflow",
    "question": "the question it answers, in one sentence",
    "seed": "fixes sampling, folds, trees and bootstrap draws",
    "cohort.first_as_of": "landmarks before this time are left out",
    "cohort.population": "rows of test and calibration: one a month and dispute, or every landmark of the matrix",
    "cohort.closed_within_days": "for monthly rows: closed disputes stay so long",
    "matrix.as_of": "the spine: `spine`, `T`, `T1,T2` or `T1..T2/7d`",
    "matrix.indicators": 'all indicators of the catalogue, or a list of ids such as `["B04", "E01"]`',
    "matrix.reference_income_cny": "one year's income per head; A05 measures money in it",
    "label.horizon_days": "days after the landmark in which an incident makes a label positive",
    "label.label_delay_days": "how long after the horizon a label counts as complete",
    "label.min_link_confidence": "links between an incident and a dispute below this are not believed",
    "label.ends_with_incident": "whether rows after a dispute's first incident leave training and test",
    "split.origins": "how many tests are judged, walked back from the newest stretch with complete labels",
    "split.test_days": "length of each test",
    "split.group": "what stays on one side: the pair, or nothing",
    "split.group_reason": 'why, where `group` is "none"',
    "sampling.negative_rate": "share of the negatives kept for fitting; its logarithm goes back into the margin",
    "treatment.estimand": "which risk: as the disputes were treated, or under usual care (no extra support begun meanwhile)",
    "treatment.effect_days": "so long after a start of extra support a landmark is not under usual care",
    "treatment.least_chance": "no chance of being followed counts as less: its inverse is the largest weight",
    "treatment.folds": "folds of pairs over which the uptake of support is cross-fitted",
    "treatment.announced_by": "indicators that foretell support itself, and have no part in that chance",
    "model.family": "the family that makes the model",
    "model.peers": "families that are fitted and judged beside it on the same splits; the points score always is",
    "logistic.penalties": "ridge penalties to choose from, on standardised coefficients",
    "logistic.folds": "folds of pairs by which the penalty is chosen",
    "tuned_lightgbm.trials": "settings to try, at most 30; a killed search goes on where it was",
    "tuned_lightgbm.folds": "folds of pairs by which a trial is judged",
    "tuned_lightgbm.negatives_per_positive": "negatives drawn for each positive to judge a trial on",
    "tuned_lightgbm.rounds": "range of the number of trees (lowest, highest)",
    "tuned_lightgbm.max_depth": "range of the depth",
    "tuned_lightgbm.num_leaves": "range of the leaves",
    "tuned_lightgbm.learning_rate": "range of the shrinkage",
    "tuned_lightgbm.min_data_in_leaf": "range of the fewest rows in a leaf",
    "tuned_lightgbm.lambda_l2": "range of the ridge penalty on leaf values",
    "tuned_lightgbm.feature_fraction": "range of the share of columns that a tree may use",
    "explainable_boosting.outer_bags": "machines that are averaged, each stopped by pairs it left out",
    "explainable_boosting.cross_fit_bags": "the same for the models of cross-fitting and interval",
    "explainable_boosting.interactions": "none: each column has one function that can be drawn",
    "explainable_boosting.max_bins": "most bins of a column",
    "explainable_boosting.learning_rate": "shrinkage of each step",
    "explainable_boosting.max_rounds": "most rounds over the columns",
    "explainable_boosting.min_samples_leaf": "fewest rows in a leaf",
    "explainable_boosting.held_out_share": "share of the pairs that each bag leaves out",
    "lightgbm.rounds": "number of trees",
    "lightgbm.max_depth": "depth of a tree",
    "lightgbm.num_leaves": "leaves of a tree",
    "lightgbm.learning_rate": "shrinkage of each tree",
    "lightgbm.min_data_in_leaf": "fewest rows in a leaf; of few rows at most a fiftieth",
    "lightgbm.lambda_l2": "ridge penalty on leaf values",
    "lightgbm.max_bin": "most bins of a column",
    "lightgbm.feature_fraction": "share of the columns that a tree may use",
    "calibration.folds": "folds of the cross-fitting; a pair lies in one fold",
    "interval.refits": "bootstrap refits behind the interval of a probability",
    "points.items": "lines of the points score: `indicator`, `column`, `at`, `threshold`, `points`; none: the usual ten",
    "tiers.red": "share of the calibration rows from which red is cut",
    "tiers.orange": "the same for orange, red included",
    "tiers.yellow": "the same for yellow, both included",
    "gates.points_margin": "least AUC above that of the points score",
    "gates.observed_over_expected": "range that its interval must touch",
    "gates.calibration_slope": "range that its interval must touch",
    "gates.subgroup_ratio": "range that no group's observed over expected may wholly lie outside of",
    "evaluation.draws": "bootstrap draws behind every interval at the last origin",
    "evaluation.draws_before": "the same at the origins before",
}


def pages() -> dict[str, Callable[[], str]]:
    """Every generated file below docs/, with what writes it."""
    return {
        "reference/cli.md": cli_page,
        "reference/records.md": records_reference,
        "reference/indicators.md": indicators_page,
        "reference/tiers.md": tiers_page,
        "reference/experiment.md": experiment_page,
        "reference/http.md": http_page,
        "reference/benchmarks.md": benchmarks_page,
        **{f"pictures/{name}": draw for name, draw in PICTURES.items()},
    }


def stale() -> list[str]:
    """The generated files that are not what the code says now."""
    return [name for name, write in pages().items() if not _is(DOCS / name, write())]


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


def _head(title: str, source: str) -> str:
    return f"# {title}\n\n<!-- Written by `python docs/generate.py` from {source}: do not edit. -->\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- the command line ------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Each verb with its own help text."""
    parts = [
        _head("The command line", "defuse.py"),
        "Every verb has `--help`. It exits with 0; with 2 for a user error, for faults found and for a gate that says\n"
        "no, each with one clear message; with 1 for a bug, with a traceback. `--json` puts the result on stdout as\n"
        "JSON; progress goes to stderr. State lives under `DEFUSE_HOME` (default `./.defuse`).\n",
    ]
    parts += [f"## {name}\n\n```text\n{text}\n```\n" for name, text in verbs()]
    return "\n".join(parts)


def verbs() -> Iterator[tuple[str, str]]:
    """The full name and help text of every verb."""
    yield from _verbs(defuse, "defuse", None)


def _verbs(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = command.context_settings if parent is None else {}
    context = click.Context(
        command,
        info_name=name.rsplit(maxsplit=1)[-1],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **settings,
    )
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _verbs(found, f"{name} {child}", context)


# --- indicators ------------------------------------------------------------------------------------------------------

DIRECTIONS = {
    "+": "a higher value may only raise the score",
    "-": "a higher value may only lower the score",
    "none": "free",
}


def indicators_page() -> str:
    """The whole catalogue, family by family: the model inputs and, in their places, what no model reads."""
    families = [family.FAMILY for family in FAMILIES]
    counts = ", ".join(f"{f.id} {sum(row.family == f for row in ROWS)}" for f in families)
    audit, refused = (sum(row.status is status for row in NOT_INPUTS) for status in Status)
    parts = [
        _head("The catalogue of indicators", "features/families/ and features/not_inputs.py"),
        f"{len(ROWS)} rows in {len(families)} families ({counts}): {len(INDICATORS)} model inputs, {audit} for audit only, "
        f"{refused} refused. Of the inputs {_directions()}.\n`t` is the landmark; only rows recorded before `t` are "
        "read. `defuse features --explain B04` prints one of these. The sentences are\nthose a reviewer reads: when there "
        "is something on record, when there is nothing, and when nobody knows.\n",
        "What is for audit only or refused has no measure and no column: it stands here so that it is said, with the "
        "reason.\nAsking for it is an error that gives the same reason.\n",
    ]
    for family in families:
        parts.append(f"## {family.id} {family.name.en} {family.name.zh}\n")
        parts += [_row(one) for one in ROWS if one.family == family]
    return "\n".join(parts)


def _directions() -> str:
    signs = [one.direction.value for one in INDICATORS]
    return (
        f"{signs.count('+')} may only raise a score, {signs.count('-')} only lower it, {signs.count('none')} are free"
    )


def _row(one: Indicator | NotAnInput) -> str:
    return _not_an_input(one) if isinstance(one, NotAnInput) else _indicator(one)


def _not_an_input(one: NotAnInput) -> str:
    lines = [
        f"- **{one.status}**: {one.reason.en} / {one.reason.zh}",
        f"- would be: {one.would_be} (`{one.name}`)",
    ]
    return f"### {one.id} {one.title.en} {one.title.zh}\n\n" + "\n".join(lines) + "\n"


def _indicator(one: Indicator) -> str:
    told = one.wording.unknown
    unknown = Bilingual(told.en.format(name=one.title.en), told.zh.format(name=one.title.zh))
    facts = [
        ("definition", one.definition),
        ("column", f"`{one.column}`"),
        ("window", f"`{one.window}`"),
        ("value", f"{one.value_type}; {one.unit.en} / {one.unit.zh}"),
        ("missing", one.missing),
        ("direction", DIRECTIONS[one.direction.value]),
        ("words, present", f"{one.wording.present.en} / {one.wording.present.zh}"),
        ("words, absent", f"{one.wording.absent.en} / {one.wording.absent.zh}"),
        ("words, unknown", f"{unknown.en} / {unknown.zh}"),
        ("offers", ", ".join(f"`{name}`" for name in one.support) or "none of its own"),
        ("source", one.source),
    ]
    if one.care_only:
        facts.append(("shown to", "the care role alone; for others it folds into `other_contribution`"))
    lines = [f"- {name}: {text}" for name, text in facts]
    return f"### {one.id} {one.title.en} {one.title.zh}\n\n" + "\n".join(lines) + "\n"


# --- tiers, floors, points, routing ----------------------------------------------------------------------------------


REST = {Tier.BLUE: "all others", Tier.CONTACT_FIRST: "a thin record that would be blue"}


def tiers_page() -> str:
    """What stands above and beside the model: tiers, floors, the points score and the default routing."""
    policy = Policy()
    tiers = (
        [
            f"`{tier}`",
            f"top {CAPACITY[tier]:.2%}" if tier in CAPACITY else REST[tier],
            TIERS[tier],
            LANGUAGES["zh"].say(TIERS[tier]),
        ]
        for tier in Tier
    )
    floors = (
        [one.id, one.rule.en, one.rule.zh, f"`{one.tier}`" if one.tier else "no colour", ", ".join(one.offers),
         f"{one.within_hours} h" if one.within_hours else "", "yes" if one.care_only else ""]
        for one in FLOORS
    )  # fmt: skip
    points = (
        [str(item.points), f"`{item.column}`", f"at {item.at} {item.threshold:g}"] for item in default_items()
    )  # fmt: skip
    routes = (
        [f"`{tier}`", ", ".join(policy.route(tier).actions), policy.route(tier).owner_rank,
         f"{policy.route(tier).due_hours:g} h", f"{policy.route(tier).follow_up_days:g} d later"]
        for tier in Tier
    )  # fmt: skip
    return "\n".join((
        _head("Tiers, floors, points and routing", "training/artifact/ and serving/policy.py"),
        "## Tiers\n\nThe cut-offs are margins, fixed on the calibration rows and stored with the model. The shares are "
        "cumulative.\n",
        _table(["tier", "of the calibration rows", "reads", "中文"], tiers),
        "\n## Safety floors\n\nFew public rules above the model. A floor can raise a tier or add an offer, never lower "
        "or remove one.\n",
        _table(["id", "rule", "规则", "at least", "offers", "within", "care role only"], floors),
        "\n## The points score\n\nThe compulsory baseline: ten yes-or-no lines, fixed before any data were seen, whose "
        "sum is calibrated like\nthe trees. An unknown value earns no points.\n",
        _table(["points", "column", "holds when the value is"], points),
        f"\n## Routing by default (policy `{policy.version}`)\n\n`policy.toml` under `DEFUSE_HOME` replaces it. Offers "
        "of the floors and of the strongest reasons come first.\n",
        _table(["tier", "usual offers", "owner", "due within", "asks again"], routes),
        "\nThe vocabulary of actions is closed; any other word is a configuration error: "
        + ", ".join(f"`{action}`" for action in Action) + ".\n",
        "\n## Cautions\n\nWorked out for each case from the record, the model and the policy alone.\n",
        _table(["caution", "reads", "中文"], _cautions()),
        "\n`[watch]` in `policy.toml` says what is late, silent or stale here, in days:\n",
        _table(["key", "default", "meaning"], (
            [f"`{name}`", f"{field.default:g}", field.description or ""] for name, field in Watch.model_fields.items()
        )),
        "",
    ))  # fmt: skip


def _cautions() -> Iterator[list[str]]:
    for code in (*FIXED, *(f"{head}:B04" for head in OF_INDICATOR), f"{LATE}:grid"):
        words = words_of(code)
        yield [f"`{code}`", words.en, words.zh]


# --- the experiment file ---------------------------------------------------------------------------------------------


def experiment_page() -> str:
    """Every key of an experiment file: type, default, bounds and meaning."""
    unexplained = [key for key in keys() if key not in KEYS]
    if unexplained:
        raise SystemExit(f"write down in KEYS of docs/generate.py what this means: {', '.join(unexplained)}")
    parts = [
        _head("The experiment file", "training/experiment.py"),
        "One TOML file is one problem. Unknown keys are refused, and all faults are told at once. The shipped file,\n"
        "[experiments/shallow_lightgbm.toml](../../experiments/shallow_lightgbm.toml), argues in comments for each of "
        "its values.\n",
    ]
    plain = {name: field for name, field in Experiment.model_fields.items() if not _is_section(field)}
    parts.append("## At the top\n\n" + _keys(plain, "") + "\n")
    for name, field in Experiment.model_fields.items():
        if _is_section(field):
            section: type[BaseModel] = field.annotation  # type: ignore[assignment]
            parts.append(f"## [{name}]\n\n{section.__doc__}\n\n" + _keys(section.model_fields, f"{name}.") + "\n")
    return "\n".join(parts)


def keys() -> list[str]:
    """Every key an experiment file may have, with its section."""
    found = []
    for name, field in Experiment.model_fields.items():
        found += [f"{name}.{key}" for key in field.annotation.model_fields] if _is_section(field) else [name]
    return found


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _keys(fields: dict[str, FieldInfo], section: str) -> str:
    rows = ([f"`{key}`", _kind(field), _default(field), KEYS[section + key]] for key, field in fields.items())
    return _table(["key", "value", "default", "meaning"], rows)


def _kind(field: FieldInfo) -> str:
    kind, parts = field.annotation, get_args(field.annotation)
    words = {str: "text", int: "whole number", float: "number", str | None: "time or none"}.get(kind, "list")
    if get_origin(kind) is Literal:
        words = " or ".join(f'`"{name}"`' for name in parts)
    elif any(get_origin(part) is Literal for part in parts):
        words = '`"all"` or a list'
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "pattern": "like"}
    bounds = [
        f"{word} `{getattr(rule, sign)}`" if sign == "pattern" else f"{word} {getattr(rule, sign)}"
        for rule in field.metadata
        for sign, word in signs.items()
        if getattr(rule, sign, None) is not None
    ]
    return ", ".join([words, *bounds])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{field.default}`" if field.default not in (None, "", ()) else "none"


# --- HTTP ------------------------------------------------------------------------------------------------------------


def benchmarks_page() -> str:
    """The kept results of the benchmarks as tables."""
    return (
        "# Benchmarks\n\n"
        "What `python -m benchmarks NAME` measured last, as kept in `benchmarks/results/`. Peers ran in the same run, one\n"
        "process a run; ratios tell more than seconds on a shared machine. What the figures mean: [quality on the bench\n"
        "world](../explanation/quality.md), [speed](../explanation/speed.md).\n" + tables(RESULTS)
    )


def http_page() -> str:
    """The hand-written page with the table of statuses put in anew."""
    text = (DOCS / "reference" / "http.md").read_text("utf-8")
    first, last = STATUSES
    if first not in text or last not in text:
        raise SystemExit(f"docs/reference/http.md lacks the line {first} or {last}")
    before, after = text.split(first)[0], text.split(last)[1]
    table = _table(["status", "title"], ([str(status), title] for status, title in TITLES.items()))
    text = f"{before}{first}\n\n{table}\n\n{last}{after}"
    first, last = ROLES
    before, after = text.split(first)[0], text.split(last)[1]
    return f"{before}{first}\n\n{_roles()}\n\n{last}{after}"


def _roles() -> str:
    """Routes and fields by role, from the table that the service and its tests use."""
    roles = [role.value for role in Role]
    routes = (
        [f"`{one.method} {one.path}`", *("yes" if role in one.names or not one.roles else "" for role in roles)]
        for one in PERMISSIONS
    )
    fields = ([f"`{one.field}`: {one.told}", *("yes" if role in one.roles else "" for role in Role)] for one in FIELDS)
    return _table(["route", *roles], routes) + "\n\n" + _table(["field of an assessment", *roles], fields)


def main() -> None:
    """Write every page, or with ``--check`` exit with 1 where one is stale."""
    if "--check" in sys.argv[1:]:
        names = stale()
        if names:
            sys.exit(f"stale: {', '.join(names)}; run: python docs/generate.py")
        print("every generated page is up to date")
        return
    for name, write in pages().items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(write(), "utf-8")
        print(DOCS / name)


if __name__ == "__main__":
    main()
