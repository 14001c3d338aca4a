//! What the vendor would refuse.

use super::*;
use crate::fixture::{application, envelope, sign};
use crate::wire::{DATA, MIRRORING, Operation};
use crate::xml::XmlError;

fn answer(operation: Operation, members: &str) -> Result<Answer, AnswerError> {
    parse(operation, envelope(operation, members).as_bytes())
}

const DONE: &str = "<IsSuccessful>true</IsSuccessful><ErrorMessage/>";

#[test]
fn a_whole_authenticate_is_read() {
    let members = format!(
        "{DONE}<SignedApplicationToken>n.1.s</SignedApplicationToken><SupportedInterfaces>1</SupportedInterfaces>\
         <SuperOfficeMirroringBuild>4.0</SuperOfficeMirroringBuild><ClientState>c&amp;d</ClientState>\
         <AdditionalInformationJson>{{ \"doNotReplicate\": \"true\" }}</AdditionalInformationJson>"
    );
    let answer = answer(Operation::Authenticate, &members).unwrap();
    assert!(answer.is_successful && answer.asks_not_to_replicate());
    assert_eq!(answer.signed_application_token.as_deref(), Some("n.1.s"));
    assert_eq!(answer.client_state.as_deref(), Some("c&d"));
}

#[test]
fn positions_are_read_in_their_own_namespace_only() {
    let positions = |namespace: &str| {
        let members = format!(
            "{DONE}<MirrorLSN xmlns:d=\"{namespace}\"><d:TableLSN><d:LSN>-1</d:LSN><d:TableName>contact</d:TableName>\
             </d:TableLSN></MirrorLSN>"
        );
        answer(Operation::TableSchema, &members)
    };
    let position = Position { table: "contact".into(), lsn: -1 };
    assert_eq!(positions(DATA).unwrap().positions, Some(vec![position]));
    assert!(matches!(positions(MIRRORING), Err(AnswerError::Unexpected { .. })));
}

#[test]
fn members_out_of_order_unknown_twice_or_missing_are_refused() {
    let order = |member: &str| Err(AnswerError::Order { member: member.to_owned() });
    let wipe = |members: &str| answer(Operation::Wipe, members);
    assert_eq!(wipe("<ErrorMessage/><IsSuccessful>true</IsSuccessful>"), order("IsSuccessful"));
    assert_eq!(wipe(&format!("{DONE}<ErrorMessage/>")), order("ErrorMessage"));
    assert_eq!(wipe(&format!("{DONE}<Extra/>")), order("Extra"));
    assert_eq!(wipe("<IsSuccessful xmlns=\"urn:x\">true</IsSuccessful>"), order("IsSuccessful"));
    assert_eq!(wipe("<ErrorMessage/>"), Err(AnswerError::Missing("IsSuccessful")));
    assert!(matches!(wipe("<IsSuccessful>yes</IsSuccessful>"), Err(AnswerError::Type { .. })));
    assert_eq!(answer(Operation::Authenticate, DONE), Err(AnswerError::Missing("SignedApplicationToken")));
    assert_eq!(answer(Operation::TableSchema, DONE), Err(AnswerError::Missing("MirrorLSN")));
    let swapped =
        "<MirrorLSN xmlns:d=\"D\"><d:TableLSN><d:TableName>t</d:TableName><d:LSN>1</d:LSN></d:TableLSN>\
                   </MirrorLSN>"
            .replace("\"D\"", &format!("\"{DATA}\""));
    let swapped = answer(Operation::TableSchema, &format!("{DONE}{swapped}"));
    assert!(matches!(swapped, Err(AnswerError::Unexpected { .. })));
}

#[test]
fn a_failure_needs_no_more_than_its_message() {
    let members = "<IsSuccessful>false</IsSuccessful><ErrorMessage>no</ErrorMessage>";
    for operation in [Operation::Authenticate, Operation::TableSchema, Operation::RowData] {
        let answer = answer(operation, members).unwrap();
        assert_eq!((answer.is_successful, answer.message()), (false, "no"));
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    let whole = envelope(Operation::Wipe, DONE);
    for length in 0..whole.len() {
        assert!(parse(Operation::Wipe, &whole.as_bytes()[..length]).is_err(), "{length}");
    }
    let mut more = whole.clone();
    more.push_str("<x/>");
    assert!(parse(Operation::Wipe, more.as_bytes()).is_err());
    assert!(matches!(
        parse(Operation::RowData, whole.as_bytes()),
        Err(AnswerError::Unexpected { expected, .. }) if expected.ends_with("RowDataResponse")
    ));
    assert_eq!(parse(Operation::Wipe, b"\xff"), Err(XmlError::NotWellFormed.into()));
    let doctype = format!("<!DOCTYPE x>{whole}");
    assert_eq!(parse(Operation::Wipe, doctype.as_bytes()), Err(XmlError::NotWellFormed.into()));
}

#[test]
fn a_fault_is_an_error_with_its_text() {
    let fault = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
                 <faultcode>s:Client</faultcode><faultstring>bad</faultstring></s:Fault></s:Body></s:Envelope>";
    let error = parse(Operation::Wipe, fault.as_bytes());
    assert_eq!(error, Err(AnswerError::Fault { code: "s:Client".into(), text: "bad".into() }));
}

/// 2026-01-01 00:00 UTC.
const NOW: i64 = 1_767_225_600;

#[test]
fn a_signature_of_our_nonce_is_trusted_within_15_minutes() {
    let key = application().application_public_key();
    let token = sign("abc", "202601010000");
    for now in [NOW, NOW + 900, NOW - 900] {
        assert_eq!(check(&token, "abc", &key, now), Ok(()));
    }
    assert_eq!(check(&token, "abc", &key, NOW + 901), Err(SignatureError::Stale { seconds: 901 }));
    assert_eq!(check(&token, "abc", &key, NOW - 901), Err(SignatureError::Stale { seconds: -901 }));
}

#[test]
fn a_wrong_nonce_key_or_shape_is_refused() {
    let key = application().application_public_key();
    let token = sign("abc", "202601010000");
    assert_eq!(check(&token, "abd", &key, NOW), Err(SignatureError::Nonce));
    assert_eq!(check(&sign("", "202601010000"), "", &key, NOW), Err(SignatureError::Nonce));
    let other = application().signing_key().to_public_key();
    assert_eq!(check(&token, "abc", &other, NOW), Err(SignatureError::Key));
    let tampered = token.replace("202601010000", "202601010001");
    assert_eq!(check(&tampered, "abc", &key, NOW), Err(SignatureError::Key));
    for shape in
        ["", "abc", "abc.202601010000", "abc.2026010100.AAAA", "abc.202613010000.AAAA", "abc.202601010000.?"]
    {
        assert_eq!(check(shape, "abc", &key, NOW), Err(SignatureError::Shape), "{shape}");
    }
}
