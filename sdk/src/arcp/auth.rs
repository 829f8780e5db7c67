//! Whose a token is (ARCP §6.1).

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use ixt_arcp::runtime::Principal;
use ixt_arcp::{Code, Refusal};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// Tells whose a token is. A closure that gives a future does.
pub trait Verifier: Send + Sync + 'static {
    /// Whose token it is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, mostly: the client is told so.
    fn verify(&self, token: String) -> Pin<Box<dyn Future<Output = Result<Principal, Refusal>> + Send + '_>>;
}

impl<F, R> Verifier for F
where
    F: Fn(String) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Principal, Refusal>> + Send + 'static,
{
    fn verify(&self, token: String) -> Pin<Box<dyn Future<Output = Result<Principal, Refusal>> + Send + '_>> {
        Box::pin(self(token))
    }
}

fn unknown() -> Refusal {
    Refusal::new(Code::Unauthenticated, "the token is not known here")
}

/// Tokens that are known beforehand. Compared by their hashes, so that how long it takes tells nothing of them.
pub struct StaticTokens(HashMap<[u8; 32], Principal>);

impl StaticTokens {
    /// These tokens, and whose they are.
    pub fn new<T: AsRef<str>>(tokens: impl IntoIterator<Item = (T, Principal)>) -> Self {
        let hashed = |(token, principal): (T, Principal)| {
            (*ixt_arcp::TokenHash::of(token.as_ref()).as_bytes(), principal)
        };
        Self(tokens.into_iter().map(hashed).collect())
    }
}

impl Verifier for StaticTokens {
    fn verify(&self, token: String) -> Pin<Box<dyn Future<Output = Result<Principal, Refusal>> + Send + '_>> {
        let found = self.0.get(ixt_arcp::TokenHash::of(&token).as_bytes()).cloned();
        Box::pin(std::future::ready(found.ok_or_else(unknown)))
    }
}

/// JSON Web Tokens: signed by a key that is known here, not expired, and made for this runtime. The principal is their
/// `sub`.
pub struct Jwt {
    keys: Keys,
    validation: Validation,
}

enum Keys {
    One(DecodingKey),
    Set(JwkSet),
}

/// What of a token counts; the rest is checked by the library.
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Jwt {
    /// Signed with a secret that both sides know: HS256, HS384 or HS512.
    #[must_use]
    pub fn hs(secret: &[u8]) -> Self {
        Self::of(
            Keys::One(DecodingKey::from_secret(secret)),
            &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512],
        )
    }

    /// Signed with the private half of this RSA key, PEM: RS256, RS384 or RS512.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for what is no such key.
    pub fn rs(pem: &[u8]) -> Result<Self, Refusal> {
        let key = DecodingKey::from_rsa_pem(pem).map_err(no_key)?;
        Ok(Self::of(Keys::One(key), &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512]))
    }

    /// Signed with the private half of this elliptic curve's key, PEM: ES256 or ES384.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for what is no such key.
    pub fn es(pem: &[u8]) -> Result<Self, Refusal> {
        let key = DecodingKey::from_ec_pem(pem).map_err(no_key)?;
        Ok(Self::of(Keys::One(key), &[Algorithm::ES256, Algorithm::ES384]))
    }

    /// Signed with one of these keys, a JSON Web Key Set: the token's `kid` says with which.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for what is no such set.
    pub fn jwks(json: &str) -> Result<Self, Refusal> {
        let set = serde_json::from_str(json).map_err(|error| Refusal::invalid(format!("JWKS: {error}")))?;
        Ok(Self::of(Keys::Set(set), &[]))
    }

    fn of(keys: Keys, algorithms: &[Algorithm]) -> Self {
        let mut validation = Validation::new(algorithms.first().copied().unwrap_or(Algorithm::RS256));
        validation.algorithms = algorithms.to_vec();
        validation.validate_aud = false;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self { keys, validation }
    }

    /// Only tokens that were made for this audience. Without it any audience is as good as none.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.validation.validate_aud = true;
        self.validation.set_audience(&[audience]);
        self.validation.set_required_spec_claims(&["exp", "sub", "aud"]);
        self
    }

    /// Only tokens of this issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.validation.set_issuer(&[issuer]);
        self
    }

    fn check(&self, token: &str) -> Option<Principal> {
        let claims: Claims = match &self.keys {
            Keys::One(key) => decode(token, key, &self.validation).ok()?.claims,
            Keys::Set(set) => {
                let header = decode_header(token).ok()?;
                let jwk = set.find(&header.kid?)?;
                // What the key is for decides, and not what the token says of itself.
                let algorithm = jwk.common.key_algorithm?.to_string().parse().ok()?;
                let mut validation = self.validation.clone();
                validation.algorithms = vec![algorithm];
                decode(token, &DecodingKey::from_jwk(jwk).ok()?, &validation).ok()?.claims
            }
        };
        (!claims.sub.is_empty()).then(|| Principal::new(claims.sub))
    }
}

fn no_key(error: jsonwebtoken::errors::Error) -> Refusal {
    Refusal::invalid(format!("the key: {error}"))
}

impl Verifier for Jwt {
    fn verify(&self, token: String) -> Pin<Box<dyn Future<Output = Result<Principal, Refusal>> + Send + '_>> {
        Box::pin(std::future::ready(self.check(&token).ok_or_else(unknown)))
    }
}
