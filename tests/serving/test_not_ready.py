"""Without a verified model the service runs, says 503 and is not ready; it never scores with what it can't vouch for."""

import json

import pytest

from features import catalogue
from features.errors import UserError
from serving.access import Door, Role, create_token
from serving.app import make_app
from serving.desk import Desk
from tests.serving.app_client import AppClient
from tests.serving.cases import case
from tests.serving.conftest import Running
from tests.serving.test_contract import is_problem
from training.artifact.points_model import PointsModel
from training.artifact.standing import load_standing
from training.artifact.store import load_champion, load_model, save_model, write_champion


def folder(home):
    (found,) = home.models.iterdir()
    return found


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def rewrite_contract(home, **changes):
    """A model whose contract says something else, saved and put in force as if it were right."""
    contract = load_model(folder(home)).contract.model_copy(update=changes)
    saved = save_model((folder(home) / "booster.txt").read_text("utf-8"), contract, home.models)
    write_champion(home.root, {"version": "2", "digest": saved.name})


def other_catalogue(home):
    provenance = load_model(folder(home)).contract.provenance
    rewrite_contract(home, provenance=provenance.model_copy(update={"catalogue_digest": "0" * 64}))


def other_columns(home):
    columns = load_model(folder(home)).contract.columns
    rewrite_contract(home, columns=(*columns[1:], columns[0]))


def other_schema(home):
    rewrite_contract(home, schema_version=99)


def other_trees(home):
    rewrite_contract(home, scorer_sha256="0" * 64)


DAMAGES = {
    "a bit of the trees": lambda home: flip(folder(home) / "booster.txt", 5_000),
    "the last bit of the trees": lambda home: flip(folder(home) / "booster.txt", -1),
    "a bit of the contract": lambda home: flip(folder(home) / "model.json", 300),
    "no trees": lambda home: (folder(home) / "booster.txt").unlink(),
    "no contract": lambda home: (folder(home) / "model.json").unlink(),
    "half of the trees": lambda home: (folder(home) / "booster.txt").write_bytes(b"tree\nversion=v4\n"),
    "no model": lambda home: folder(home).rename(home.root / "gone"),
    "a file for a folder": lambda home: (folder(home).rename(home.root / "gone"), home.models.joinpath(load_digest(home)).write_text("x")),
    "another name": lambda home: (folder(home).rename(home.models / ("f" * 64)), write_champion(home.root, {"version": "1", "digest": "f" * 64})),
    "no champion": lambda home: (home.root / "champion.json").unlink(),
    "half a champion": lambda home: (home.root / "champion.json").write_text('{"version": "1", "dig'),
    "an empty champion": lambda home: (home.root / "champion.json").write_text(""),
    "a champion of nothing": lambda home: (home.root / "champion.json").write_text("{}"),
    "a champion that is a list": lambda home: (home.root / "champion.json").write_text('["version", "digest"]'),
    "a champion of numbers": lambda home: (home.root / "champion.json").write_text('{"version": 1, "digest": 2}'),
    "a champion in no text": lambda home: (home.root / "champion.json").write_bytes(b"\xff\xfe"),
    "a champion that is a folder": lambda home: ((home.root / "champion.json").unlink(), (home.root / "champion.json").mkdir()),
    "another catalogue": other_catalogue,
    "other columns": other_columns,
    "another contract version": other_schema,
    "other trees": other_trees,
    "a policy that detains": lambda home: (home.root / "policy.toml").write_text('[red]\nactions = ["detain"]\nowner_rank = "x"\ndue_hours = 1\n'),
    "a log that is none": lambda home: home.log_database.write_bytes(b"not a database, " * 100),
    "a log that is a folder": lambda home: home.log_database.mkdir(),
}  # fmt: skip


def load_digest(home):
    return json.loads((home.root / "champion.json").read_text())["digest"]


POINTS_STAND_IN = {
    "a bit of the trees", "the last bit of the trees", "no trees", "half of the trees", "other columns", "other trees", "another name",
}  # fmt: skip
"""The contract is still the one that was promoted: its points score can be trusted."""


@pytest.mark.parametrize("damage", sorted(set(DAMAGES) - POINTS_STAND_IN))
def test_a_damaged_home_is_refused_by_name(damage, home):
    """A user error with a message of its own, and a status that is the server's, not the caller's."""
    DAMAGES[damage](home)
    with pytest.raises(UserError) as refused:
        Desk(home)
    assert str(home.root) in str(refused.value)


@pytest.mark.parametrize("damage", sorted(POINTS_STAND_IN))
def test_the_points_stand_in_where_their_contract_is_whole(damage, home):
    DAMAGES[damage](home)
    standing = load_standing(home.root)
    assert standing.fallback == "points_fallback"
    assert standing.reason
    assert isinstance(standing.model, PointsModel)


@pytest.mark.parametrize("damage", [name for name in DAMAGES if "log" not in name and "policy" not in name])
def test_batch_scoring_refuses_the_same(damage, home):
    DAMAGES[damage](home)
    with pytest.raises(UserError):
        load_champion(home.root)


def test_the_undamaged_home_is_accepted(home):
    """Guards the tests above."""
    desk = Desk(home)
    assert desk.is_ready()
    assert desk.in_force.model.contract.provenance.catalogue_digest == catalogue.digest()
    desk.close()


def test_every_bit_of_the_trees_counts(home):
    """A hundred places, one bit each: the digest sees all of them."""
    path = folder(home) / "booster.txt"
    good = path.read_bytes()
    for place in range(0, len(good), len(good) // 100):
        flip(path, place)
        with pytest.raises(UserError):
            load_model(path.parent)
        path.write_bytes(good)
    assert load_model(path.parent)


def test_without_a_desk_every_route_says_503(home):
    app = make_app()
    app.state.door = Door(home.root, open_to_all=False)
    client = AppClient(app, home)
    client.headers.update(client.token("reviewer"))
    for method, path in (("GET", "/readyz"), ("POST", "/v1/score"), ("POST", "/v1/score/batch"), ("GET", "/v1/model"),
                         ("GET", "/v1/assessments/a-1"), ("GET", "/review/a-1")):  # fmt: skip
        answer = client.request(method, path)
        assert is_problem(answer, 503) == set()
        assert int(answer.headers["retry-after"]) > 0
    is_problem(client.get("/nothing"), 404)
    client.close()


def test_an_app_that_has_not_started_says_503(home):
    client = AppClient(make_app(), home)
    for path in ("/readyz", "/v1/model"):
        is_problem(client.get(path), 503)
    client.close()


def test_the_real_service_with_a_damaged_model(home, tmp_path):
    """Alive, not ready, and it says why in its log; BentoML's own /readyz never answers."""
    DAMAGES["a bit of the contract"](home)
    token = create_token(home.root, role=Role.REVIEWER)
    running = Running(home, tmp_path / "serve.log").wait("/livez")
    try:
        with running.client(token) as client:
            is_problem(client.get("/readyz"), 503)
            is_problem(client.post("/v1/score", json=case()), 503)
            is_problem(client.get("/nothing"), 404)
        assert "not ready" in running.log.read_text()
    finally:
        running.stop()
