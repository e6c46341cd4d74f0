"""Sockets that hear this machine alone.

Invariant: nothing here listens on any other address.
"""

import socket

from arena.core.errors import ConfigError

HOST = "127.0.0.1"


def bind(port: int) -> socket.socket:
    """Return a listening socket on loopback; port 0 takes a free one.

    Raises:
        ConfigError: the port is in use or not ours to take.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen()
    except OSError as error:
        found.close()
        raise ConfigError(
            f"port={port} cannot be taken on {HOST} ({error.strerror}): name another"
        ) from error
    return found
