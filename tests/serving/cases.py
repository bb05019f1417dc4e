"""Case records for the tests of the service, told in days before the landmark."""

from datetime import UTC, datetime, timedelta

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
LANDMARK = AS_OF.isoformat()
NEIGHBOURS = {"relation": "neighbour", "proximity": "adjoining"}
PARTNERS = {"relation": "spouse_partner", "proximity": "shared_dwelling"}


def days_before(days):
    return (AS_OF - timedelta(days=days)).isoformat()


def event(number, type_, days, **more):
    """An event that occurred so many days before the landmark and was recorded an hour later."""
    return {
        "event_id": f"E{number}", "dispute_id": "D1", "type": type_, "occurred_at": days_before(days),
        "recorded_at": days_before(days - 1 / 24), "channel": "grid",
    } | more  # fmt: skip


def case(*events, contacted=True, as_of=LANDMARK, **facts):
    """A case of a dispute opened 20 days before the landmark, with its events as (type, days before) or dicts."""
    rows = [event(n, *e[:2], **(e[2] if len(e) > 2 else {})) if isinstance(e, tuple) else e for n, e in enumerate(events)]  # fmt: skip
    handled = [event(900, "registered", 20), *([event(901, "first_contact", 19.9)] if contacted else [])]
    dispute = {
        "dispute_id": "D1", "opened_at": days_before(20), "recorded_at": days_before(19.99), "channel": "grid",
        "kind": "neighbour", "stakes": ["boundary"], "amount_cny": 5000, "minors_in_household": False,
        "area": "330106001",
    } | NEIGHBOURS | facts  # fmt: skip
    return {"dispute": dispute, "events": handled + rows, "petitions": [], "prior_disputes": [], "as_of": as_of}
