"""Connections as the service takes them, before any route: what a head may hold, how long it may take, what is no HTTP."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from serving import wire
from serving.wire import Wire

WORD = b"ZQXWIRE"
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
LONG = b"a" * 66_000
HANGS_UP_SECONDS = 5


async def tells_the_size(scope, receive, send):
    """An app that answers with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def answers_at_once(_scope, _receive, send):
    """An app that refuses before it reads a body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def connected(app=tells_the_size):
    """Streams to a server of this protocol."""
    config, state = Config(app, ws="none", lifespan="off", log_level="critical"), ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Wire(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        async with asyncio.timeout(HANGS_UP_SECONDS):
            while state.connections:
                await asyncio.sleep(0.01)


def told(*pieces, app=tells_the_size):
    """All that the server says to some pieces, sent one after the other with time between, until it hangs up."""

    async def talk():
        async with connected(app) as (reader, writer):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
            return await asyncio.wait_for(reader.read(), HANGS_UP_SECONDS)

    return asyncio.run(talk())


def refused(answer, status):
    """It is one problem document of this status, closes the connection, and repeats nothing."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 %d " % status)
    assert {b"connection: close", b"content-type: application/problem+json", b"content-length: %d" % len(body)} <= {
        *lines
    }
    assert b"x-content-type-options: nosniff" in lines
    problem = json.loads(body)
    assert problem["status"] == status and problem["errors"] == []
    assert WORD not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00" * 20,
        b"GET /\xc3\xa4" + WORD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + WORD + b"\r\n\r\n",
        HEAD + b"X: a\x00b\r\n\r\n",
        HEAD + b"Content-Length: many\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n" + WORD + b"\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_document(sent):
    refused(told(sent), 400)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET /" + LONG, LONG),
        (HEAD, b"X-Long: ", LONG, LONG),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"A: b\r\n" * 5_000] * 3),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n0\r\nX-Trailer: ", LONG, LONG),
    ],
    ids=["target", "header", "headers", "trailer"],
)
def test_a_head_without_an_end_is_refused(pieces):
    refused(told(*pieces), 431)


def test_a_body_of_any_size_in_any_pieces_is_read():
    """In chunks of one byte, in large ones, with requests that follow in the same read."""

    async def sizes():
        chunks = b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n"
        plain = HEAD + b"Content-Length: 300000\r\n\r\n" + b"a" * 300_000
        last = HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\na"
        async with connected() as (reader, writer):
            for piece in (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, plain + plain, plain + last):
                writer.write(piece)
                await writer.drain()
            answers = await asyncio.wait_for(reader.read(), 30)
        return [part.partition(b"\r\n\r\n")[2].partition(b"HTTP")[0] for part in answers.split(b"HTTP/1.1 200")[1:]]

    assert asyncio.run(sizes()) == [b"100000", b"300000", b"300000", b"300000", b"1"]


@pytest.mark.parametrize("pieces", [(), (b"POST", b" / HT"), (HEAD, b"A: b\r\n")])
def test_a_head_that_does_not_come_is_waited_for_no_longer(pieces, monkeypatch):
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.5)
    assert told(*pieces) == b""


def test_a_slow_body_is_none_of_its_business(monkeypatch):
    """That limit is the route's, which knows how much may come."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.5)
    pieces = (HEAD + b"Connection: close\r\nContent-Length: 40\r\n\r\n", *[b"a"] * 40)
    assert told(*pieces).endswith(b"\r\n\r\n40")


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def test_who_has_an_answer_gets_no_second_one():
    """Refused before the body had come: a broken chunk after that only ends the connection."""
    answer = told(CHUNKED, b"ZZ\r\n", app=answers_at_once)
    assert answer.count(b"HTTP/1.1") == 1 and answer.startswith(b"HTTP/1.1 401")


def test_the_rest_of_a_body_is_waited_for_after_an_early_answer(monkeypatch):
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.1)
    pieces = (CHUNKED, *[b"1\r\na\r\n"] * 20, b"0\r\n\r\n", HEAD + b"Connection: close\r\n\r\n")
    assert told(*pieces, app=answers_at_once).count(b"HTTP/1.1 401") == 2


def test_the_rest_of_a_body_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(wire, "BATCH_BODY_SECONDS", 0.2)
    assert told(CHUNKED, b"1\r\na\r\n", app=answers_at_once).count(b"HTTP/1.1") == 1


def test_a_broken_body_that_waits_to_be_asked_for_is_told_once(caplog):
    sent = HEAD + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
    refused(told(sent), 400)
    assert not [line for line in caplog.records if line.levelname == "ERROR"]


def test_a_large_broken_body_is_told_whatever_still_comes():
    large = b"20000\r\n" + b"a" * 0x20000 + b"\r\n"
    refused(told(CHUNKED + large + b"ZZ\r\n" + b"a" * 300_000), 400)
