//! Every answer and fault as it leaves, and that none can be broken by what it says.

use insta::assert_snapshot;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;

/// One element per line, so that a difference can be read.
fn lines(xml: &str) -> String {
    xml.replace("><", ">\n<")
}

fn failed(operation: Operation) -> String {
    lines(&Answer::Failed { operation, message: "token not accepted (ref 1)".into() }.to_xml())
}

#[test]
fn an_authenticate_answers_all_members_in_the_contracts_order() {
    let signed =
        Signed { token: "n.202601010000.c2ln".into(), client_state: "c".into(), do_not_replicate: true };
    let version = concat!(env!("CARGO_PKG_VERSION"), "/mirrorbus");
    let xml = lines(&Answer::Authenticated(signed).to_xml()).replace(version, "VERSION");
    assert_snapshot!(xml, @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <AuthenticateResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>true</IsSuccessful>
    <ErrorMessage/>
    <SignedApplicationToken>n.202601010000.c2ln</SignedApplicationToken>
    <SupportedInterfaces>1</SupportedInterfaces>
    <SuperOfficeMirroringBuild>VERSION</SuperOfficeMirroringBuild>
    <ClientState>c</ClientState>
    <AdditionalInformationJson>{ &quot;doNotReplicate&quot;: &quot;true&quot; }</AdditionalInformationJson>
    </AuthenticateResponse>
    </s:Body>
    </s:Envelope>
    "#);
    let open = Signed { token: "t".into(), ..Signed::default() };
    assert!(Answer::Authenticated(open).to_xml().contains("<ClientState/><AdditionalInformationJson/>"));
}

#[test]
fn a_refused_authenticate_answers_the_same_members() {
    let version = concat!(env!("CARGO_PKG_VERSION"), "/mirrorbus");
    assert_snapshot!(failed(Operation::Authenticate).replace(version, "VERSION"), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <AuthenticateResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>false</IsSuccessful>
    <ErrorMessage>token not accepted (ref 1)</ErrorMessage>
    <SignedApplicationToken/>
    <SupportedInterfaces>1</SupportedInterfaces>
    <SuperOfficeMirroringBuild>VERSION</SuperOfficeMirroringBuild>
    <ClientState/>
    <AdditionalInformationJson/>
    </AuthenticateResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_table_schema_answers_positions() {
    let position = |table: &str, lsn| TablePosition { table: table.into(), lsn };
    let positions = vec![position("contact", -1), position("person", i64::MAX)];
    assert_snapshot!(lines(&Answer::Positions(positions).to_xml()), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <TableSchemaResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>true</IsSuccessful>
    <ErrorMessage/>
    <MirrorLSN xmlns:d="http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1">
    <d:TableLSN>
    <d:LSN>-1</d:LSN>
    <d:TableName>contact</d:TableName>
    </d:TableLSN>
    <d:TableLSN>
    <d:LSN>9223372036854775807</d:LSN>
    <d:TableName>person</d:TableName>
    </d:TableLSN>
    </MirrorLSN>
    </TableSchemaResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_table_schema_without_tables_answers_an_empty_list() {
    assert_snapshot!(lines(&Answer::Positions(Vec::new()).to_xml()), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <TableSchemaResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>true</IsSuccessful>
    <ErrorMessage/>
    <MirrorLSN xmlns:d="http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1">
    </MirrorLSN>
    </TableSchemaResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_refused_table_schema_answers_an_empty_list() {
    assert_snapshot!(failed(Operation::TableSchema), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <TableSchemaResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>false</IsSuccessful>
    <ErrorMessage>token not accepted (ref 1)</ErrorMessage>
    <MirrorLSN xmlns:d="http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1">
    </MirrorLSN>
    </TableSchemaResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_wipe_answers_two_members() {
    assert_snapshot!(lines(&Answer::Done(Operation::Wipe).to_xml()), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <WipeResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>true</IsSuccessful>
    <ErrorMessage/>
    </WipeResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_refused_wipe_answers_two_members() {
    assert_snapshot!(failed(Operation::Wipe), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <WipeResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>false</IsSuccessful>
    <ErrorMessage>token not accepted (ref 1)</ErrorMessage>
    </WipeResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn row_data_answers_no_position() {
    assert_snapshot!(lines(&Answer::Done(Operation::RowData).to_xml()), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <RowDataResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>true</IsSuccessful>
    <ErrorMessage/>
    </RowDataResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn refused_row_data_answers_two_members() {
    assert_snapshot!(failed(Operation::RowData), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <RowDataResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>false</IsSuccessful>
    <ErrorMessage>token not accepted (ref 1)</ErrorMessage>
    </RowDataResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_completed_cycle_answers_two_members() {
    assert_snapshot!(lines(&Answer::Done(Operation::ReplicationCompleted).to_xml()), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <ReplicationCompletedResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>true</IsSuccessful>
    <ErrorMessage/>
    </ReplicationCompletedResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_refused_end_of_a_cycle_answers_two_members() {
    assert_snapshot!(failed(Operation::ReplicationCompleted), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <ReplicationCompletedResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>false</IsSuccessful>
    <ErrorMessage>token not accepted (ref 1)</ErrorMessage>
    </ReplicationCompletedResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn a_fault_names_its_code_in_the_envelopes_namespace() {
    let codes = [FaultCode::Client, FaultCode::VersionMismatch, FaultCode::MustUnderstand, FaultCode::Server];
    let faults: Vec<_> =
        codes.map(|code| lines(&super::super::fault(code, "no <such> header & no \r"))).into();
    assert_snapshot!(faults.join("\n"), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <s:Fault>
    <faultcode>s:Client</faultcode>
    <faultstring>no &lt;such&gt; header &amp; no &#xD;</faultstring>
    </s:Fault>
    </s:Body>
    </s:Envelope>
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <s:Fault>
    <faultcode>s:VersionMismatch</faultcode>
    <faultstring>no &lt;such&gt; header &amp; no &#xD;</faultstring>
    </s:Fault>
    </s:Body>
    </s:Envelope>
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <s:Fault>
    <faultcode>s:MustUnderstand</faultcode>
    <faultstring>no &lt;such&gt; header &amp; no &#xD;</faultstring>
    </s:Fault>
    </s:Body>
    </s:Envelope>
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <s:Fault>
    <faultcode>s:Server</faultcode>
    <faultstring>no &lt;such&gt; header &amp; no &#xD;</faultstring>
    </s:Fault>
    </s:Body>
    </s:Envelope>
    "#);
}

#[test]
fn nothing_in_a_message_can_leave_its_element() {
    let message = "</ErrorMessage>&\u{1}\u{ffff}\r".to_owned();
    assert_snapshot!(lines(&Answer::Failed { operation: Operation::Wipe, message }.to_xml()), @r#"
    <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
    <s:Body>
    <WipeResponse xmlns="http://www.superoffice.com/online/mirroring/0.1">
    <IsSuccessful>false</IsSuccessful>
    <ErrorMessage>&lt;/ErrorMessage&gt;&amp;��&#xD;</ErrorMessage>
    </WipeResponse>
    </s:Body>
    </s:Envelope>
    "#);
}

/// The text of the element `name`, by a parser that knows nothing of ours.
fn text_of(xml: &str, name: &str) -> String {
    let mut reader = Reader::from_str(xml);
    let (mut text, mut inside) = (String::new(), false);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) if tag.local_name().as_ref() == name => inside = true,
            Event::End(tag) if tag.local_name().as_ref() == name => inside = false,
            Event::Text(part) if inside => text.push_str(&part),
            Event::GeneralRef(reference) if inside => {
                let written = format!("&{};", &*reference);
                text.push_str(&quick_xml::escape::unescape(&written).unwrap());
            }
            Event::Eof => return text,
            _ => {}
        }
    }
}

/// What XML 1.0 cannot hold in any form.
fn legal(text: &str) -> String {
    let is_illegal = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_illegal(c) { '\u{fffd}' } else { c }).collect()
}

proptest! {
    #[test]
    fn p11_an_answer_reads_back_to_the_text_it_was_given(text in "[&<>\"'\\]\r\n\t\u{1}\u{fffe}a\u{1f980}]{0,20}|\\PC{0,30}|.{0,30}") {
        for operation in Operation::ALL {
            let xml = Answer::Failed { operation, message: text.clone() }.to_xml();
            prop_assert_eq!(text_of(&xml, "ErrorMessage"), legal(&text));
        }
        let signed = Signed { token: text.clone(), client_state: text.clone(), do_not_replicate: false };
        let xml = Answer::Authenticated(signed).to_xml();
        prop_assert_eq!(text_of(&xml, "SignedApplicationToken"), legal(&text));
        prop_assert_eq!(text_of(&xml, "ClientState"), legal(&text));
        let xml = Answer::Positions(vec![TablePosition { table: text.clone(), lsn: i64::MIN }]).to_xml();
        prop_assert_eq!(text_of(&xml, "TableName"), legal(&text));
        prop_assert_eq!(text_of(&xml, "LSN"), i64::MIN.to_string());
        prop_assert_eq!(text_of(&super::super::fault(FaultCode::Client, &text), "faultstring"), legal(&text));
    }
}
