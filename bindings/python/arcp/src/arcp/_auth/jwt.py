"""Tokens that are JSON Web Tokens.

Which algorithm a token may have follows from the key and the verifier's own list, and never from
the token: a public key is no secret to sign with, and ``none`` is no algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from .._errors import UnauthenticatedError
from .bearer import Identity

__all__ = ("JWTVerifier",)

_HMAC = frozenset({"HS256", "HS384", "HS512"})
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: dict[type[EllipticCurve], str] = {
    SECP256R1: "ES256",
    SECP384R1: "ES384",
    SECP521R1: "ES512",
}


@dataclass(frozen=True, slots=True)
class _Key:
    key: Any
    algorithms: tuple[str, ...]


class JWTVerifier:
    """Checks JSON Web Tokens by a shared secret, a public key in PEM, or a set of keys (JWKS).

    A token must have ``exp`` and the claim that names the principal; ``aud`` and ``iss`` must be
    those that are given here. ``scopes_claim`` is a list, or a text with spaces between.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        algorithms: tuple[str, ...] = ("HS256",),
        audience: str | None = None,
        issuer: str | None = None,
        principal_claim: str = "sub",
        scopes_claim: str = "scope",
        jwks: dict[str, Any] | None = None,
    ) -> None:
        """
        Raises:
            ValueError: there is no key, or none that fits ``algorithms``.
        """
        if jwks is not None:
            self._keys = _keys_of_set(jwks, algorithms)
        elif secret is not None:
            self._keys = {None: (_key_of_secret(secret, algorithms),)}
        else:
            raise ValueError("JWTVerifier needs a secret or jwks")
        self._by_id = jwks is not None
        self._audience = audience
        self._issuer = issuer
        self._principal_claim = principal_claim
        self._scopes_claim = scopes_claim

    async def verify(self, token: str) -> Identity:
        """Whom the token stands for.

        Raises:
            UnauthenticatedError: it is malformed, has expired, is signed by no key that is known,
                or lacks a claim.
        """
        claims = self._claims(token)
        principal: object = claims.get(self._principal_claim)
        if not isinstance(principal, str) or not principal:
            raise UnauthenticatedError("the token names no principal")
        return Identity(principal=principal, scopes=_scopes(claims.get(self._scopes_claim)))

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise UnauthenticatedError("the token is malformed") from error
        found = self._keys.get(header.get("kid") if self._by_id else None, ())
        failed: Exception | None = None
        for one in found:
            try:
                return jwt.decode(
                    token,
                    one.key,
                    algorithms=one.algorithms,
                    audience=self._audience,
                    issuer=self._issuer,
                    options={"require": ["exp", self._principal_claim]},
                )
            except jwt.ExpiredSignatureError as error:
                raise UnauthenticatedError("the token has expired") from error
            except (jwt.PyJWTError, ValueError, TypeError) as error:
                failed = error
        raise UnauthenticatedError("the token is not valid") from failed


def _scopes(claim: object) -> tuple[str, ...]:
    if isinstance(claim, str):
        return tuple(claim.split())
    if isinstance(claim, list):
        return tuple(one for one in cast("list[object]", claim) if isinstance(one, str))
    return ()


def _family(key: object) -> frozenset[str]:
    match key:
        case bytes():
            return _HMAC
        case RSAPublicKey():
            return _RSA
        case EllipticCurvePublicKey():
            curve = _CURVES.get(type(key.curve))
            return frozenset({curve} if curve else ())
        case Ed25519PublicKey():
            return frozenset({"EdDSA"})
        case _:
            # A private key among them, which has no business here.
            return frozenset()


def _key_of_secret(secret: str, algorithms: tuple[str, ...]) -> _Key:
    if not secret:
        raise ValueError("JWTVerifier: the secret is empty")
    key: object = secret.encode()
    if secret.lstrip().startswith("-----BEGIN"):
        key = _public_key(secret)
    allowed = tuple(one for one in algorithms if one in _family(key))
    if not allowed:
        raise ValueError(
            f"JWTVerifier: none of {', '.join(algorithms) or 'no algorithms'} fits the key; "
            f"{', '.join(sorted(_family(key))) or 'no algorithm'} would"
        )
    return _Key(key, allowed)


def _public_key(pem: str) -> object:
    try:
        if "BEGIN CERTIFICATE" in pem:
            return load_pem_x509_certificate(pem.encode()).public_key()
        return load_pem_public_key(pem.encode())
    except ValueError as error:
        raise ValueError("JWTVerifier: the PEM holds no public key") from error


def _keys_of_set(
    jwks: dict[str, Any], algorithms: tuple[str, ...]
) -> dict[str | None, tuple[_Key, ...]]:
    keys: dict[str | None, tuple[_Key, ...]] = {}
    for one in jwks.get("keys", ()):
        # Keys for encryption stand in such sets too.
        if one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(one).key
        except jwt.PyJWTError:
            # Of a kind that is not known, for others.
            continue
        named = one.get("alg")
        allowed = tuple(
            each for each in algorithms if each in _family(key) and named in (None, each)
        )
        if allowed:
            kid = one.get("kid")
            keys[kid] = (*keys.get(kid, ()), _Key(key, allowed))
    if not keys:
        raise ValueError(f"JWTVerifier: no key of the set fits {', '.join(algorithms)}")
    return keys
