"""Requests to the app in this process, without a socket; every request runs to its end before the next."""

import asyncio

import httpx

from serving.access import Role, create_token


class AppClient:
    """A small client with a header set that stays, in the manner of ``httpx.Client``."""

    def __init__(self, app, home):
        self._home, self.app = home, app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://app")
        self.headers = self._client.headers

    def close(self):
        self._runner.run(self._client.aclose())
        self._runner.close()

    def request(self, method, path, *, content=None, **more):
        if content is not None and not isinstance(content, bytes):
            content = _pieces(content)
        return self._runner.run(self._client.request(method, path, content=content, **more))

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)

    def token(self, role, area=""):
        """The headers with a new token of a role."""
        return {"Authorization": f"Bearer {create_token(self._home.root, role=Role(role), area=area)}"}


async def _pieces(chunks):
    for chunk in chunks:
        yield chunk
