"""Every drawn page, and the drawn questions of each indicator, its further windows included."""

from tests.spec import (
    test_circumstances_and_dynamics,
    test_conduct,
    test_handling,
    test_kind_and_stakes,
    test_settlements,
)

PAGES = {
    module.__name__.rpartition("test_")[2]: module.PAGE
    for module in (
        test_kind_and_stakes, test_conduct, test_handling, test_settlements, test_circumstances_and_dynamics,
    )
}  # fmt: skip
ASKED = [question for page in PAGES.values() for question in page.asked]


def cases(indicator):
    """The drawn questions to an indicator, by page."""
    asked = {
        name: [one for one in page.asked if one.what.partition("__")[0] == indicator] for name, page in PAGES.items()
    }  # fmt: skip
    return {name: found for name, found in asked.items() if found}
