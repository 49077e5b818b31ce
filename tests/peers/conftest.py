"""Who vouches for the servers that are delivered to."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tests.peers.servers import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("localhost").configure_cert(context)
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return Authority(context, tmp_path / "authority.pem")
