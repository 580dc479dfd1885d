"""Signatures are those that AWS gives as examples ("Authenticating Requests", S3 API reference)."""

from datetime import UTC, datetime

import pytest

from s1pdgs.storage.objects.s3_signature import Keys, Signer, Target, path_of

NOW = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"
SIGNER = Signer(Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1")


@pytest.mark.parametrize(
    ("target", "headers", "payload", "signature"),
    [
        (
            Target("GET", HOST, "/test.txt"), {"Range": "bytes=0-9"}, b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Target("PUT", HOST, path_of("/test$file.text")),
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Target("GET", HOST, "/", {"lifecycle": ""}), {}, b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Target("GET", HOST, "/", {"prefix": "J", "max-keys": "2"}), {}, b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)  # fmt: skip
def test_headers_sign_a_request(target: Target, headers: dict[str, str], payload: bytes, signature: str) -> None:
    signed = SIGNER.headers(target, headers, payload, NOW)
    assert signed["authorization"].endswith(f"Signature={signature}")


def test_a_query_signs_an_address_for_a_while() -> None:
    query = SIGNER.query(Target("GET", HOST, "/test.txt"), 86400, NOW)
    assert query.endswith("Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_no_address_lasts_longer_than_servers_allow() -> None:
    assert "X-Amz-Expires=604800&" in SIGNER.query(Target("GET", HOST, "/test.txt"), 10**9, NOW)


def test_lent_keys_show_the_token_of_their_session() -> None:
    lent = Signer(Keys("A", "B", "of/session"), "us-east-1")
    assert lent.headers(Target("GET", HOST, "/"), {}, b"", NOW)["x-amz-security-token"] == "of/session"
    assert "X-Amz-Security-Token=of%2Fsession&" in lent.query(Target("GET", HOST, "/"), 60, NOW)


def test_secrets_are_not_shown() -> None:
    assert "MDENG" not in repr(SIGNER)
