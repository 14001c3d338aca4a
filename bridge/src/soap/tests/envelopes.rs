//! Envelopes: versions, headers, bodies and the token.

use super::documents::{refused, wipe};
use super::*;

fn in_header(headers: &str) -> String {
    let body = format!("<AuthenticateRequest xmlns=\"{MIRRORING}\"/>");
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:m=\"{MIRRORING}\"><s:Header>{headers}</s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn token(document: &str) -> Option<String> {
    let envelope = Envelope::open(document.as_bytes(), &LIMITS).unwrap();
    envelope.token().map(str::to_owned)
}

#[test]
fn bi_43_another_root_is_another_version() {
    for document in [
        wipe().replace(SOAP, "http://www.w3.org/2003/05/soap-envelope"),
        wipe().replace(SOAP, "urn:x"),
        wipe().replace("s:Envelope", "s:envelope"),
        "<html/>".to_owned(),
        format!("<Envelope xmlns=\"{MIRRORING}\"/>"),
    ] {
        assert_eq!(fault(document.as_bytes()), FaultCode::VersionMismatch, "{document}");
    }
}

#[test]
fn bi_44_45_one_header_one_body_one_operation_in_this_order() {
    let operation = format!("<AuthenticateRequest xmlns=\"{MIRRORING}\"/>");
    let (header, body) = (header(), format!("<s:Body>{operation}</s:Body>"));
    let (header, body) = (header.as_str(), body.as_str());
    let document = |parts: &[&str]| format!("<s:Envelope xmlns:s=\"{SOAP}\">{}</s:Envelope>", parts.concat());
    assert_eq!(read(&document(&[header, body])), Ok(Call::Authenticate));
    let two = format!("<s:Body>{operation}{operation}</s:Body>");
    let unknown = format!("<s:Body><DropRequest xmlns=\"{MIRRORING}\"/></s:Body>");
    let answer = format!("<s:Body><WipeResponse xmlns=\"{MIRRORING}\"/></s:Body>");
    for parts in [
        &[][..] as &[&str],
        &[body],
        &[header],
        &[header, header, body],
        &[header, body, body],
        &[body, header],
        &[header, body, header],
        &[header, body, "<x/>"],
        &[header, body, "x"],
        &[header, "<x/>", body],
        &["x", header, body],
        &[header, "<s:Body/>"],
        &[header, "<s:Body>x</s:Body>"],
        &[header, &two],
        &[header, &unknown],
        &[header, &answer],
    ] {
        refused(&document(parts));
    }
    let one = document(&[header, body]);
    refused(&format!("{one}{one}"));
}

#[test]
fn bi_46_47_48_headers_for_us_must_be_understood() {
    let next = "http://schemas.xmlsoap.org/soap/actor/next";
    for attributes in [
        "s:mustUnderstand=\"1\"".to_owned(),
        "s:mustUnderstand=\"true\"".to_owned(),
        "s:mustUnderstand=\" 1 \" s:actor=\"\"".to_owned(),
        format!("s:mustUnderstand=\"1\" s:actor=\"{next}\""),
    ] {
        let document = in_header(&format!("<x {attributes}/>"));
        assert_eq!(fault(document.as_bytes()), FaultCode::MustUnderstand, "{attributes}");
    }
    for attributes in [
        "",
        "s:mustUnderstand=\"0\"",
        "s:mustUnderstand=\"false\"",
        "mustUnderstand=\"1\"",
        "s:mustUnderstand=\"1\" s:actor=\"urn:x\"",
    ] {
        let document =
            in_header(&format!("<x {attributes}><y>z</y></x><m:SignedToken>{TOKEN}</m:SignedToken>"));
        assert_eq!(token(&document).as_deref(), Some(TOKEN), "{attributes}");
    }
    for value in ["2", "", "yes"] {
        refused(&in_header(&format!("<x s:mustUnderstand=\"{value}\"/>")));
    }
}

#[test]
fn bi_49_50_51_exactly_one_token_counts() {
    let one = format!("<m:SignedToken>{TOKEN}</m:SignedToken>");
    for headers in [
        String::new(),
        "<m:SignedToken/>".to_owned(),
        "<m:SignedToken> \n </m:SignedToken>".to_owned(),
        format!("<m:SignedToken xmlns:i=\"{INSTANCE}\" i:nil=\"true\"/>"),
        format!("<m:SignedToken xmlns:i=\"{INSTANCE}\" i:nil=\"true\">{TOKEN}</m:SignedToken>"),
        format!("{one}{one}"),
        format!("{one}<m:SignedToken/>"),
        format!("<m:SignedToken/>{one}"),
        format!("<SignedToken>{TOKEN}</SignedToken>"),
        format!("<m:signedToken>{TOKEN}</m:signedToken>"),
        format!("<SignedToken xmlns=\"{DATA}\">{TOKEN}</SignedToken>"),
        format!("<x>{one}</x>"),
        format!("<m:Other>{one}</m:Other>"),
    ] {
        assert_eq!(token(&in_header(&headers)), None, "{headers}");
    }
    let in_body = in_header("").replace("/></s:Body>", &format!(">{one}</AuthenticateRequest></s:Body>"));
    assert_eq!(token(&in_body), None);
    refused(&in_header(&format!("<m:SignedToken>{one}</m:SignedToken>")));
}

#[test]
fn bi_52_the_token_is_read_with_or_without_must_understand_and_trimmed() {
    let split = format!("{}<!-- x -->{}", &TOKEN[..5], &TOKEN[5..]);
    for inside in [TOKEN.to_owned(), format!("\r\n    {TOKEN}\r\n  "), format!("<![CDATA[{TOKEN}]]>"), split]
    {
        for attributes in ["", " s:mustUnderstand=\"1\"", " s:mustUnderstand=\"0\""] {
            let document = in_header(&format!("\n<m:SignedToken{attributes}>{inside}</m:SignedToken>\n"));
            assert_eq!(token(&document).as_deref(), Some(TOKEN), "{document}");
        }
    }
}

#[test]
fn a_token_longer_than_the_limit_is_none_and_a_long_header_is_a_fault() {
    let sized = |length: usize| in_header(&format!("<m:SignedToken>{}</m:SignedToken>", "t".repeat(length)));
    assert_eq!(token(&sized(LIMITS.max_token_bytes)).unwrap().len(), LIMITS.max_token_bytes);
    assert_eq!(token(&sized(LIMITS.max_token_bytes + 1)), None);
    refused(&in_header(&"<x>y</x>".repeat(5000)));
    refused(&in_header(&format!("<x>{}</x>", "y".repeat(40_000))));
    assert!(
        read(&request("Wipe", &format!("<x>{}</x><TableName>t</TableName>", "y".repeat(40_000)))).is_ok()
    );
}
