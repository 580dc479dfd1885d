"""Who may act: an operator's key, or, when none is configured, people on this host."""

import hashlib
import hmac
from ipaddress import ip_address

from attrs import frozen


@frozen
class OperatorGate:
    """Decides who may retry, drop or change anything. Only a digest of the key is kept."""

    key_digest: bytes | None = None

    def admits(self, client_host: str | None, presented_key: str | None) -> bool:
        """True for the right key; without a configured key, true for clients on the loopback interface."""
        if self.key_digest is not None:
            return hmac.compare_digest(self.key_digest, _digest(presented_key or ""))
        return _is_loopback(client_host)


def operator_gate(key: str | None) -> OperatorGate:
    """The gate for a configured key, or for none."""
    return OperatorGate(None if not key else _digest(key))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _is_loopback(host: str | None) -> bool:
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
