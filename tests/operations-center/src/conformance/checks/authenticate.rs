//! Authenticate's answer: the receiver proves that it is the registered application.

use crate::answer::{Answer, SignatureError, check};
use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::stage::Stage;
use crate::conformance::subject::{Subject, signed};
use crate::token::Token;
use crate::wire::Request;

const TRUST: &str = "trust, documented";
const AUTHENTICATE: &str = "Authenticate, documented";

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new("auth.nonce", TRUST, "the proof begins with the nonce of its own call", nonce),
        Line::new("auth.time", TRUST, "the proof's time is UTC and within 15 minutes of the vendor's", time),
        Line::new(
            "auth.signature",
            TRUST,
            "the proof is signed with the application's private key",
            signature,
        ),
        Line::new("auth.interfaces", "Authenticate, sample", "SupportedInterfaces is 1", interfaces)
            .recommended(),
        Line::new(
            "auth.build",
            "Authenticate, sample",
            "SuperOfficeMirroringBuild says which build answers",
            build,
        )
        .recommended(),
        Line::new(
            "auth.information",
            AUTHENTICATE,
            "AdditionalInformationJson is empty or a JSON object",
            information,
        ),
        Line::new(
            "auth.do-not-replicate",
            AUTHENTICATE,
            "doNotReplicate asks to skip this cycle without failing it",
            do_not_replicate,
        )
        .informative(),
    ]
}

/// A proof's shape, nonce, time and signature, whichever is asked for.
fn proof(stage: &Stage<'_>) -> Result<Result<(), SignatureError>, Miss> {
    let subject = stage.subject();
    let token = subject.token();
    let answer = authenticate(&subject, &token)?;
    let signed = answer.signed_application_token.unwrap_or_default();
    let key = stage.application.application_public_key();
    Ok(check(&signed, token.nonce(), &key, stage.now()))
}

fn authenticate(subject: &Subject<'_>, token: &Token) -> Result<Answer, Miss> {
    let token = signed(token)?;
    subject.call_with(&Request::authenticate(), &token).success("Authenticate")
}

/// Twice, so that an answer that is kept and given again shows.
fn nonce(stage: &Stage<'_>) -> Checked {
    for _ in 0..2 {
        if let Err(error @ (SignatureError::Shape | SignatureError::Nonce)) = proof(stage)? {
            return Err(Miss::failed(error.to_string()));
        }
    }
    Ok("two calls were answered with their own nonces".to_owned())
}

fn time(stage: &Stage<'_>) -> Checked {
    let subject = stage.subject();
    let signed = subject.authenticate()?.signed_application_token.unwrap_or_default();
    let stamp = signed.split('.').nth(1).unwrap_or_default();
    // The nonce and the key are other lines' matter, so the stamp goes to the check in a proof of our own.
    match check_stamp(stage, stamp) {
        Err(error @ (SignatureError::Shape | SignatureError::Stale { .. })) => {
            Err(Miss::failed(format!("{stamp}: {error}")))
        }
        _ => Ok(format!("the time is {stamp}")),
    }
}

fn check_stamp(stage: &Stage<'_>, stamp: &str) -> Result<(), SignatureError> {
    let key = stage.application.application_public_key();
    check(&format!("nonce.{stamp}.AAAA"), "nonce", &key, stage.now())
}

fn signature(stage: &Stage<'_>) -> Checked {
    let subject = stage.subject();
    let signed = subject.authenticate()?.signed_application_token.unwrap_or_default();
    let nonce = signed.split('.').next().unwrap_or_default();
    let stamp_time = stage.now();
    let key = stage.application.application_public_key();
    match check(&signed, nonce, &key, stamp_time) {
        Err(error @ (SignatureError::Shape | SignatureError::Key)) => Err(Miss::failed(error.to_string())),
        Err(SignatureError::Stale { seconds }) => match check(&signed, nonce, &key, stamp_time - seconds) {
            Ok(()) => Ok("the application's key made it".to_owned()),
            Err(error) => Err(Miss::failed(error.to_string())),
        },
        _ => Ok("the application's key made it".to_owned()),
    }
}

fn interfaces(stage: &Stage<'_>) -> Checked {
    match stage.subject().authenticate()?.supported_interfaces.as_deref() {
        Some("1") => Ok("1".to_owned()),
        other => Err(Miss::failed(format!("{other:?}"))),
    }
}

fn build(stage: &Stage<'_>) -> Checked {
    match stage.subject().authenticate()?.build {
        Some(build) if !build.is_empty() => Ok(build),
        _ => Err(Miss::failed("it is empty")),
    }
}

fn information(stage: &Stage<'_>) -> Checked {
    let information = stage.subject().authenticate()?.additional_information.unwrap_or_default();
    if information.is_empty() {
        return Ok("it is empty".to_owned());
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&information) {
        Ok(_) => Ok(information),
        Err(_) => Err(Miss::failed(format!("no JSON object: {information}"))),
    }
}

fn do_not_replicate(stage: &Stage<'_>) -> Checked {
    let subject = stage.subject();
    let answer = authenticate(&subject, &subject.token())?;
    match answer.asks_not_to_replicate() {
        true => Ok("this cycle was to be skipped, and was".to_owned()),
        false => Err(Miss::unobserved("the receiver did not ask for it")),
    }
}
