"""The pages as a browser sees them, in this process: their text, their forms, their session."""

import re
import socket
import threading
import time
from contextlib import contextmanager
from html.parser import HTMLParser

import uvicorn

from serving.access import Door, Role, create_token
from serving.app import make_app
from serving.desk import Desk
from tests.serving.app_client import AppClient

VOID = {"meta", "br", "link", "img", "input", "hr", "path", "line", "circle", "rect"}
HTML = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Outline(HTMLParser):
    """The text of a page, its tags in order, and whether every tag is closed."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


class Reviewing:
    """An app with its desk, where every draw is as the test wants it."""

    def __init__(self, home, *, judge_first=0.0, blue=0.0, yellow=0.0, open_to_all=False, capacity=50):
        (home.root / "policy.toml").write_text(
            f"[review]\njudge_first_share = {judge_first}\naudit_share_blue = {blue}\n"
            f"audit_share_yellow = {yellow}\ncapacity_a_week = {capacity}\n"
        )
        self.home, self.app = home, make_app()
        self.app.state.desk, self.app.state.door = Desk(home), Door(home.root, open_to_all=open_to_all)
        self.clients = []

    @property
    def desk(self):
        return self.app.state.desk

    def by_token(self, role="reviewer", area="", account=""):
        """A client with a token in the header."""
        client = self.anonymous()
        client.headers["Authorization"] = f"Bearer {self.token(role, area, account)}"
        return client

    def token(self, role="reviewer", area="", account=""):
        return create_token(self.home.root, role=Role(role), area=area, account=account)

    def anonymous(self):
        client = AppClient(self.app, self.home)
        self.clients.append(client)
        return client

    def logged_in(self, role="reviewer", area=""):
        """A client with a session, as a browser has it."""
        client = self.anonymous()
        page = client.get("/review/login", headers=HTML)
        answer = client.post("/review/login", data={"csrf": csrf(page), "token": self.token(role, area)}, headers=FORM)
        assert answer.status_code == 303, answer.text
        return client

    def close(self):
        for client in self.clients:
            client.close()
        self.desk.close()


@contextmanager
def on_a_port(app):
    """The address of an app that listens on a port of loopback while the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def csrf(page):
    """The token of the forms of a page."""
    return re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text).group(1)


def score(client, record):
    answer = client.post("/v1/score", json=record)
    assert answer.status_code == 200, answer.text
    return answer.json()
