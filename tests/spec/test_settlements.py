"""What was owed and what settled it, drawn: agreements, judgments, requests for support.  First in, first out.

Of two rows of one instant the one with the smaller id comes first.
"""

import pytest

from tests.spec.drawn import Answers, draw, questions

PAGE = draw("""
KEPT  An agreement is performed before it is due, which we learn late.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     01-05 09:00               due_at=02-01T09:00
    E2 agreement_performed  01-20 09:00  02-10 09:00

    asked at      C06
    02-01 09:00   ?     due at this very instant: not past
    02-01 09:00+  0
    02-10 09:00   0
    02-10 09:00+  1

IN-TURN  Three agreements: the first is broken, the second performed, the third due in June.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     01-05 09:00               due_at=02-01T09:00
    E2 mediation_agreed     01-06 09:00               due_at=03-01T09:00
    E3 mediation_agreed     01-07 09:00               due_at=06-01T09:00
    E4 agreement_broken     02-05 09:00
    E5 agreement_performed  03-05 09:00

    asked at      C06
    02-03 09:00   0
    02-10 09:00   0     broken, of one
    03-03 09:00   0     of two
    03-10 09:00   0.5
    06-02 09:00   0.3333333333

PERFORMED-FIRST  What was performed before anything was agreed settles nothing.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 agreement_performed  01-04 09:00
    E2 mediation_agreed     01-05 09:00               due_at=01-10T09:00

    asked at      C06
    01-12 09:00   0

AGREED-AND-DONE  Agreed and performed at one instant, in the order of their ids.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     01-05 09:00               due_at=01-10T09:00
    E2 agreement_performed  01-05 09:00

    asked at      C06
    01-12 09:00   1

DONE-AND-AGREED  The other way round the performance comes first, and settles nothing.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 agreement_performed  01-05 09:00
    E2 mediation_agreed     01-05 09:00               due_at=01-10T09:00

    asked at      C06
    01-12 09:00   0

TWICE-PERFORMED  The second performance finds nothing to settle, and is not kept for the next agreement.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     01-05 09:00               due_at=01-10T09:00
    E2 agreement_performed  01-11 09:00
    E3 agreement_performed  01-12 09:00
    E4 mediation_agreed     02-01 09:00               due_at=02-10T09:00

    asked at      C06
    02-05 09:00   1     the second is not due
    02-15 09:00   0.5

DUE-LATER  While the first agreement is not due, what was performed settles the second; then it settles the first.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     01-05 09:00               due_at=06-01T09:00
    E2 mediation_agreed     01-06 09:00               due_at=02-01T09:00
    E3 agreement_performed  02-05 09:00
    E4 agreement_broken     02-06 09:00

    asked at      C06
    03-01 09:00   1     of the one that is due
    06-02 09:00   0.5   the first performed, the second broken

NO-DATE  Without a date nothing is ever due; a later version gives one, and the next withdraws it all.
    what                    happened     known        details
    opened                  01-01 09:00
    E1 mediation_agreed     01-05 09:00
    E2 agreement_performed  01-20 09:00
    E1 mediation_agreed     01-05 09:00  03-01 09:00  due_at=02-01T09:00
    E1 mediation_agreed     01-05 09:00  04-01 09:00  due_at=02-01T09:00 withdrawn

    asked at      C06
    03-01 09:00   ?
    03-01 09:00+  1
    04-01 09:00   1
    04-01 09:00+  ?

JUDGMENT  A judgment takes effect, and is performed two months later.
    what                   happened     known        details
    opened                 01-01 09:00
    E1 judgment_effective  01-10 09:00  01-12 09:00
    E2 judgment_performed  03-10 09:00  03-20 09:00

    asked at      C09
    01-12 09:00   0
    01-12 09:00+  2.0000000000115741
    03-10 09:00   60
    03-20 09:00   70    the performance is not known yet
    03-20 09:00+  0

TWO-JUDGMENTS  The oldest counts, 720 days at most; one performance settles the older.
    what                   happened          known  details
    opened                 2021-01-01 09:00
    E1 judgment_effective  2021-01-10 09:00
    E2 judgment_effective  2023-06-01 09:00
    E3 judgment_performed  2023-06-11 09:00
    E4 judgment_performed  2023-06-21 09:00
    E5 judgment_performed  2023-06-22 09:00
    E6 judgment_effective  2023-07-01 09:00

    asked at           C09
    2022-12-30 09:00   719
    2022-12-31 09:00   720
    2023-01-01 09:00   720
    2023-06-11 09:00   720
    2023-06-15 09:00   14    since the second
    2023-06-21 09:00+  0
    2023-07-11 09:00   10    a performance too many settles nothing later

PERFORMED-BEFORE-JUDGMENT  Paid before the judgment: it settles nothing; at its instant it counts by the order of ids.
    what                   happened     known  details
    opened                 01-01 09:00
    E1 judgment_performed  01-10 09:00
    E2 judgment_effective  01-10 09:00
    E3 judgment_performed  01-20 09:00
    E4 judgment_effective  02-01 09:00
    E5 judgment_performed  02-01 09:00

    asked at      C09
    01-15 09:00   5
    02-10 09:00   0

ASKED-FOR-HELP  Asked for legal aid, which came after twenty days, as we learn three days later.
    what                  happened     known        details
    opened                01-01 09:00
    E1 support_requested  01-10 09:00  01-12 09:00  service=legal_aid
    E2 support_delivered  01-30 09:00  02-02 09:00  service=legal_aid

    asked at      D07
    01-12 09:00   0
    01-12 09:00+  2.0000000000115741
    02-02 09:00   23
    02-02 09:00+  0

ANOTHER-SERVICE  Asked for a home, and given a lawyer: not settled until the home is refused.
    what                  happened     known  details
    opened                01-01 09:00
    E1 support_requested  01-10 09:00         service=housing
    E2 support_delivered  01-20 09:00         service=legal_aid
    E3 support_refused    02-09 09:00         service=housing

    asked at      D07
    01-25 09:00   15
    02-09 09:00   30
    02-09 09:00+  0

NO-SERVICE-NAMED  A request without a service is settled by an answer without one, and by no other; nor the reverse.
    what                  happened     known  details
    opened                01-01 09:00
    E1 support_requested  01-10 09:00
    E2 support_delivered  01-15 09:00         service=legal_aid
    E3 support_delivered  01-20 09:00
    E4 support_requested  02-01 09:00         service=legal_aid
    E5 support_refused    02-05 09:00

    asked at      D07
    01-18 09:00   8
    01-25 09:00   0
    02-11 09:00   10

EACH-SERVICE  Two services, each with its own queue; the oldest that is open counts.
    what                  happened     known        details
    opened                01-01 09:00
    E1 support_requested  01-10 09:00               service=housing
    E2 support_requested  01-12 09:00               service=hardship
    E3 support_requested  01-15 09:00               service=housing
    E4 support_delivered  01-16 09:00               service=housing
    E5 support_delivered  01-20 09:00               service=hardship
    E6 support_refused    01-26 09:00               service=housing
    E6 support_refused    01-26 09:00  02-10 09:00  service=housing withdrawn

    asked at      D07
    01-14 09:00   4
    01-18 09:00   6     hardship; of housing the request of the 15th is left
    01-25 09:00   10    housing, of the 15th
    01-30 09:00   0
    02-10 09:00+  26.0000000000115741   nobody had refused

OFFERED  Help that was given before anybody asked settles no later request; ninety days at most.
    what                  happened     known  details
    opened                01-01 09:00
    E1 support_delivered  01-05 09:00         service=psychological
    E2 support_requested  01-05 09:00         service=psychological

    asked at      D07
    04-03 09:00   89
    04-04 09:00   90
    04-05 09:00   90
    06-01 09:00   90
""")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return Answers(PAGE, tmp_path_factory.mktemp("settlements"))


@questions(PAGE)
def test_drawn(answers, question):
    answers.check(question)
