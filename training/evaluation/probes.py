"""Probes: how the numbers change when the records are spoilt on purpose, on the same rows and draws."""

from __future__ import annotations

import numpy as np

from training.evaluation.alarms import shuffled_label_probe
from training.evaluation.held_out import HeldOutRows, Integers, Scores
from training.evaluation.measured import Difference
from training.evaluation.metrics import at_capacity
from training.evaluation.origins import numbers_of
from training.evaluation.probe_record import CLIFF, LOSS, Probe, ProbeName, ProbeVerdict

CAPACITY = 0.05
AS_IT_IS = "as_it_is"
PROBED = "probed"
TOLD = ("auc", at_capacity("dispute_recall", CAPACITY), "observed_over_expected")


def paired_probe(
    probe: ProbeName, subject: str, rows: HeldOutRows, *, as_it_is: Scores, probed: Scores, draws: int, seed: int
) -> Probe:
    """Returns what the probe changes: the numbers both ways and their paired differences, with a verdict on the AUC.

    A fall of the AUC is a cliff where its whole interval lies beyond ``CLIFF`` (delayed features), and a channel is
    leaned on where it lies beyond ``LOSS``.
    """
    found = numbers_of(
        rows, {PROBED: probed, AS_IT_IS: as_it_is}, draws=draws, seed=seed, capacities=(CAPACITY,), lines=False
    )  # fmt: skip
    differences = tuple(one for one in found.differences if one.metric in TOLD)
    limit = CLIFF if probe == "delayed_features" else LOSS
    auc = next((one for one in differences if one.metric == "auc"), None)
    return Probe(
        probe=probe,
        subject=subject,
        n_rows=len(rows.label),
        as_it_is=tuple(found.find(name, ranker=AS_IT_IS) for name in TOLD),
        probed=tuple(found.find(name, ranker=PROBED) for name in TOLD),
        differences=differences,
        limit=limit,
        verdict=_verdict(probe, auc, limit),
    )


def _verdict(probe: ProbeName, auc: Difference | None, limit: float) -> ProbeVerdict:
    if auc is None or auc.difference.high is None:
        return "too few to say"
    beyond = auc.difference.high < -limit
    if probe == "delayed_features":
        return "look for a leak" if beyond else "passed"
    return "leans on it" if beyond else "holds up"


def trained_on_shuffled_labels(rows: HeldOutRows, scores: Scores, *, draws: int, seed: int) -> Probe:
    """Returns the probe of a model *trained* on shuffled labels: on the true test labels it must know nothing.

    Its AUC is held against the range that shuffled test labels give with the same scores: rows of a dispute hang
    together, so chance reaches further than independent rows would.
    """
    found = numbers_of(rows, {PROBED: scores}, draws=draws, seed=seed, capacities=(CAPACITY,), lines=False)
    auc = found.find("auc", ranker=PROBED)
    chance = shuffled_label_probe(label=rows.label, score=scores.score, dispute=rows.dispute, seed=seed)
    verdict: ProbeVerdict = "too few to say"
    if auc.value is not None and chance.high is not None:
        verdict = "look for a leak" if auc.value > chance.high else "passed"
    return Probe(
        probe="shuffled_labels",
        subject="training labels",
        n_rows=len(rows.label),
        probed=(auc,),
        chance=chance,
        verdict=verdict,
    )


def shuffled_by_pair(label: Integers, pair: Integers, *, seed: int) -> Integers:
    """Returns labels (n,) in which the pairs that had a positive row are others, drawn by lot; whole pairs get it.

    As many pairs are positive as before.
    """
    pairs, of_row = np.unique(pair, return_inverse=True)
    had = np.zeros(len(pairs), dtype=bool)
    had[of_row[label == 1]] = True
    gets = np.random.default_rng(seed).permutation(had)
    return gets[of_row].astype(label.dtype)
