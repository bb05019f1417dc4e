"""The rows that made a value, named for drawn questions: those and no others, as a reviewer is shown them."""

import pytest

from features.catalogue import BY_ID
from tests import rows as r
from tests.spec.drawn import moment
from tests.spec.drawn_cases import PAGES

EVIDENCE = """
WAYLAID        03-15 10:00       B10  E1 E2 E3 E4        every report, the second of E1 too; none that was denied
HANDED-ON      2021-04-06 09:00  C03  E1 E2              not the one that was withdrawn
IN-TURN        03-10 09:00       C06  E1 E2 E4 E5        what was due and what settled it; not what is due in June
TWICE-PERFORMED  02-05 09:00     C06  E1 E2              not the performance too many
KEPT           01-25 09:00       C06  -                  nothing is due
NEUTRAL        03-02 09:00       C07  -                  nobody is known to have joined
NEUTRAL        04-02 09:00       C07  E1                 who joined; not the mediation
NEUTRAL        08-29 09:00       C07  E2                 the mediation without them
TWO-JUDGMENTS  2023-06-15 09:00  C09  E2                 the oldest that is open
TWO-JUDGMENTS  2023-06-25 09:00  C09  -
ADVERSE        03-05 09:00       C10  E2
EACH-SERVICE   01-18 09:00       D07  E2
EACH-SERVICE   01-30 09:00       D07  -
DRINKING       03-13 10:00       D08  E1 E2 E6 E5        all the conflicts of which it is the share
FASTER         04-19 10:00       E02  E1 E2 E4 E3 E8 E5  of both stretches, by type and time
YOUNG          01-10 09:00       E02  -                  unknown
YOUNG          02-15 09:00       E02  E2 E3 E4           not what lies before opening
TREND          02-12 10:00       E03  -                  fewer than three
ONE-EVENING    03-03 10:00       E03  B1 D1 C1           the last three
"""
ASKED = [tuple(line.split("  ")) for line in EVIDENCE.strip().splitlines()]
ASKED = [[cell.strip() for cell in cells if cell.strip()][:4] for cells in ASKED]


@pytest.mark.parametrize(("name", "at", "what", "rows"), ASKED)
def test_the_rows_that_made_the_value(name, at, what, rows):
    (page,) = (page for page in PAGES.values() if any(row["dispute_id"] == name for row in page.tables["disputes"]))
    view = r.online_view(r.case_record(page.tables, name, moment(at)))
    found = [row.partition(".")[2] for row in BY_ID[what].measure(view).row_ids(0)]
    assert found == ([] if rows == "-" else rows.split())
