"""The real service at the level of bytes and connections: broken requests end alone, good ones go on beside them."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.cases import case
from tests.serving.test_contract import is_problem

WORD = "ZQXWIRE"
BODY = json.dumps(case(narrative=WORD)).encode()


def send(service, content, *, finish=False):
    """Raw bytes to the service; the first bytes of what it says, empty where it just hangs up or waits for more."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(content)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(3)
        try:
            return connection.recv(65_536)
        except (TimeoutError, ConnectionError):
            return b""


def head(token, *lines):
    fixed = ("POST /v1/score HTTP/1.1", "Host: x", "Content-Type: application/json", f"Authorization: Bearer {token}")
    return "\r\n".join((*fixed, *lines, "", "")).encode()


BROKEN = {
    "a length that is no number": lambda token: head(token, "Content-Length: many") + BODY,
    "a negative length": lambda token: head(token, "Content-Length: -5") + BODY,
    "two lengths": lambda token: head(token, "Content-Length: 5", "Content-Length: 6") + BODY,
    "a length and chunks": lambda token: head(token, "Content-Length: 5", "Transfer-Encoding: chunked") + BODY,
    "a chunk that is no number": lambda token: head(token, "Transfer-Encoding: chunked") + b"ZZ\r\nabc\r\n0\r\n\r\n",
    "no request at all": lambda _token: b"\x16\x03\x01\x02\x00\x01\x00" * 20,
    "a very long header": lambda token: head(token, "X-Long: " + "a" * 400_000, "Content-Length: 2") + b"{}",
    "a very long path": lambda _token: b"GET /" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header with a line break": lambda token: head(token, "X: a\r\nnonsense", "Content-Length: 2") + b"{}",
}  # fmt: skip
WAITS = {"a length and chunks"}
"""Chunks go before a length (RFC 9112), and the first of these never ends."""


@pytest.mark.parametrize("name", BROKEN)
def test_broken_requests_end_alone(name, service, tokens):
    told = send(service, BROKEN[name](tokens["reviewer"]))
    if name in WAITS:
        assert told == b""
    else:
        first, _, body = told.partition(b"\r\n\r\n")
        assert first[:12] == (b"HTTP/1.1 431" if name.startswith("a very long") else b"HTTP/1.1 400")
        assert b"application/problem+json" in first and json.loads(body)["errors"] == []
    with service.client(tokens["reviewer"]) as client:
        assert client.post("/v1/score", content=BODY, headers={"Content-Type": "application/json"}).status_code == 200


def test_a_body_cut_short_is_not_scored(service, tokens):
    told = send(service, head(tokens["reviewer"], f"Content-Length: {len(BODY)}") + BODY[:-20], finish=True)
    assert not told.startswith(b"HTTP/1.1 2")


def test_a_body_that_says_it_is_too_large(service, tokens):
    """A 413 problem document over the wire, with a length and in chunks."""
    with service.client(tokens["reviewer"]) as client:
        for content in (b" " * (2 << 20), (b" " * 65_536 for _ in range(40))):
            answer = client.post("/v1/score", content=content, headers={"Content-Type": "application/json"})
            is_problem(answer, 413)


def test_requests_at_the_same_time_get_their_own_answers(service, tokens):
    """Eight clients, different cases, readiness asked in between: no answer is another's, none is lost."""
    amounts = [10.0**power for power in range(1, 7)]

    def ask(number):
        with service.client(tokens["reviewer"]) as client:
            found = []
            for amount in amounts[number % 6 :] + amounts[: number % 6]:
                record = case(("threat", 2), amount_cny=amount)
                record["dispute"]["dispute_id"] = f"D{number}"
                for event in record["events"]:
                    event["dispute_id"] = f"D{number}"
                answer = client.post("/v1/score", json=record)
                assert answer.status_code == 200, answer.text
                assert client.get("/readyz").status_code == 200
                assert answer.json()["dispute_id"] == f"D{number}"
                found.append((amount, answer.json()["margin"]))
            return sorted(found)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len({margin for _, margin in answers[0]}) > 1


def test_the_log_of_the_service_holds_nothing_of_a_request(service, tokens):
    with service.client(tokens["reviewer"]) as client:
        client.post("/v1/score", content=BODY, headers={"Content-Type": "application/json"})
        client.post("/v1/score", json={"dispute": WORD})
        client.get(f"/{WORD}")
    told = service.log.read_text("utf-8")
    assert WORD not in told
    assert not any(token in told for token in tokens.values())
    assert "Traceback" not in told
