"""Family A, drawn: what a dispute is about, as its last visible version says, and the earlier disputes of its pair."""

import pytest

from tests.spec.drawn import Answers, draw, questions

PAGE = draw("""
PARTNERS  Spouses: a tie, wherever they live.
    what    happened     known  details
    opened  01-01 09:00         kind=marriage_family relation=spouse_partner

    asked at     A01  A02  A03  A10
    02-01 09:00  1    1    ?    0

FORMER-PARTNERS  A tie, although they live apart.
    what    happened     known  details
    opened  01-01 09:00         kind=inheritance relation=ex_spouse_partner proximity=none

    asked at     A01  A02  A03
    02-01 09:00  10   1    0

FAMILY-UNDER-ONE-ROOF  Family counts as a tie where they share a dwelling.
    what    happened     known  details
    opened  01-01 09:00         relation=family proximity=shared_dwelling

    asked at     A02  A03
    02-01 09:00  1    1

FAMILY-NEXT-DOOR  Family in adjoining houses: no tie in this sense, but they keep meeting.
    what    happened     known  details
    opened  01-01 09:00         relation=family proximity=adjoining

    asked at     A02  A03
    02-01 09:00  0    1

FAMILY-SOMEWHERE  Family, and nobody wrote down where they live: unknown, never no.
    what               happened     known  details
    opened             01-01 09:00         relation=family
    E1 custody_filed   01-10 09:00

    asked at     A02  A03  A10
    02-01 09:00  ?    ?    ?

NO-RELATION  No relation written down: unknown, even under one roof.
    what                happened     known  details
    opened              01-01 09:00         proximity=shared_dwelling
    E1 separation_filed  01-10 09:00

    asked at     A02  A03  A10
    02-01 09:00  ?    1    ?

NEIGHBOURS  Neighbours are no partners: the relation is known, so that their proximity does not matter here.
    what                 happened     known  details
    opened               01-01 09:00         relation=neighbour
    E1 separation_filed  01-10 09:00

    asked at     A02  A03  A10
    02-01 09:00  0    ?    0   a separation filed between neighbours says nothing

WORKMATES  One worksite.
    what    happened     known  details
    opened  01-01 09:00         kind=labour relation=work proximity=shared_worksite

    asked at     A01  A02  A03
    02-01 09:00  3    0    1

SHARED-YARD  Whether they must meet comes with the second version.
    what     happened     known        details
    opened   01-01 09:00
    dispute  01-01 09:00  02-01 09:00  proximity=adjoining

    asked at      A03
    02-01 09:00   ?
    02-01 09:00+  1

LEARNED-LATER  The relation comes with the second version, the stakes with the third, and the fourth takes one back.
    what     happened     known        details
    opened   01-01 09:00  01-02 09:00  kind=other
    dispute  01-01 09:00  02-01 09:00  relation=spouse_partner kind=marriage_family
    dispute  01-01 09:00  03-01 09:00  stakes=custody|boundary amount_cny=40000
    dispute  01-01 09:00  04-01 09:00  stakes=noise amount_cny=80000

    asked at      A01  A02  A04  A05        A06
    02-01 09:00   11   ?    ?    ?          ?
    02-01 09:00+  1    1    ?    ?          ?
    03-01 09:00   1    1    ?    ?          ?
    03-01 09:00+  1    1    1    0.6931472  1
    04-01 09:00   1    1    1    0.6931472  1
    04-01 09:00+  1    1    0    1.0986123  0

FILED  A step towards separation raises support for 180 days, only between partners.
    what                       happened     known        details
    opened                     01-01 09:00               relation=spouse_partner
    E1 protection_order_filed  02-01 09:00  02-03 09:00
    E2 custody_filed           02-01 09:00  02-03 09:00
    E3 hearing_scheduled       02-01 09:00               scheduled_at=12-01T09:00

    asked at      A10
    02-03 09:00   0
    02-03 09:00+  1    two filings are as good as one
    07-30 09:00   1    180 days
    07-30 09:00+  0

LAND  Each of six stakes is about land; the others are not.
    what     happened     known        details
    opened   01-01 09:00               stakes=homestead
    dispute  01-01 09:00  02-01 09:00  stakes=boundary
    dispute  01-01 09:00  03-01 09:00  stakes=access
    dispute  01-01 09:00  04-01 09:00  stakes=drainage
    dispute  01-01 09:00  05-01 09:00  stakes=land_contract
    dispute  01-01 09:00  06-01 09:00  stakes=demolition
    dispute  01-01 09:00  07-01 09:00  stakes=wages|debt|medical_cost|noise|other

    asked at     A04  A06
    01-02 09:00  1    0
    02-02 09:00  1    0
    03-02 09:00  1    0
    04-02 09:00  1    0
    05-02 09:00  1    0
    06-02 09:00  1    0
    07-02 09:00  0    0

INDIVISIBLE  Each of five stakes cannot be split.
    what     happened     known        details
    opened   01-01 09:00               stakes=custody
    dispute  01-01 09:00  02-01 09:00  stakes=only_dwelling
    dispute  01-01 09:00  03-01 09:00  stakes=burial
    dispute  01-01 09:00  04-01 09:00  stakes=livelihood
    dispute  01-01 09:00  05-01 09:00  stakes=other|bodily_injury

    asked at     A04  A06
    01-02 09:00  0    1
    02-02 09:00  0    1
    03-02 09:00  0    1
    04-02 09:00  0    1
    05-02 09:00  0    1

AMOUNTS  In reference incomes of 40,000, at most 20 of them; no claim of money is 0, no word of money unknown.
    what     happened     known        details
    opened   01-01 09:00
    dispute  01-01 09:00  02-01 09:00  amount_cny=0
    dispute  01-01 09:00  03-01 09:00  amount_cny=800000
    dispute  01-01 09:00  04-01 09:00  amount_cny=900000
    dispute  01-01 09:00  05-01 09:00  amount_cny=20000

    asked at     A05
    01-02 09:00  ?
    02-02 09:00  0
    03-02 09:00  3.0445224   log(21)
    04-02 09:00  3.0445224   capped
    05-02 09:00  0.4054651   log(1.5)

OLD-1  The first dispute of a pair, opened five years (1,826 days) before the last, and closed.
    what       happened          known            details
    opened     2019-03-02 09:00                   pair_token=pair-a pair_confidence=0.9
    E1 closed  2019-04-01 09:00

OLD-2  One microsecond older.
    what       happened           known            details
    opened     2019-03-02 09:00-                   pair_token=pair-a pair_confidence=1
    E1 closed  2019-04-01 09:00

OLD-3  Closed on 10 March 2024, which was known on the 20th.
    what       happened          known            details
    opened     2020-01-01 09:00                   pair_token=pair-a pair_confidence=1
    E1 closed  2024-03-10 09:00  2024-03-20 09:00

OLD-4  Its link is not sure enough until 1 April.
    what       happened          known             details
    opened     2020-01-01 09:00                    pair_token=pair-a pair_confidence=0.89
    E1 closed  2020-02-01 09:00
    dispute    2020-01-01 09:00  2024-04-01 09:00  pair_confidence=0.9

OLD-5  Never closed.
    what       happened          known            details
    opened     2020-01-01 09:00                   pair_token=pair-a pair_confidence=1

OLD-6  Of another pair.
    what       happened          known            details
    opened     2020-01-01 09:00                   pair_token=pair-b pair_confidence=1
    E1 closed  2020-02-01 09:00

OLD-7  No confidence given: not sure.
    what       happened          known            details
    opened     2020-01-01 09:00                   pair_token=pair-a
    E1 closed  2020-02-01 09:00

OLD-8  Its registration is known on 10 April, its withdrawal on the 20th.
    what       happened          known             details
    opened     2020-01-01 09:00  2024-04-10 09:00  pair_token=pair-a pair_confidence=1
    E1 closed  2020-02-01 09:00  2024-04-10 09:00
    dispute    2020-01-01 09:00  2024-04-20 09:00  withdrawn

OLD-9  Closed, reopened and closed again is one earlier dispute; a withdrawn closure is none.
    what         happened          known             details
    opened       2020-01-01 09:00                    pair_token=pair-a pair_confidence=0.95
    E1 closed    2020-02-01 09:00  2024-05-01 09:00
    E2 reopened  2020-03-01 09:00  2024-05-01 09:00
    E3 closed    2020-04-01 09:00  2024-05-01 09:00
    E1 closed    2020-02-01 09:00  2024-05-10 09:00  withdrawn
    E3 closed    2020-04-01 09:00  2024-05-20 09:00  withdrawn

SAME-DAY  Opened at the same instant as the last: not earlier.
    what       happened     known  details
    opened     03-01 09:00         pair_token=pair-a pair_confidence=1
    E1 closed  03-01 10:00

LATER  Opened after the last: not earlier.
    what       happened     known  details
    opened     03-02 09:00         pair_token=pair-a pair_confidence=1
    E1 closed  03-02 10:00

LAST  The dispute that is asked about; its own link weakens on 1 June.
    what     happened     known        details
    opened   03-01 09:00               pair_token=pair-a pair_confidence=0.9
    dispute  03-01 09:00  06-01 09:00  pair_confidence=0.8

    asked at      A09
    03-05 09:00   1    OLD-1 alone
    03-20 09:00   1
    03-20 09:00+  2    the closure of OLD-3 is known
    04-01 09:00   2
    04-01 09:00+  3    OLD-4 is sure enough
    04-10 09:00+  3    OLD-8 makes four: capped at three
    04-20 09:00+  3
    05-15 09:00   3
    05-21 09:00   3
    06-01 09:00   3
    06-01 09:00+  0    our own link is not sure any more

SECOND-LAST  Another dispute of the pair, opened before the last: it has the earlier ones only.
    what    happened          known            details
    opened  2020-06-01 09:00  2024-05-01 09:00  pair_token=pair-c pair_confidence=1

    asked at      A09
    05-02 09:00   0

PAIR-D-1  Reopened later on: it was closed once, which is what is asked.
    what         happened          known            details
    opened       2023-01-01 09:00                   pair_token=pair-d pair_confidence=1
    E1 closed    2023-02-01 09:00
    E2 reopened  2023-03-01 09:00

PAIR-D-2  Linked by a version of 5 February; its closures come and go.
    what         happened     known        details
    opened       01-01 09:00
    dispute      01-01 09:00  02-05 09:00  pair_token=pair-d pair_confidence=1
    E1 closed    01-10 09:00
    dispute      01-01 09:00  08-01 09:00  pair_token=pair-e

    asked at      A09
    02-05 09:00   0
    02-05 09:00+  1
    08-01 09:00   1
    08-01 09:00+  0    a later version says that it is another pair

PAIR-D-3  The third of pair D sees the two before it, of which the second leaves on 1 August.
    what         happened     known        details
    opened       02-01 09:00               pair_token=pair-d pair_confidence=1

    asked at      A09
    02-05 09:00   1
    02-05 09:00+  2
    08-01 09:00   2
    08-01 09:00+  1

PAIR-F-1  A closure withdrawn, and one of two withdrawn.
    what         happened          known             details
    opened       2020-01-01 09:00                    pair_token=pair-f pair_confidence=0.95
    E1 closed    2020-02-01 09:00  2024-05-01 09:00
    E2 reopened  2020-03-01 09:00  2024-05-01 09:00
    E3 closed    2020-04-01 09:00  2024-05-01 09:00
    E1 closed    2020-02-01 09:00  2024-05-10 09:00  withdrawn
    E3 closed    2020-04-01 09:00  2024-05-20 09:00  withdrawn

PAIR-F-2  Its link is as sure as it must be.
    what         happened     known        details
    opened       02-01 09:00               pair_token=pair-f pair_confidence=0.9

    asked at      A09
    05-01 09:00   0
    05-01 09:00+  1    closed twice is one dispute
    05-10 09:00+  1    one closure is left
    05-20 09:00+  0    none
""")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return Answers(PAGE, tmp_path_factory.mktemp("kind_and_stakes"))


@questions(PAGE)
def test_drawn(answers, question):
    answers.check(question)


def test_another_reference_income(tmp_path):
    """The reference income is the deployment's: with 80,000 a claim of 80,000 is one income."""
    page = draw("""
CLAIM  Eighty thousand.
    opened  01-01 09:00  amount_cny=80000

    asked at     A05
    01-02 09:00  0.6931472
    """)
    for question in page.asked:
        matrix = Answers(page, tmp_path, reference_income_cny=80_000.0).matrix
        assert matrix.of(question.dispute_id, question.as_of)["A05"] == pytest.approx(question.answer)
