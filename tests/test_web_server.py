"""The socket that web processes share."""

import socket
import sys

import pytest

from inbox.web_server import turn_deaf


@pytest.mark.skipif(sys.platform != "linux", reason="worker processes share a socket on Linux")
def test_a_process_that_leaves_takes_no_new_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as shared, socket.create_server(("127.0.0.1", 0)) as other:
        port, others = shared.getsockname()[1], other.getsockname()[1]
        with shared.dup() as again:
            turn_deaf(port)
            assert port not in (shared.getsockname()[1], again.getsockname()[1])
            shared.setblocking(False)
            with pytest.raises(BlockingIOError):
                shared.accept()
        assert other.getsockname()[1] == others
        with socket.create_connection(("127.0.0.1", others)), other.accept()[0]:
            pass
