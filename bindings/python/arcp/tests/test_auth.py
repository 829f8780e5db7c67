"""Tokens, and whom they stand for."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from arcp._auth import BearerVerifier, Identity, JWTVerifier, StaticBearerVerifier
from arcp._errors import UnauthenticatedError

SECRET = "s" * 64
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()

AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def pem(key: AnyKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key: AnyKey, **more: str) -> dict[str, Any]:
    algorithm = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    named = next((name for kind, name in algorithm.items() if isinstance(key, kind)), "EdDSA")
    made = jwt.get_algorithm_by_name(named).to_jwk(key.public_key(), as_dict=True)
    return {**made, **more}


def token(key: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    headers = claims.pop("headers", None)
    told = {"sub": "alice", "exp": time.time() + 60, **claims}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm=algorithm, headers=headers)


def unsigned(header: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part({'sub': 'alice', 'exp': time.time() + 60})}."


async def refused(verifier: BearerVerifier, bad: str) -> str:
    with pytest.raises(UnauthenticatedError) as raised:
        await verifier.verify(bad)
    assert bad == "" or bad not in raised.value.message
    return raised.value.message


# Tables.


async def test_a_table_of_tokens() -> None:
    verifier = StaticBearerVerifier({"t0ken": "alice", "other": "bob"})
    assert isinstance(verifier, BearerVerifier)
    assert await verifier.verify("t0ken") == Identity(principal="alice")
    for bad in ("", "t0ke", "t0ken ", "T0KEN", "\udc80"):
        await refused(verifier, bad)
    assert "t0ken" not in repr(vars(verifier))


async def test_a_table_is_what_it_was() -> None:
    tokens = {"t0ken": "alice"}
    verifier = StaticBearerVerifier(tokens)
    tokens["other"] = "bob"
    await refused(verifier, "other")


def test_an_identity_is_a_value() -> None:
    identity = Identity(principal="a", scopes=("x",))
    assert hash(identity) == hash(Identity(principal="a", scopes=("x",)))
    with pytest.raises(AttributeError):
        identity.principal = "b"  # type: ignore[misc]


# A secret.


async def test_a_token_signed_with_the_secret() -> None:
    verifier = JWTVerifier(secret=SECRET)
    assert isinstance(verifier, BearerVerifier)
    assert await verifier.verify(token()) == Identity(principal="alice")


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [("a  b", ("a", "b")), (["a", 1, "b"], ("a", "b")), (None, ()), (7, ()), ("", ())],
)
async def test_scopes(scope: object, scopes: tuple[str, ...]) -> None:
    identity = await JWTVerifier(secret=SECRET).verify(token(scope=scope))
    assert identity.scopes == scopes


async def test_other_claims() -> None:
    verifier = JWTVerifier(secret=SECRET, principal_claim="email", scopes_claim="roles")
    identity = await verifier.verify(token(sub=None, email="a@b.example", roles=["x"]))
    assert identity == Identity(principal="a@b.example", scopes=("x",))
    await refused(verifier, token())


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "soon"},
        {"sub": None},
        {"sub": ""},
        {"nbf": time.time() + 600},
        {"iat": time.time() + 600},
        {"aud": "somebody"},
    ],
)
async def test_claims_that_a_token_must_have(claims: dict[str, Any]) -> None:
    await refused(JWTVerifier(secret=SECRET), token(**claims))


async def test_an_old_token_is_told_so() -> None:
    said = await refused(JWTVerifier(secret=SECRET), token(exp=time.time() - 1))
    assert said == "the token has expired"


async def test_audience_and_issuer() -> None:
    verifier = JWTVerifier(secret=SECRET, audience="us", issuer="them")
    await verifier.verify(token(aud="us", iss="them"))
    await verifier.verify(token(aud=["x", "us"], iss="them"))
    for claims in ({}, {"aud": "us"}, {"iss": "them"}, {"aud": "x", "iss": "them"}):
        await refused(verifier, token(**claims))


@pytest.mark.parametrize("bad", ["", "x", "a.b.c", "....", "\udc80", "ä.ä.ä"])
async def test_what_is_no_token(bad: str) -> None:
    await refused(JWTVerifier(secret=SECRET), bad)


async def test_another_secret() -> None:
    await refused(JWTVerifier(secret=SECRET), token("x" * 64))


async def test_the_algorithm_is_not_the_tokens_to_choose() -> None:
    verifier = JWTVerifier(secret=SECRET)
    for header in ({"alg": "none"}, {"alg": "None"}, {"alg": ""}, {}, {"alg": "HS256"}):
        await refused(verifier, unsigned(header))
    await refused(verifier, token(SECRET * 2, "HS512"))
    await refused(verifier, token(SECRET, "HS384"))
    await refused(verifier, token(RSA, "RS256"))


async def test_an_extension_that_is_critical_is_refused() -> None:
    for headers in ({"crit": ["x"], "x": 1}, {"crit": ["b64"]}):
        await refused(JWTVerifier(secret=SECRET), token(headers=headers))


# Public keys.


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "PS512"), (EC, "ES256"), (ED, "EdDSA")],
)
async def test_a_public_key(key: AnyKey, algorithm: str) -> None:
    verifier = JWTVerifier(secret=pem(key), algorithms=(algorithm, "HS256"))
    assert await verifier.verify(token(key, algorithm)) == Identity(principal="alice")
    for other in (token(), token(OTHER_RSA, "RS256"), unsigned({"alg": "none"})):
        await refused(verifier, other)


async def test_a_public_key_is_no_secret() -> None:
    """Who has the public key, as everybody has, signs with it as if it were a secret."""
    verifier = JWTVerifier(secret=pem(RSA), algorithms=("RS256", "HS256"))
    header = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
    claims = json.dumps({"sub": "mallory", "exp": time.time() + 60}).encode()
    signed = header + b"." + base64.urlsafe_b64encode(claims).rstrip(b"=")
    signature = jwt.get_algorithm_by_name("HS256").sign(signed, pem(RSA).encode())
    forged = signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")
    await refused(verifier, forged.decode())


def test_keys_and_algorithms_fit() -> None:
    private = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    wrong: list[dict[str, Any]] = [
        {},
        {"secret": ""},
        {"secret": SECRET, "algorithms": ()},
        {"secret": SECRET, "algorithms": ("none",)},
        {"secret": SECRET, "algorithms": ("RS256",)},
        {"secret": pem(RSA)},
        {"secret": pem(RSA), "algorithms": ("ES256",)},
        {"secret": pem(EC), "algorithms": ("ES384",)},
        {"secret": private, "algorithms": ("RS256",)},
        {"secret": "-----BEGIN NOTHING-----", "algorithms": ("RS256",)},
        {"jwks": {}},
        {"jwks": {"keys": [jwk(RSA, kid="a")]}},
        {"jwks": {"keys": [jwk(RSA, kid="a", use="enc")]}, "algorithms": ("RS256",)},
        {"jwks": {"keys": [jwk(RSA, kid="a", alg="RS512")]}, "algorithms": ("RS256",)},
        {"jwks": {"keys": [{"kty": "none", "kid": "a"}]}, "algorithms": ("RS256", "none")},
    ]
    for arguments in wrong:
        with pytest.raises(ValueError, match="JWTVerifier") as raised:
            JWTVerifier(**arguments)
        assert SECRET not in str(raised.value)


# Sets of keys.


async def test_a_set_of_keys() -> None:
    keys = [jwk(RSA, kid="r"), jwk(EC, kid="e"), {"kty": "later", "kid": "l"}]
    verifier = JWTVerifier(jwks={"keys": keys}, algorithms=("RS256", "ES256"))
    for key, algorithm, kid in ((RSA, "RS256", "r"), (EC, "ES256", "e")):
        signed = token(key, algorithm, headers={"kid": kid})
        assert await verifier.verify(signed) == Identity(principal="alice")
    for signed in (
        token(RSA, "RS256"),
        token(RSA, "RS256", headers={"kid": "unknown"}),
        token(RSA, "RS256", headers={"kid": "e"}),
        token(RSA, "RS512", headers={"kid": "r"}),
        token(OTHER_RSA, "RS256", headers={"kid": "r"}),
        token(SECRET, "HS256", headers={"kid": "r"}),
    ):
        await refused(verifier, signed)


async def test_a_set_of_one_key_without_a_name() -> None:
    verifier = JWTVerifier(jwks={"keys": [jwk(RSA)]}, algorithms=("RS256",))
    await verifier.verify(token(RSA, "RS256"))
    await refused(verifier, token(RSA, "RS256", headers={"kid": "r"}))


async def test_two_keys_may_have_one_name() -> None:
    keys = [jwk(OTHER_RSA, kid="k"), jwk(RSA, kid="k")]
    verifier = JWTVerifier(jwks={"keys": keys}, algorithms=("RS256",))
    for key in (RSA, OTHER_RSA):
        await verifier.verify(token(key, "RS256", headers={"kid": "k"}))
