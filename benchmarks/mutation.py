"""Case records broken at random: what `python -m benchmarks fuzz` and `tests/serving/test_fuzz.py` send.

``MARK`` is the canary: it stands in texts, keys and ids, and must not come back in an error, a page or a log line.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

MARK = "ZQX"
Path = tuple[Any, ...]
TEXTS = (
    "", " ", MARK, f"{MARK}\x00", f"{MARK}\n\r\t", f"{MARK}张三", f"\u202e{MARK}", f"<script>{MARK}</script>", f"{{{{{MARK}}}}}",
    f"{MARK}%s%n", f"../../{MARK}", f"'; DROP TABLE assessments; -- {MARK}", MARK * 5_000, f"{MARK}\ud83d\ude00", "null",
    f"１３８{MARK}", "13812345678", "11010519491231002X", "浙A12345", "NaN", "true", "0", "-0", "1e5", "2024-06-01",
    "2024-05-20T00:00:00", "2024-05-20T00:00:00Z", "2024-02-30T00:00:00Z", "9999-12-31T23:59:59.999999-23:59",
    "1000-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "2024-05-20T24:00:00Z", "2024-06-01T00:00:00.000001Z",
    "D1", "D2", "E0", "threat", "labour", "spouse_partner", "\u0000",
)  # fmt: skip
NUMBERS = (0, -0.0, 1, -1, 5, 6, 1.5, 1e-300, 1e300, -1e300, 2**53, 2**63, -(2**63) - 1, 10**40, 10**400, 5.0, 4.999999)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    [None],
    ["threat"],
    {"dispute_id": MARK},
    [MARK],
    {MARK: MARK},
)
NAMES = (
    "ethnicity",
    "id_card",
    "姓名",
    "手机号",
    "mood",
    f"{MARK}\n",
    "",
    "__class__",
    "dispute",
    "as_of",
    "withdrawn",
    "x" * 999,
)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place inside a record."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def holder(record: Any, path: Path) -> Any:
    """What holds a place."""
    for key in path[:-1]:
        record = record[key]
    return record


def anything(rng: random.Random) -> Any:
    """A text, number or other value, hostile or absurd."""
    kinds: tuple[tuple[Any, ...], ...] = (TEXTS, NUMBERS, OTHERS)
    return copy.deepcopy(rng.choice(rng.choice(kinds)))


def mutate(record: Any, rng: random.Random) -> Any:
    """Change one place of a record; gives back the record, which may be another value now."""
    path = rng.choice(list(places(record)))
    if not path:
        return record if rng.random() < 0.8 else anything(rng)
    inside, key = holder(record, path), path[-1]
    change = rng.choice(("replace", "replace", "replace", "drop", "add", "repeat", "wrap", "swap"))
    if change == "replace":
        inside[key] = anything(rng)
    elif change == "drop":
        del inside[key]
    elif change == "add" and isinstance(inside, dict):
        inside[rng.choice(NAMES)] = anything(rng)
    elif change == "repeat" and isinstance(inside, list):
        inside.extend(copy.deepcopy([inside[key]] * rng.choice((1, 1, 600))))
    elif change == "wrap":
        inside[key] = rng.choice(([inside[key]], {"value": inside[key]}, str(inside[key])))
    elif change == "swap":
        other = rng.choice([p for p in places(record) if p])
        inside[key] = copy.deepcopy(holder(record, other)[other[-1]])
    return record


def broken(record: Any, rng: random.Random) -> bytes:
    """The body of a request with a record changed in one to four places."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not isinstance(record, dict | list) or not record:
            break
        record = mutate(record, rng)
    return json.dumps(record, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
