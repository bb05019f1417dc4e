"""The words and worked examples of the OpenAPI document."""

from __future__ import annotations

from typing import Any

CASE: dict[str, Any] = {
    "dispute": {
        "dispute_id": "D0000123", "opened_at": "2024-05-02T09:00:00+08:00", "recorded_at": "2024-05-02T09:20:00+08:00",
        "channel": "grid", "kind": "neighbour", "relation": "neighbour", "proximity": "adjoining",
        "stakes": ["boundary", "access"], "amount_cny": 8000, "minors_in_household": False, "area": "330106001",
    },
    "events": [
        {"event_id": "E1", "dispute_id": "D0000123", "type": "first_contact", "occurred_at": "2024-05-02T15:00:00+08:00",
         "recorded_at": "2024-05-02T17:00:00+08:00", "channel": "grid"},
        {"event_id": "E2", "dispute_id": "D0000123", "type": "threat", "occurred_at": "2024-05-20T20:10:00+08:00",
         "recorded_at": "2024-05-20T21:00:00+08:00", "channel": "police_110", "severity": 4, "specifics": 2,
         "assertion": "affirmed"},
    ],
    "petitions": [],
    "prior_disputes": [],
    "as_of": "2024-05-21T08:00:00+08:00",
}  # fmt: skip
"""One case record, made up."""

CURL = """\
curl --fail-with-body -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
     --data @case.json http://127.0.0.1:3000/v1/score"""

PYTHON = """\
import json, urllib.request

request = urllib.request.Request(
    "http://127.0.0.1:3000/v1/score",
    data=json.dumps(case).encode(),
    headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    assessment = json.load(answer)
print(assessment["tier"], [reason["sentence"]["en"] for reason in assessment["reasons"][:3]])"""

UPDATE = """\
**How to send an update.** Send the full record again: every version of every row, with `as_of` null (now) or the time you \
decide at. Rows recorded at or after `as_of` are ignored; rows recorded after now are a fault. Each call is a new assessment; \
the former one stays as it was."""

RETRY = """\
Any name of your own for this request, such as a UUID. Sent again with the same token and body, it gives the first answer \
and logs nothing new; with another body it is 409. It is known for two days (`retention.idempotency_hours`)."""

DECISION: dict[str, Any] = {
    "view": "disagree", "tier": "yellow", "reason_code": "already_helped",
    "text": "Both sides signed an agreement last week; the mediator calls on Friday.", "offers": ["mediation"],
}  # fmt: skip
"""One decision, made up."""

DECIDE = """\
The reviewer is the holder of the token. A tier is in force only by a decision with a reason: up at once, down only with \
words. A red case stays red until a second account comes to the same outcome. To undo a decision, send another; all are \
kept, the last one counts. `stage` `preliminary` records the reviewer's own view before the score is shown; `objection` \
that a party refuses the machine's ranking. The text may hold no ID, phone or plate number."""

HIDDEN = """\
The same rule as on the page. A random share of cases is judged before the score shows: to a reviewer it is 403 with the rule \
`judge_first` until a decision of the stage `preliminary` was sent. Where a party refused the machine's ranking it is 403 with \
the rule `manual` for everybody: decide from the record."""

ABOUT = """\
Scores dispute cases, never people: the risk that one dispute leads to serious violence within 90 days, with every reason \
and the rows behind it, so that mediation, legal aid, psychological and material help reach that case sooner. No answer \
calls for anything but an offer of help.

**Times** are RFC 3339 with an offset; answers are in Z. **Unknown** is null, never NaN. **Limits**: 1 MiB and 2,000 events \
a case; 1,000 cases and 16 MiB a batch.

**Errors** are problem documents (RFC 9457) of one shape on every route. They list every fault of a record with its path and \
rule, and never hold a value of the request.

| status | what happened | send it again? |
| --- | --- | --- |
| 400, 422 | the body is not JSON, or breaks the contract | no: mend the record by its `errors` |
| 401, 403 | no valid token, or not for this role or area; or the score does not show yet, as `errors` says | no: get another token, or judge first |
| 404, 405, 413, 415, 431 | no such thing, wrong method, too large, wrong media type, a head without an end after 64 KiB | no |
| 409 | this `Idempotency-Key` came before with another body | with a new key |
| 408 | the body did not come within 10 s (a batch: 60 s) | yes, on a better line |
| 429 | too many requests of this token | yes, after `Retry-After` seconds |
| 500 | a fault of the service; nothing was answered | once |
| 503 | not ready, too much at once, or the assessment could not be logged: no score was given | yes, after `Retry-After` seconds |
| none (broken connection) | it is not known whether an assessment was logged | yes; with the same `Idempotency-Key` it is logged once |"""
