"""Families D and E, drawn: needs that were disclosed, known dates ahead, and how a dispute moves in time."""

import pytest

from tests.spec.drawn import Answers, draw, questions

PAGE = draw("""
CHILDREN  Nothing said is unknown; a party may say no, and later yes.
    what     happened     known        details
    opened   01-01 09:00
    dispute  01-01 09:00  02-01 09:00  minors_in_household=false
    dispute  01-01 09:00  03-01 09:00  minors_in_household=true

    asked at      D01
    02-01 09:00   ?
    02-01 09:00+  0
    03-01 09:00   0
    03-01 09:00+  1

WAGES  Months without wages: nothing said is unknown, and beyond a year they are a year.
    what     happened     known        details
    opened   01-01 09:00
    dispute  01-01 09:00  02-01 09:00  wage_arrears_months=2.5
    dispute  01-01 09:00  03-01 09:00  wage_arrears_months=12
    dispute  01-01 09:00  04-01 09:00  wage_arrears_months=14
    dispute  01-01 09:00  05-01 09:00  wage_arrears_months=0

    asked at      D03
    02-01 09:00   ?
    02-01 09:00+  2.5
    03-01 09:00   2.5
    03-02 09:00   12
    04-02 09:00   12    capped
    05-02 09:00   0

HOSPITAL  A bill of one reference income (40,000), of ten, of more; and settled.
    what     happened     known        details
    opened   01-01 09:00
    dispute  01-01 09:00  02-01 09:00  unpaid_medical_cny=40000
    dispute  01-01 09:00  03-01 09:00  unpaid_medical_cny=400000
    dispute  01-01 09:00  04-01 09:00  unpaid_medical_cny=440000
    dispute  01-01 09:00  05-01 09:00  unpaid_medical_cny=0

    asked at      D04
    02-01 09:00   ?
    02-01 09:00+  1
    03-02 09:00   10
    04-02 09:00   10    capped
    05-02 09:00   0

DRINKING  One of three conflicts; a fear is no conflict, a denial counts for nothing, and nobody asked is no.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  03-01 10:00               drunk
    E2 physical_contact    03-05 10:00
    E3 fear_expressed      03-06 10:00               drunk
    E4 threat              03-07 10:00               drunk denied
    E5 property_damage     03-08 10:00               alcohol=false
    E6 physical_contact    03-05 12:00  03-12 10:00  drunk police_110

    asked at      D08
    03-01 10:00   0
    03-01 10:00+  1
    03-06 10:00   0.5
    03-12 10:00   0.3333333333
    03-12 10:00+  0.6666666667   the second report of E2 says so
    08-28 10:00   0.6666666667
    08-28 10:00+  0.5            E1 is out
    09-01 10:00+  0              E2 and E6 are out, by the first of them
    2025-03-01 10:00   0

NOTICE  A notice to leave counts for 30 days.
    what                happened     known        details
    opened              01-01 09:00
    E1 eviction_notice  03-01 10:00  03-02 10:00

    asked at      D02  E09
    03-02 10:00   0    0
    03-02 10:00+  1    0
    03-31 10:00   1    0
    03-31 10:00+  0    0

EVICTION-SET  An eviction is set for 1 September, which we learn in March; it counts from 90 days before to 30 after.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 eviction_scheduled  03-01 10:00  03-02 10:00  scheduled_at=09-01T10:00

    asked at      D02  E09
    03-02 10:00+  0    0
    06-03 10:00   0    0    90 days ahead to the microsecond: not yet in
    06-03 10:00+  1    0
    08-18 10:00   1    0    14 days ahead: not yet a date within 14 days
    08-18 10:00+  1    1
    09-01 10:00   1    1    its very instant is still ahead
    09-01 10:00+  1    0
    10-01 10:00   1    0    30 days ago
    10-01 10:00+  0    0

EVICTION-PUT-OFF  The date is put off by a later version.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 eviction_scheduled  03-01 10:00               scheduled_at=03-20T10:00
    E1 eviction_scheduled  03-01 10:00  03-15 10:00  scheduled_at=12-20T10:00

    asked at      D02  E09
    03-15 10:00   1    1
    03-15 10:00+  0    0

NO-DATE  An eviction without a date, and a notice with one: only the notice itself counts, from the day it was given.
    what                   happened     known  details
    opened                 01-01 09:00
    E1 eviction_scheduled  03-01 10:00
    E2 eviction_notice     05-01 10:00         scheduled_at=05-05T10:00

    asked at      D02  E09
    03-05 10:00   0    0
    05-02 10:00   1    0

EACH-DATE  Five kinds of known dates, one after the other; a judgment's date is none of them.
    what                      happened     known  details
    opened                    01-01 09:00
    E1 hearing_scheduled      01-02 09:00         scheduled_at=02-01T09:00
    E2 enforcement_scheduled  01-02 09:00         scheduled_at=03-01T09:00
    E3 eviction_scheduled     01-02 09:00         scheduled_at=04-01T09:00
    E4 handover_scheduled     01-02 09:00         scheduled_at=05-01T09:00
    E5 construction_scheduled  01-02 09:00        scheduled_at=06-01T09:00
    E6 judgment_effective     01-02 09:00         scheduled_at=07-01T09:00

    asked at     E09
    01-31 09:00  1
    02-15 09:00  0
    02-29 09:00  1
    03-31 09:00  1
    04-15 09:00  0
    04-30 09:00  1
    05-31 09:00  1
    06-30 09:00  0

HEARING-TOLD-LATE  A hearing of 10 March, of which we hear five days before.
    what                  happened     known        details
    opened                01-01 09:00
    E1 hearing_scheduled  02-01 09:00  03-05 09:00  scheduled_at=03-10T09:00

    asked at      E09
    03-05 09:00   0
    03-05 09:00+  1

FEAR  A party says that they fear for their life: for 90 days.
    what                happened     known        details
    opened              01-01 09:00
    E1 fear_expressed   03-01 10:00  03-01 12:00

    asked at      D06  E01  E04
    03-01 12:00   0    365  0
    03-01 12:00+  1    365  0    being afraid is no conduct of severity 1
    05-30 10:00   1    365  0
    05-30 10:00+  0    365  0

QUIET  Nothing happened: 365 days since the last conflict, no load, and an age.
    what    happened     known        details
    opened  01-01 09:00  01-01 21:00

    asked at      E01  E04  E05  E06        E07
    01-02 09:00   365  0    0    0.6931472  0     log(1 + 1 day)
    01-08 09:00   365  0    0    2.0794415  0     log(8)
    12-31 09:00   365  0    0    5.9026333  0     log(366)

REGISTERED-EARLIER  It was opened a day earlier, says the second version.
    what     happened     known        details
    opened   01-02 09:00
    dispute  01-01 09:00  02-01 09:00

    asked at      E06
    02-01 09:00   3.4339872    log(31)
    02-01 09:00+  3.4657359    log(32)

FASTER  Two conflicts in three months, then three in one; a denied one, one of severity 0, a second report add nothing.
    what                    happened          known        details
    opened                  2023-06-01 09:00
    E1 verbal_altercation   01-10 10:00
    E2 verbal_altercation   02-10 10:00
    E3 physical_contact     03-20 10:00
    E4 verbal_altercation   03-25 10:00
    E5 threat               03-25 10:00       03-28 10:00
    E6 weapon               03-26 10:00                    denied
    E7 verbal_altercation   03-26 10:00                    severity=0
    E8 physical_contact     03-21 10:00                    police_110

    asked at      E02
    03-28 10:00   0.7621401     2 and 2 of 90 days: log(2.5 / (2/3 + 1/2))
    03-28 10:00+  1.0986123     the threat is known: log(3.5 / (2/3 + 1/2)) = log 3
    04-19 10:00   1.0986123     E3 is 30 days old: still of the last 30
    04-19 10:00+  0.5108256     2 and 3: log(2.5 / 1.5)
    05-09 10:00   -1.4663371    0 and 5: E1 is 120 days old: log(0.5 / (5/3 + 1/2))
    05-09 10:00+  -1.2992830    0 and 4: log(0.5 / (4/3 + 1/2))
    12-01 10:00   0             quiet, and quiet before

BURST  Nothing for months, then much at once: cut at 2.
    what                   happened          known  details
    opened                 2023-06-01 09:00
    E1 physical_contact    03-01 10:00
    E2 physical_contact    03-05 10:00
    E3 physical_contact    03-09 10:00
    E4 physical_contact    03-13 10:00

    asked at      E02
    03-10 10:00   1.9459101     log(3.5 / 0.5)
    03-14 10:00   2             log(4.5 / 0.5) is 2.2

YOUNG  Until 30 days after opening there is nothing to compare with; then only what lies after opening is.
    what                   happened          known        details
    opened                 01-01 09:00
    E1 physical_contact    2023-12-20 10:00  01-01 09:00
    E2 verbal_altercation  01-01 09:00
    E3 physical_contact    01-02 09:00
    E4 property_damage     02-10 10:00

    asked at      E02
    01-10 09:00   ?
    01-31 09:00   ?             30 days to the microsecond: no time lies before them
    01-31 09:00+  -2            one conflict in a microsecond: cut at -2
    02-15 09:00   -1.0986123    1 and 2 in 15 days, which is 4 in 30: log(1.5 / 4.5)
    02-20 09:00   -0.8472979    1 and 2 in 20 days: log(1.5 / 3.5)

TREND  The last three conflicts, of which we know the gravest two days late.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 verbal_altercation  02-01 10:00
    E2 property_damage     02-05 10:00
    E3 weapon              02-10 10:00  02-12 10:00
    E4 fear_expressed      02-11 10:00
    E5 weapon              02-11 10:00               denied
    E6 verbal_altercation  02-20 10:00
    E7 verbal_altercation  02-21 10:00               police_110

    asked at      E03
    02-12 10:00   0      two conflicts
    02-12 10:00+  2      (5 - 1) / 2
    02-20 10:00+  -0.5   (1 - 2) / 2
    02-22 10:00   -0.5   the second report is no further conflict
    08-03 10:00   -0.5   the third last is 180 days old
    08-03 10:00+  0

ONE-EVENING  All at the same instant: in the order of their ids, whatever they are.
    what                   happened     known        details
    opened                 01-01 09:00
    A1 weapon              03-01 10:00
    B1 verbal_altercation  03-01 10:00
    C1 property_damage     03-01 10:00
    D1 injury              03-01 10:00  03-02 10:00
    A2 threat              03-01 10:00  03-03 10:00  severity=3

    asked at      E03
    03-02 10:00   -1.5   A1, B1, C1: (2 - 5) / 2
    03-03 10:00   1.5    B1, C1, D1: (4 - 1) / 2
    03-04 10:00   1.5    A2 comes second of five

LONG-AGO  The last conflict lies more than a year back: cut at 365, the load gone.
    what                 happened     known        details
    opened               01-01 09:00
    E1 physical_contact  01-01 12:00

    asked at           E01  E04  E05         E06
    01-16 12:00        15   3    2.1213203   2.7803709  3 / root 2 after half a half-life; log(1 + 15.125)
    12-30 12:00        364  0    6.677655e-04  5.9002398  3 / 2^(364/30)
    2025-03-01 09:00   365  0    0           6.0544393  log(1 + 425)

LOAD  The load adds what happened, halved every 30 days; a graver one long ago may weigh less than a small one today.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 weapon               02-01 10:00
    E2 verbal_altercation   03-02 10:00
    E3 verbal_altercation   03-02 11:00               police_110

    asked at      E05        E04  E01
    03-02 10:00   2.5        5    30
    04-01 10:00   1.75       5    30    5/4 + 1/2: the two reports are one
    05-01 10:00   0.875      5    60
    05-02 10:00   0.8550144  1    61    E1 is 91 days old

CLOSED-TWICE  Each conflict after a closure that was known is a relapse, and so is a reopening; three at most.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 verbal_altercation   01-05 10:00
    E2 closed               02-01 10:00  02-10 10:00
    E3 verbal_altercation   02-05 10:00
    E4 reopened             02-20 10:00
    E5 weapon               02-21 10:00               denied
    E6 fear_expressed       02-22 10:00
    E7 physical_contact     02-23 10:00
    E8 threat               02-24 10:00

    asked at      E07  C05
    02-10 10:00   0    0    nobody knows of the closure yet
    02-10 10:00+  1    1    E3 came after it, as we now know
    02-20 10:00+  2    1    and the reopening
    02-23 10:00   2    1    a denied weapon and a fear are no relapse
    02-23 10:00+  3    1
    02-25 10:00   3    1    four, capped at three
    08-03 10:00   3    1    180 days after E3
    08-21 10:00   2    1    180 days after E7: with E8 two
    08-21 10:00+  1    1
    2025-02-04 10:00   0   1    C05 looks back 365 days
    2025-02-23 10:00   0   1    365 days after the threat of 24 February 2024
    2025-02-23 10:00+  0   0

REOPENED-ONCE  Reopened after 19 days, and nothing else: a relapse for 180 days.
    what         happened     known        details
    opened       01-01 09:00
    E1 closed    02-01 10:00
    E2 reopened  02-20 10:00

    asked at      E07
    08-18 10:00   1
    08-18 10:00+  0

AT-CLOSURE  What happens at the very instant of the closure is not after it.
    what                 happened     known  details
    opened               01-01 09:00
    E1 closed            02-01 10:00
    E2 physical_contact  02-01 10:00
    E3 physical_contact  02-05 10:00+

    asked at      E07  C05
    02-02 10:00   0    0
    02-06 10:00   1    1
""")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return Answers(PAGE, tmp_path_factory.mktemp("circumstances"))


@questions(PAGE)
def test_drawn(answers, question):
    answers.check(question)
