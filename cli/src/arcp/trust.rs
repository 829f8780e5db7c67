//! Whose tokens a runtime takes.

use std::collections::{BTreeMap, btree_map::Entry};
use std::io;
use std::sync::Arc;

use ixt::arcp::{Jwt, Principal, RuntimeBuilder, Scope, StaticTokens, Verifier};

use super::args::{Trust, pair};
use crate::files::{about, read};

pub(super) fn with_verifier(builder: RuntimeBuilder, trust: &Trust) -> io::Result<RuntimeBuilder> {
    let tokens = tokens(trust)?;
    let owners_cancel = trust.owners_cancel;
    let scoped = move |principal| if owners_cancel { own(principal) } else { principal };
    match jwt(trust)? {
        Some(_) if !tokens.is_empty() => {
            Err(wrong("principals with tokens and JSON Web Tokens exclude each other"))
        }
        Some(jwt) => {
            let jwt = Arc::new(jwt);
            Ok(builder.verifier(move |token: String| {
                let jwt = Arc::clone(&jwt);
                async move { jwt.verify(token).await.map(scoped) }
            }))
        }
        None if tokens.is_empty() => {
            Err(wrong("who may come? Give --principal, --principals-file, --jwks, --jwt-key or --jwt-secret"))
        }
        None => {
            let tokens = tokens.into_iter().map(|(token, name)| (token, scoped(Principal::new(name))));
            Ok(builder.verifier(StaticTokens::new(tokens)))
        }
    }
}

/// Each command is a session of its own, so who asked by one may cancel by another.
fn own(principal: Principal) -> Principal {
    let scope = Scope::Of([principal.name.to_string()].into());
    principal.cancelling(scope)
}

/// Tokens, and whose they are.
fn tokens(trust: &Trust) -> io::Result<BTreeMap<String, String>> {
    let mut lines = trust.principals.clone();
    if let Some(file) = &trust.principals_file {
        let text = String::from_utf8_lossy(&read(file)?).into_owned();
        let entries = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.extend(entries.map(str::to_owned));
    }
    let mut tokens = BTreeMap::new();
    for (index, entry) in lines.iter().enumerate() {
        let (name, token) = pair(entry)
            .map_err(|why| wrong(&format!("principal {}: {why}; NAME=TOKEN is wanted", index + 1)))?;
        match tokens.entry(token) {
            Entry::Vacant(place) => drop(place.insert(name)),
            Entry::Occupied(other) => {
                return Err(wrong(&format!("{name} and {} have the same token", other.get())));
            }
        }
    }
    Ok(tokens)
}

fn jwt(trust: &Trust) -> io::Result<Option<Jwt>> {
    let jwt = if let Some(file) = &trust.jwks {
        let set = String::from_utf8_lossy(&read(file)?).into_owned();
        Jwt::jwks(&set).map_err(|why| about(file.display(), why))?
    } else if let Some(file) = &trust.jwt_key {
        let pem = read(file)?;
        Jwt::es(&pem)
            .or_else(|_| Jwt::rs(&pem))
            .map_err(|_| about(file.display(), "not a public key of RSA or an elliptic curve in PEM"))?
    } else if let Some(file) = &trust.jwt_secret {
        let secret = read(file)?;
        match secret.trim_ascii() {
            [] => return Err(about(file.display(), "an empty secret is everybody's")),
            secret => Jwt::hs(secret),
        }
    } else {
        return Ok(None);
    };
    let jwt = trust.audience.iter().fold(jwt, |jwt, audience| jwt.audience(audience));
    Ok(Some(trust.issuer.iter().fold(jwt, |jwt, issuer| jwt.issuer(issuer))))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
