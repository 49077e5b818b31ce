"""What programs that Jarvis itself chose to start inherit: what they need to work, and no secret beside."""

from __future__ import annotations

from collections.abc import Mapping

_NEEDED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
})  # fmt: skip


def modest(environ: Mapping[str, str]) -> dict[str, str]:
    """Of an environment what every program needs."""
    return {name: value for name, value in environ.items() if name in _NEEDED or name.startswith("LC_")}
