"""Which requests may act: those of an operator, from a page of ours or from a program."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from attrs import frozen
from fastapi import Request

from s1pdgs.access.operators import OperatorGate

KEY_HEADER = "X-Operator-Key"


class RefusedError(PermissionError):
    """The request may not act; the message is a sentence for the one who sent it."""


@frozen
class Guard:
    """Admits actions. `public_host` is the host and port that browsers see when a proxy stands in front."""

    gate: OperatorGate
    public_host: str | None = None

    @property
    def asks_for_key(self) -> bool:
        """Whether operators have a key."""
        return self.gate.key_digest is not None

    def admit(self, request: Request, key: str | None) -> None:
        """Pass an action by an operator from a page of this console, or raise `RefusedError` with the reason.

        The browser's own headers tell where a request comes from; pages of others cannot forge them (Fetch Metadata,
        RFC 6454).
        """
        if request.headers.get("sec-fetch-site") is None and request.headers.get("origin") is None:
            raise RefusedError(
                "The request does not say which page it comes from; use the buttons of the console, "
                "or the command line: s1pdgs job."
            )
        self.admit_program(request, key)

    def admit_program(self, request: Request, key: str | None = None) -> None:
        """Pass an action by an operator's program, or by a page of ours, or raise `RefusedError` with the reason.

        Without a key the operator is whoever sits at this host, so the host must be named as this host: a foreign name
        that resolves here (DNS rebinding) is refused.
        """
        self._check_origin(request)
        if not self.asks_for_key and not _names_this_host(request.headers.get("host", "")):
            raise RefusedError(
                "Actions without an operator key are taken at the address localhost or 127.0.0.1 only; "
                "configure serve.operator_key to act from elsewhere."
            )
        client = None if request.client is None else request.client.host
        if not self.gate.admits(client, key or request.headers.get(KEY_HEADER)):
            raise RefusedError(
                "The operator key is missing or wrong."
                if self.asks_for_key
                else "Without an operator key, actions are taken from this host only."
            )

    def _check_origin(self, request: Request) -> None:
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        ours = {request.headers.get("host"), self.public_host} - {None, ""}
        if site not in {None, "same-origin"} or (origin is not None and urlsplit(origin).netloc not in ours):
            raise RefusedError("The request comes from a page of another site; actions are taken on this console only.")


def _names_this_host(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
