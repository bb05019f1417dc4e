"""Family C, drawn: how the institutions handled a case.  A petition is only ever their clock."""

import pytest

from tests.spec.drawn import Answers, draw, questions

PAGE = draw("""
CONTACTED  First contact after five hours, of which we hear the next day.
    what              happened     known        details
    opened            01-01 09:00
    E1 registered     01-01 09:00
    E2 first_contact  01-01 14:00  01-02 14:00

    asked at      C01
    01-01 09:00+  0.000000000277778   a microsecond has passed
    01-01 12:00   3
    01-02 14:00   29              the contact is not known yet: hours elapsed
    01-02 14:00+  5
    05-01 09:00   5

NO-CONTACT  Ten days (240 hours) at most; unknown as long as no handling is on record at all.
    what              happened     known        details
    opened            01-01 09:00
    E1 judgment_effective  01-02 09:00
    E2 assigned       01-03 09:00

    asked at      C01
    01-03 09:00   ?     a judgment is no handling
    01-03 09:00+  48
    01-11 08:00   239
    01-11 09:00   240
    03-01 09:00   240

CONTACT-BEFORE-OPENING  They spoke before the dispute was registered; the earliest of two contacts counts.
    what              happened     known        details
    opened            01-02 09:00
    E1 first_contact  01-01 09:00  01-02 09:00
    E2 first_contact  01-09 09:00

    asked at      C01
    01-10 09:00   0

NOTHING-HANDLED  No handling is on record: unknown until a deadline has passed, from then on overdue.
    what    happened     known        details
    opened  01-01 09:00

    asked at      C01  C02
    01-01 13:00   ?    ?      four hours: not yet past the deadline
    01-01 13:00+  ?    0.0000000000116
    01-02 13:00   ?    1
    01-13 13:00   ?    12
    05-01 09:00   ?    60     capped

LADDER  Assigned in time, replied late, never closed.
    what         happened     known        details
    opened       01-01 09:00
    E1 assigned  01-01 12:00
    E2 replied   01-12 09:00  01-13 09:00

    asked at      C02
    01-01 12:00   ?
    01-01 12:00+  0
    01-10 09:00   0     nine days for a reply
    01-12 09:00   2
    01-13 09:00   3     the reply is not known yet
    01-13 09:00+  0
    01-31 09:00   0     thirty days to close
    02-10 09:00   10
    03-31 09:00   60
    04-01 09:00   60    capped

REOPENED  Closing ends every delay; after a reopening there are thirty days again.
    what         happened     known        details
    opened       01-01 09:00
    E1 closed    03-01 09:00  03-05 09:00
    E2 reopened  04-01 09:00  04-03 09:00
    E3 assigned  04-03 09:00
    E4 replied   04-03 09:00

    asked at      C02
    03-05 09:00   60    the closure is not known yet
    03-05 09:00+  0
    04-03 09:00   0
    04-03 09:00+  0     assigned and replied at last, thirty days from 1 April
    05-01 09:00   0
    05-03 09:00   2

CLOSURE-WITHDRAWN  The closure was noted in the wrong case.
    what         happened     known        details
    opened       01-01 09:00
    E1 assigned  01-01 09:00
    E2 replied   01-01 09:00
    E3 closed    01-20 09:00
    E3 closed    01-20 09:00  02-20 09:00  withdrawn

    asked at      C02  E07
    02-20 09:00   0    0
    02-20 09:00+  20.0000000000116  0

PETITION-UNANSWERED  Overdue from its due date on, and no answer.
    what         happened     known        details
    opened       03-01 09:00
    E1 assigned  03-01 09:00
    E2 replied   03-01 09:00
    P1 petition  03-02 09:00  03-03 09:00  due_at=03-20T09:00

    asked at      C02  C12
    03-20 09:00   0    0    due at this very instant: not past
    03-20 21:00   0.5  0
    03-25 09:00   5    0

PETITION-AT-ONCE  A petition known after it was due.
    what         happened     known        details
    opened       03-01 09:00
    E1 assigned  03-01 09:00
    E2 replied   03-01 09:00
    P1 petition  03-02 09:00  03-23 09:00  due_at=03-20T09:00

    asked at      C02
    03-23 09:00   0
    03-23 09:00+  3.0000000000116

PETITION-ANSWERED-IN-TIME  Answered and known on its last day: never a delay.
    what         happened     known        details
    opened       03-01 09:00
    E1 assigned  03-01 09:00
    E2 replied   03-01 09:00
    P1 petition  03-02 09:00               due_at=03-20T09:00 answered_at=03-19T09:00 answer_recorded_at=03-20T09:00

    asked at      C02  C12
    03-10 09:00   0    0
    03-20 09:00   0    0
    03-20 09:00+  0    0
    03-28 09:00   0    0

PETITION-ANSWER-KNOWN-LATE  Answered in time, known late: overdue until we knew.
    what         happened     known        details
    opened       03-01 09:00
    E1 assigned  03-01 09:00
    E2 replied   03-01 09:00
    P1 petition  03-02 09:00               due_at=03-20T09:00 answered_at=03-19T09:00 answer_recorded_at=03-27T09:00

    asked at      C02
    03-25 09:00   5
    03-27 09:00   7
    03-27 09:00+  0

PETITIONS  The most overdue one counts: neither their sum nor their number.
    what         happened     known        details
    opened       03-01 09:00
    E1 assigned  03-01 09:00
    E2 replied   03-01 09:00
    P1 petition  03-02 09:00               due_at=03-20T09:00
    P2 petition  03-02 09:00               due_at=03-23T09:00
    P3 petition  03-02 09:00               due_at=03-20T09:00
    P1 petition  03-02 09:00  03-26 09:00  due_at=03-20T09:00 withdrawn
    P3 petition  03-02 09:00  03-26 09:00  due_at=03-25T09:00

    asked at      C02
    03-26 09:00   6
    03-26 09:00+  3.0000000000116   one withdrawn, one due later: P2 is left

PETITION-AND-LADDER  The petition is 3 days late, the closing 12: the largest counts.
    what         happened     known        details
    opened       01-01 09:00
    E1 assigned  01-01 09:00
    E2 replied   01-01 09:00
    P1 petition  01-10 09:00               due_at=02-09T09:00

    asked at      C02
    02-12 09:00   12

PETITION-IN-CLOSED-CASE  The case is closed: no current step is overdue.
    what         happened     known        details
    opened       01-01 09:00
    E1 closed    01-10 09:00
    P1 petition  01-10 09:00               due_at=02-09T09:00

    asked at      C02
    03-01 09:00   0

PETITION-ALONE  Nothing was handled, and a petition is lodged at once and overdue in an hour.
    what         happened     known        details
    opened       01-01 09:00
    P1 petition  01-01 09:00               due_at=01-01T10:00

    asked at      C01  C02
    01-01 09:30   ?    ?      not due: it fills no missing value
    01-01 10:00   ?    ?
    01-01 12:24   ?    0.1    overdue is the institution's fact

UPHELD-LATE  A petition is upheld: the institution's error, from when the answer is known, for 365 days after it.
    what         happened     known        details
    opened       01-01 09:00
    P1 petition  01-10 09:00               due_at=05-09T09:00 answered_at=03-01T09:00 answer_recorded_at=03-10T09:00 upheld

    asked at      C12
    03-10 09:00   0
    03-10 09:00+  1
    2025-03-01 09:00   1
    2025-03-01 09:00+  0

UPHELD-WITHOUT-ANSWER  Upheld, they say, but no answer is on record.
    what         happened     known        details
    opened       01-01 09:00
    P1 petition  01-10 09:00               due_at=05-09T09:00 upheld

    asked at      C12
    04-10 09:00   0

NOT-UPHELD  Answered, and not found justified; or nothing said.
    what         happened     known        details
    opened       01-01 09:00
    P1 petition  01-10 09:00               due_at=05-09T09:00 answered_at=03-01T09:00 answer_recorded_at=03-10T09:00 upheld=false
    P2 petition  01-10 09:00               due_at=05-09T09:00 answered_at=03-01T09:00 answer_recorded_at=03-10T09:00

    asked at      C12
    04-10 09:00   0

ERROR-ON-REVIEW  An error found on review counts the same.
    what             happened     known        details
    opened           01-01 09:00
    E1 error_upheld  03-01 09:00  03-05 09:00

    asked at      C12
    03-05 09:00   0
    03-05 09:00+  1
    2025-03-01 09:00   1
    2025-03-01 09:00+  0

MEDIATION-FAILS  Each session of a year without agreement, four at most.
    what                 happened     known        details
    opened               01-01 09:00
    E1 mediation_failed  02-01 09:00  02-02 09:00
    E2 mediation_failed  02-08 09:00
    E3 mediation_failed  02-15 09:00
    E4 mediation_failed  02-22 09:00
    E5 mediation_failed  02-28 09:00

    asked at      C04
    02-02 09:00   0
    02-02 09:00+  1
    02-10 09:00   2
    02-29 09:00   4     five, capped at four
    2025-01-31 09:00   4
    2025-02-07 09:00+  3    two are out: 366 days make this leap year

FAILED-ONCE  A single session, which counts for 365 days.
    what                 happened     known        details
    opened               01-01 09:00
    E1 mediation_failed  02-08 09:00

    asked at           C04
    2025-02-07 09:00   1
    2025-02-07 09:00+  0

AGREED  Conflict after an agreement: counted once the agreement and the conflict are known.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 verbal_altercation   02-01 09:00
    E2 mediation_agreed     02-05 09:00  02-20 09:00
    E3 verbal_altercation   02-10 09:00

    asked at      C05  E07
    02-20 09:00   0    0
    02-20 09:00+  1    0    an agreement is no closure
    2025-02-09 09:00   1   0
    2025-02-09 09:00+  0   0

BROKEN  An agreement was broken, says the record.
    what                 happened     known        details
    opened               01-01 09:00
    E1 agreement_broken  02-05 09:00  02-06 09:00

    asked at      C05
    02-06 09:00   0
    02-06 09:00+  1
    2025-02-04 09:00   1
    2025-02-04 09:00+  0

PEACE-KEPT  Agreed, and then only a fear, a denied threat, a quarrel of before that is told later.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     02-05 09:00
    E2 fear_expressed       02-10 09:00
    E3 threat               02-11 09:00               denied
    E4 verbal_altercation   02-05 09:00  02-12 09:00

    asked at      C05
    03-01 09:00   0

HANDED-ON  Each transfer counts, however long ago; eight at most.
    what          happened          known             details
    opened        2021-01-01 09:00
    E1 handed_on  2021-01-05 09:00  2021-01-07 09:00
    E2 handed_on  2021-02-05 09:00
    E3 handed_on  2021-03-05 09:00
    E3 handed_on  2021-03-05 09:00  2021-04-05 09:00  withdrawn
    E4 handed_on  2023-05-05 09:00
    E5 handed_on  2023-05-06 09:00
    E6 handed_on  2023-05-07 09:00
    E7 handed_on  2023-05-08 09:00
    E8 handed_on  2023-05-09 09:00
    E9 handed_on  2023-05-10 09:00
    F1 handed_on  2023-05-11 09:00

    asked at           C03
    2021-01-07 09:00   0
    2021-01-07 09:00+  1
    2021-04-05 09:00   3
    2021-04-05 09:00+  2    the third was a slip
    2023-05-11 09:00   8
    2023-05-12 09:00   8    nine, capped at eight

NEUTRAL  Somebody neutral joins, which we learn four days later; a mediation of April outlasts them in the window.
    what                     happened     known        details
    opened                   01-01 09:00
    E1 neutral_party_joined  03-01 09:00  03-05 09:00
    E2 mediation_failed      04-01 09:00

    asked at      C07
    03-05 09:00   ?    neither mediation nor anybody neutral
    03-05 09:00+  1
    04-02 09:00   1
    08-28 09:00   1    180 days
    08-28 09:00+  0    mediation without anybody neutral
    09-28 09:00   0
    09-28 09:00+  ?

MEDIATED-ALONE  Two sides and no third: an agreement is a mediation too, its performance and a closure are not.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 agreement_performed  01-10 09:00
    E2 closed               01-12 09:00
    E3 mediation_agreed     02-01 09:00  02-02 09:00

    asked at      C07
    02-02 09:00   ?
    02-02 09:00+  0
    07-30 09:00   0
    07-30 09:00+  ?

ADVERSE  A decision against one side took effect on 1 March, a notice to leave on 1 June; each counts for 60 days.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 judgment_effective  02-01 09:00
    E2 adverse_decision    03-01 10:00  03-04 10:00
    E3 eviction_notice     06-01 10:00

    asked at      C10
    03-04 10:00   0    a judgment is no adverse decision
    03-04 10:00+  1
    04-30 10:00   1
    04-30 10:00+  0
    06-01 10:00   0    it takes effect at this very instant
    06-01 10:00+  1
    07-31 10:00   1
    07-31 10:00+  0

OLD-AGREEMENT  The agreement lies more than a year back, the conflict does not.
    what                    happened          known        details
    opened                  2022-01-01 09:00
    E1 mediation_agreed     2022-02-05 09:00
    E2 verbal_altercation   02-05 09:00

    asked at      C05
    03-01 09:00   1
""")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return Answers(PAGE, tmp_path_factory.mktemp("handling"))


@questions(PAGE)
def test_drawn(answers, question):
    answers.check(question)
