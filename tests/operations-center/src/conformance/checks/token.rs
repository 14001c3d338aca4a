//! Tokens: whoever is not the vendor, or does not mean this application, or not now, changes nothing.

use serde_json::json;

use crate::conformance::forged::{self, stranger};
use crate::conformance::line::{Checked, Line};
use crate::conformance::stage::Stage;
use crate::conformance::subject::signed;
use crate::token::{LIFETIME_SECONDS, Token};
use crate::wire::Request;

const TRUST: &str = "trust, documented";
/// Beyond any clock skew that a receiver may allow.
const LONG_SECONDS: i64 = 3600;
/// The published thumbprint of the vendor's stage environment.
const OTHER_ENVIRONMENT: &str = "484903A7732B928C7980A39D38E947EA119F1089";

pub(super) fn lines() -> Vec<Line> {
    let required = |id, rule, check: fn(&Stage<'_>) -> Checked| Line::new(id, TRUST, rule, check);
    vec![
        required("token.missing", "a call without a token is refused", missing),
        required("token.malformed", "what is no token is refused", malformed),
        required("token.signature", "a signature with a wrong bit is refused", signature),
        required("token.tampered-claims", "claims that were changed after signing are refused", tampered),
        required(
            "token.other-tenant",
            "one tenant's signature under another tenant's claims is refused",
            swapped,
        ),
        required(
            "token.other-certificate",
            "a token that another certificate signed is refused",
            other_certificate,
        ),
        required(
            "token.own-key",
            "a key or certificate that comes in the token itself is not trusted",
            own_key,
        ),
        required(
            "token.unknown-kid",
            "a kid that names no certificate of the receiver's is refused",
            unknown_kid,
        )
        .recommended(),
        required("token.alg-none", "a token without a signature (alg none) is refused", alg_none),
        required("token.alg-hs256", "HS256 with the public certificate as its secret is refused", alg_hs256),
        required("token.audience", "a token for another application is refused", audience),
        required("token.expired", "a token that has expired is refused", expired),
        required("token.not-yet-valid", "a token that is not valid yet is refused", not_yet_valid),
        required("token.issuer", "a token of another issuer is refused", issuer),
        required(
            "token.every-operation",
            "each of the five operations checks its own token",
            every_operation,
        ),
        required("token.replay", "a token signs one call: whether it is accepted with a second one", replay)
            .informative(),
    ]
}

/// Tries what the vendor's key signs and the vendor would never say.
fn said(stage: &Stage<'_>, what: &str, make: impl Fn(Token) -> Token) -> Checked {
    stage.guarded()?.refuses(what, |token| signed(&make(token)))
}

fn missing(stage: &Stage<'_>) -> Checked {
    let guarded = stage.guarded()?;
    let without = |request: &Request, with_header: bool| {
        let call = String::from_utf8_lossy(&request.envelope("")).into_owned();
        let (before, rest) = call.split_once("<s:Header>").unwrap_or((&call, ""));
        let after = rest.split_once("</s:Header>").map_or("", |(_, after)| after);
        let call = if with_header { call.clone() } else { format!("{before}{after}") };
        guarded.subject.send_body(request.operation(), call.as_bytes())
    };
    let absent = guarded.tries(|request| without(request, false).refusal("no header"))?;
    let empty = guarded.tries(|request| without(request, true).refusal("an empty token"))?;
    Ok(format!("no header: {absent}; an empty token: {empty}"))
}

fn malformed(stage: &Stage<'_>) -> Checked {
    let guarded = stage.guarded()?;
    guarded.refuses("no token at all", |_| Ok("x".to_owned()))?;
    guarded.refuses("three letters", |_| Ok("a.b.c".to_owned()))?;
    guarded.refuses("no signature", |token| {
        let text = signed(&token)?;
        Ok(text.rsplit_once('.').map(|(message, _)| message.to_owned()).unwrap_or_default())
    })
}

fn signature(stage: &Stage<'_>) -> Checked {
    said(stage, "one bit of the signature", Token::with_tampered_signature)
}

fn tampered(stage: &Stage<'_>) -> Checked {
    stage.guarded()?.refuses("a later end", |token| {
        let later = token.not_before().unwrap_or_default() + LIFETIME_SECONDS + 1;
        forged::tampered(&token, "exp", json!(later))
    })
}

fn swapped(stage: &Stage<'_>) -> Checked {
    let other = stage.subject().token();
    stage.guarded()?.refuses("another tenant's signature", |token| forged::swapped(&token, &other))
}

fn other_certificate(stage: &Stage<'_>) -> Checked {
    let stranger = stranger()?;
    let foreign = |token: Token| token.signed_by(stranger.signing_key());
    said(stage, "another key under the vendor's kid", foreign)?;
    said(stage, "another key without a kid", |token| {
        foreign(token).without_header("kid").without_header("x5t")
    })?;
    let thumbprint = stranger.thumbprint();
    said(stage, "another key under its own kid", |token| {
        foreign(token).header("kid", thumbprint.hex()).header("x5t", thumbprint.base64url())
    })
}

fn own_key(stage: &Stage<'_>) -> Checked {
    let guarded = stage.guarded()?;
    guarded.refuses("a key of its own (jwk)", forged::with_own_key)?;
    guarded.refuses("a certificate of its own (x5c)", forged::with_own_certificate)
}

fn unknown_kid(stage: &Stage<'_>) -> Checked {
    said(stage, "another environment's kid", |token| {
        token.without_header("x5t").header("kid", OTHER_ENVIRONMENT)
    })
}

fn alg_none(stage: &Stage<'_>) -> Checked {
    stage.guarded()?.refuses("alg none", |token| forged::unsigned(&token))
}

fn alg_hs256(stage: &Stage<'_>) -> Checked {
    let guarded = stage.guarded()?;
    for secret in forged::public_secrets(stage.application) {
        guarded.refuses("HS256 with the certificate", |token| {
            forged::with_secret(stage.application, &token, &secret)
        })?;
    }
    Ok("HS256 with the certificate's text and with its bytes is refused".to_owned())
}

fn audience(stage: &Stage<'_>) -> Checked {
    said(stage, "no audience", |token| token.without_claim("aud"))?;
    said(stage, "another application's audience", |token| {
        token.claim("aud", "spn:00000000000000000000000000000000")
    })
}

fn expired(stage: &Stage<'_>) -> Checked {
    let end = stage.now() - LONG_SECONDS;
    said(stage, "expired an hour ago", |token| token.claim("nbf", end - LIFETIME_SECONDS).claim("exp", end))
}

fn not_yet_valid(stage: &Stage<'_>) -> Checked {
    let begin = stage.now() + LONG_SECONDS;
    said(stage, "valid in an hour", |token| token.claim("nbf", begin).claim("exp", begin + LIFETIME_SECONDS))
}

fn issuer(stage: &Stage<'_>) -> Checked {
    said(stage, "another issuer", |token| token.claim("iss", "Somebody Else AS"))
}

fn every_operation(stage: &Stage<'_>) -> Checked {
    let guarded = stage.guarded()?;
    guarded.refuses_all(|request| {
        let token = signed(&guarded.subject.token().with_tampered_signature())?;
        guarded.subject.call_with(request, &token).refusal(request.operation().name())
    })
}

fn replay(stage: &Stage<'_>) -> Checked {
    let subject = stage.subject();
    let table = crate::conformance::table::TestTable::keyed("contact");
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    let token = signed(&subject.token())?;
    let call = |lsn, key| Request::row_data(&[table.inserts(lsn, &[(key, "Nord")])]);
    subject.call_with(&call(5, 1), &token).success("the first call")?;
    let second = subject.call_with(&call(6, 2), &token);
    Ok(format!("another call with the same token: {}", second.observed()))
}
