"""Put on PYTHONPATH of a test's subprocess: refuses and writes down every look-up of, or connection to, another host."""

import os
import socket

_LOG = os.environ.get("OFFLINE_GUARD_LOG")
_HERE = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None}


def _refuse(host: object) -> None:
    if _LOG:
        with open(_LOG, "a", encoding="utf-8") as log:  # noqa: PTH123
            log.write(f"{host}\n")
    raise OSError(f"this test has no network: {host}")


def _host(address: object) -> object:
    return address[0] if isinstance(address, tuple) else "127.0.0.1"  # a path is a local socket


_lookup, _connect, _connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex


def _getaddrinfo(host, *rest, **more):
    if (host.decode() if isinstance(host, bytes) else host) not in _HERE:
        _refuse(host)
    return _lookup(host, *rest, **more)


def _guarded_connect(self, address):
    if _host(address) not in _HERE:
        _refuse(_host(address))
    return _connect(self, address)


def _guarded_connect_ex(self, address):
    if _host(address) not in _HERE:
        _refuse(_host(address))
    return _connect_ex(self, address)


socket.getaddrinfo = _getaddrinfo
socket.socket.connect = _guarded_connect
socket.socket.connect_ex = _guarded_connect_ex
