"""Family B, drawn: what was done in a dispute, when it counts, and when it does not."""

import pytest

from tests.spec.drawn import Answers, draw, moment, questions

PAGE = draw("""
QUARREL  A quarrel counts from a microsecond after it is known, for 90 days.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00

    asked at      B01  E04
    03-01 10:00   0    0    known at this very instant: not yet
    03-01 10:00+  1    1
    05-30 10:00   1    1    90 days old to the microsecond: still in
    05-30 10:00+  0    0

TOLD-LATE  A threat to kill, told two days later.
    what       happened     known        details
    opened     01-01 09:00
    E1 threat  03-01 10:00  03-03 10:00  severity=4 specifics=2

    asked at      B04  B05
    03-02 00:00   0    0    it has happened, but nobody knows
    03-03 10:00   0    0
    03-03 10:00+  1    2
    05-30 10:00   1    2
    05-30 10:00+  1    0    90 days for how specific it was
    08-28 10:00   1    0    180 days for the threat itself
    08-28 10:00+  0    0

IN-A-MONTH  A quarrel, blows and a threat to kill; beside the whole window, the last thirty days.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00  03-02 10:00
    E2 physical_contact    03-01 10:00  03-02 10:00
    E3 threat              03-01 10:00  03-02 10:00  severity=4
    E4 threat              03-05 10:00               severity=3

    asked at      B01  B01__30d  B02  B02__30d  B04  B04__30d
    03-02 10:00   0    0         0    0         0    0         known at this very instant
    03-02 10:00+  1    1         1    1         1    1
    03-31 10:00   1    1         1    1         1    1         thirty days old to the microsecond
    03-31 10:00+  1    0         1    0         1    0         the vague threat of 03-05 is none to kill

ALL-TOLD-LATE  Seven things of one morning, of which we hear nine days later.
    what                       happened     known        details
    opened                     01-01 09:00
    E1 injury                  03-01 10:00  03-10 10:00
    E2 arson_explosive_poison  03-01 10:00  03-10 10:00
    E3 property_damage         03-01 10:00  03-10 10:00
    E4 strangulation           03-01 10:00  03-10 10:00
    E5 breach_of_order         03-01 10:00  03-10 10:00
    E6 self_harm_statement     03-01 10:00  03-10 10:00
    E7 last_resort_statement   03-01 10:00  03-10 10:00

    asked at      B03  B07  B08  B09  B11  B12  B13  E05
    03-10 10:00   0    0    0    0    0    0    0    0
    03-31 10:00   1    1    1    1    1    1    1    11    (4 + 5 + 2 + 5 + 3 + 0 + 3) / 2

KNOWN-TOO-LATE  A quarrel of which we hear when its window has passed.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00  06-01 10:00

    asked at      B01  E01
    05-30 09:00   0    365  it would be in the window, were it known
    06-08 10:00   0    99   known, and 99 days old

TWO-REPORTS  One quarrel told by the grid and the police is one, as grave as the graver report.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00  03-01 11:00  grid
    E2 verbal_altercation  03-02 10:00  03-04 10:00  police_110 severity=2

    asked at      B01  E04  E01
    03-04 10:00   1    1    3
    03-04 10:00+  1    2    3.0000000000115741  counted from its first report
    05-30 10:00   1    2    90
    05-30 10:00+  0    0    90.0000000000115741  out with its first report, though the second is 89 days old

JUST-48-HOURS  A report 48 hours after the first is another quarrel; a microsecond less, the same one.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00               grid
    E2 verbal_altercation  03-03 10:00               police_110
    E3 physical_contact    03-01 10:00               grid
    E4 physical_contact    03-03 10:00-              police_110

    asked at      B01  B02
    03-05 00:00   2    1

NOT-CHAINED  At 0, 40 and 80 hours: the window hangs on the first, so that the third is another.
    what             happened     known        details
    opened           01-01 09:00
    E1 weapon        03-01 00:00               grid
    E2 weapon        03-02 16:00               police_110
    E3 weapon        03-04 08:00               sector
    F1 breach_of_order  03-01 00:00               grid
    F2 breach_of_order  03-02 16:00               police_110
    F3 breach_of_order  03-04 08:00               sector

    asked at      B11  B06
    03-05 00:00   2    1

FIRST-REPORT-KNOWN-LAST  The quarrel began earlier than we first heard.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00  03-09 10:00  grid
    E2 verbal_altercation  03-02 22:00  03-03 10:00  police_110
    E3 verbal_altercation  03-04 09:00  03-04 10:00  sector

    asked at      B01  E01
    03-09 10:00   1    6.5   E2 leads, E3 joins it after 35 hours
    03-10 09:00   2    6     E1 leads, E2 joins it; E3 is 71 hours after E1: another

SAME-CHANNEL  Two reports through one channel are two quarrels, and a third channel joins the first of them.
    what                   happened     known  details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00         grid
    E2 verbal_altercation  03-01 15:00         grid
    E3 verbal_altercation  03-01 20:00         police_110
    E4 verbal_altercation  03-01 21:00         police_110
    E5 verbal_altercation  03-01 22:00         police_110

    asked at      B01
    03-05 00:00   3     E1+E3, E2+E4, E5: no group holds one channel twice

OTHER-TYPE  A shove and an injury of one evening are two things, whatever the channel.
    what                 happened     known  details
    opened               01-01 09:00
    E1 physical_contact  03-01 20:00         grid
    E2 injury            03-01 20:00         police_110

    asked at      B02  B03  E04  E05
    03-31 20:00   1    1    4    3.5   (3 + 4) / 2 after a half-life of 30 days

GRAVER-SECOND-REPORT  The second report of a threat makes it a threat to kill; that known later raises later dates only.
    what       happened     known        details
    opened     01-01 09:00
    E1 threat  03-01 10:00  03-01 11:00  grid specifics=1
    E2 threat  03-01 20:00  03-20 10:00  police_110 severity=4 specifics=3

    asked at      B04  B05  E04
    03-10 00:00   0    1    3    a threat without severity counts 3
    03-20 10:00   0    1    3
    03-20 10:00+  1    3    4

DUPLICATE-DENIED  A report that was denied joins nothing and raises nothing.
    what       happened     known  details
    opened     01-01 09:00
    E1 threat  03-01 10:00         grid
    E2 threat  03-01 12:00         police_110 severity=5 specifics=4 denied

    asked at      B04  B05  E04
    03-05 00:00   0    0    3

LEADER-WITHDRAWN  The first report is withdrawn: the second stands for itself.
    what                 happened     known        details
    opened               01-01 09:00
    E1 physical_contact  03-01 10:00               grid severity=4
    E2 physical_contact  03-02 10:00               police_110
    E1 physical_contact  03-01 10:00  03-10 10:00  grid severity=4 withdrawn

    asked at      B02  E04  E01
    03-10 10:00   1    4    9
    03-10 10:00+  1    3    8.0000000000115741

NOT-AFFIRMED  Denied, feared, heard of, long past: each stays on the timeline and counts for nothing.
    what                       happened     known  details
    opened                     01-01 09:00
    E1 threat                  03-01 10:00         severity=5 specifics=4 denied
    E2 weapon                  03-02 10:00         feared
    E3 arson_explosive_poison  03-03 10:00         hearsay
    E4 injury                  03-04 10:00         past
    E5 strangulation           03-05 10:00         denied
    E6 last_resort_statement   03-06 10:00         hearsay
    E7 self_harm_statement     03-07 10:00         denied
    E8 fear_expressed          03-08 10:00         denied
    E9 verbal_altercation      03-09 10:00         past
    E10 property_damage        03-09 10:00         feared
    E11 breach_of_order        03-09 10:00         denied
    E12 physical_contact       03-09 10:00         denied

    asked at      B01  B02  B03  B04  B05  B06  B07  B08  B09  B11  B12  B13  D06  E01  E04  E05
    03-10 10:00   0    0    0    0    0    0    0    0    0    0    0    0    0    365  0    0

AFFIRMED  The same things affirmed, in so many words or by saying nothing; severities are those of the types.
    what                       happened     known  details
    opened                     01-01 09:00
    E1 threat                  03-01 10:00         affirmed
    E2 weapon                  03-01 10:00
    E3 arson_explosive_poison  03-01 10:00         affirmed
    E4 injury                  03-01 10:00
    E5 strangulation           03-01 10:00         affirmed
    E6 last_resort_statement   03-01 10:00
    E7 self_harm_statement     03-01 10:00         affirmed
    E8 fear_expressed          03-01 10:00
    E9 verbal_altercation      03-01 10:00         affirmed
    E10 property_damage        03-01 10:00
    E11 breach_of_order        03-01 10:00         affirmed
    E12 physical_contact       03-01 10:00
    E13 stalking_blocking      03-01 10:00

    asked at      B01  B02  B03  B04  B05  B06  B07  B08  B09  B11  B12  B13  D06  E01  E04  E05
    03-31 10:00   1    1    1    0    0    1    1    1    1    1    1    1    1    30   5    18.5   (1+2+3x5+4+5x3)/2
    04-30 10:00   1    1    1    0    0    1    1    1    1    1    1    1    1    60   5    9.25   60 days: last-resort words in
    04-30 10:00+  1    1    1    0    0    1    1    1    1    1    1    0    1    60   5    9.25
    05-30 10:00   1    1    1    0    0    1    1    1    1    1    1    0    1    90   5    4.625
    05-30 10:00+  0    1    1    0    0    1    1    1    1    1    0    0    0    90   0    4.625
    08-28 10:00   0    1    1    0    0    1    1    1    1    1    0    0    0    180  0    0.578125
    08-28 10:00+  0    0    1    0    0    1    0    0    1    1    0    0    0    180  0    0.578125
    2025-03-01 10:00   0  0  1    0    0    1    0    0    1    1    0    0    0    365  0    0.008047669   18.5 x 2 / 2^(365/30)
    2025-03-01 10:00+  0  0  1    0    0    0    0    0    1    0    0    0    0    365  0    0    injury and strangulation stay

EACH-DEFAULT  The severity of a type where none is given; one given counts instead, even 0.
    what                       happened     known  details
    opened                     01-01 09:00
    E1 verbal_altercation      02-01 10:00
    E2 property_damage         02-03 10:00
    E3 physical_contact        02-05 10:00
    E4 injury                  02-07 10:00
    E5 weapon                  02-09 10:00

    asked at      E04
    02-02 00:00   1
    02-04 00:00   2
    02-06 00:00   3
    02-08 00:00   4
    02-10 00:00   5

SEVERITY-GIVEN  A given severity of 0 is none; a fear may be graver than its type.
    what                    happened     known  details
    opened                  01-01 09:00
    E1 verbal_altercation   02-01 10:00         severity=0
    E2 fear_expressed       02-05 10:00         severity=1

    asked at      B01  E01  E04  E05  D06
    02-02 10:00   1    365  0    0    0
    03-06 10:00   1    30   1    0.5  1

THREAT-LEVELS  A threat counts as one to kill from severity 4 on; three at most.
    what       happened     known  details
    opened     01-01 09:00
    E1 threat  02-01 10:00         severity=3
    E2 threat  02-05 10:00         severity=4
    E3 threat  02-09 10:00         severity=5 specifics=1
    E4 threat  02-13 10:00         severity=4 specifics=4
    E5 threat  02-17 10:00         severity=4 specifics=2

    asked at      B04  B05
    02-03 00:00   0    0
    02-06 00:00   1    0   specifics not given: none
    02-10 00:00   2    1
    02-14 00:00   3    4
    02-18 00:00   3    4   four threats, capped at three

CAPS  Counts are cut at 10, 5, 5 and 3.
    what                    happened     known  details
    opened                  01-01 09:00
    A1 verbal_altercation   02-01 01:00
    A2 verbal_altercation   02-01 02:00
    A3 verbal_altercation   02-01 03:00
    A4 verbal_altercation   02-01 04:00
    A5 verbal_altercation   02-01 05:00
    A6 verbal_altercation   02-01 06:00
    A7 verbal_altercation   02-01 07:00
    A8 verbal_altercation   02-01 08:00
    A9 verbal_altercation   02-01 09:00
    A10 verbal_altercation  02-01 10:00
    A11 verbal_altercation  02-01 11:00
    B1 physical_contact     02-01 01:00
    B2 physical_contact     02-01 02:00
    B3 physical_contact     02-01 03:00
    B4 physical_contact     02-01 04:00
    B5 physical_contact     02-01 05:00
    B6 physical_contact     02-01 06:00
    C1 property_damage      02-01 01:00
    C2 property_damage      02-01 02:00
    C3 property_damage      02-01 03:00
    C4 property_damage      02-01 04:00
    C5 property_damage      02-01 05:00
    C6 property_damage      02-01 06:00
    D1 breach_of_order      02-01 01:00
    D2 breach_of_order      02-01 02:00
    D3 breach_of_order      02-01 03:00
    D4 breach_of_order      02-01 04:00

    asked at      B01  B02  B08  B11
    02-01 03:30   3    3    3    3
    02-01 10:30   10   5    5    3
    02-02 00:00   10   5    5    3

WAYLAID  Followed, their door blocked: once however many tell of it, for 90 days; also where its severity is given as 0.
    what                  happened     known        details
    opened                01-01 09:00
    E1 stalking_blocking  03-01 10:00  03-01 12:00  grid
    E2 stalking_blocking  03-02 10:00               police_110
    E3 stalking_blocking  03-03 10:00               sector
    E4 stalking_blocking  03-10 10:00               severity=0
    E5 stalking_blocking  03-12 10:00               denied

    asked at      B10
    03-01 12:00   0
    03-01 12:00+  1
    03-02 10:00+  1    told twice
    03-03 10:00+  2    48 hours after the first: another
    03-15 10:00   3
    05-30 10:00   3
    05-30 10:00+  2    E1 is out, and E2 with it
    06-08 10:00   1
    06-08 10:00+  0

BLOCKED-DAILY  Six mornings at the door: cut at five.
    what                  happened     known  details
    opened                01-01 09:00
    E1 stalking_blocking  03-01 10:00
    E2 stalking_blocking  03-02 10:00
    E3 stalking_blocking  03-03 10:00
    E4 stalking_blocking  03-04 10:00
    E5 stalking_blocking  03-05 10:00
    E6 stalking_blocking  03-06 10:00

    asked at      B10
    03-04 12:00   4
    03-10 10:00   5

CORRECTED  A knife turns out to have been a shove: each landmark keeps what was known then.
    what                 happened     known        details
    opened               01-01 09:00
    E1 weapon            03-01 10:00  03-01 11:00
    E1 physical_contact  03-01 10:00  03-20 10:00

    asked at      B06  B02  E04
    03-20 10:00   1    0    5
    03-20 10:00+  0    1    3

WITHDRAWN-AND-BACK  Withdrawn in April, and known again in May.
    what       happened     known        details
    opened     01-01 09:00
    E1 weapon  03-01 10:00  03-01 11:00
    E1 weapon  03-01 10:00  04-01 10:00  withdrawn
    E1 weapon  03-01 10:00  05-01 10:00

    asked at      B06
    04-01 10:00   1
    04-01 10:00+  0
    05-01 10:00   0
    05-01 10:00+  1

WRONG-DISPUTE  A knife was noted here, but belongs to the dispute below.
    what       happened     known        details
    opened     01-01 09:00

    asked at      B06
    03-10 00:00   0
    03-20 10:00+  1

BEFORE-OPENING  An injury before the dispute was registered is on record in it all the same.
    what       happened     known        details
    opened     03-01 09:00
    E1 injury  02-20 10:00  03-01 10:00

    asked at      B03
    03-02 00:00   1
""")


def moved_weapon():
    """The two versions of one event, noted first in one dispute and later in another."""
    drawn = [row for row in PAGE.tables["events"] if row["dispute_id"] == "WITHDRAWN-AND-BACK"][:2]
    first, last = ({**row, "event_id": "MOVED", "withdrawn": None} for row in drawn)
    last["recorded_at"] = moment("03-20 10:00")
    return [{**first, "dispute_id": "BEFORE-OPENING"}, {**last, "dispute_id": "WRONG-DISPUTE"}]


PAGE.tables["events"] += moved_weapon()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return Answers(PAGE, tmp_path_factory.mktemp("conduct"))


@questions(PAGE)
def test_drawn(answers, question):
    answers.check(question)
