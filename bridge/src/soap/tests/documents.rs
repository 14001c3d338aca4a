//! XML: what is a document, and what is a fault.

use super::*;

pub(super) fn wipe() -> String {
    request("Wipe", "<TableName>contact</TableName>")
}

#[track_caller]
pub(super) fn refused(document: &str) {
    assert_eq!(fault(document.as_bytes()), FaultCode::Client, "{document}");
}

#[test]
fn bi_23_what_is_no_document_is_a_fault() {
    for document in [&b""[..], b" \r\n", b"\0\x01\x02", b"text", b"<!DOCTYPE html><html></html>", b"<", b"{}"]
    {
        assert_eq!(fault(document), FaultCode::Client, "{document:?}");
    }
}

#[test]
fn bi_24_a_call_cut_at_any_byte_is_a_fault() {
    let rows =
        row("I", "<b:string>[I:1]</b:string><b:string>&amp;<![CDATA[x]]>\u{1f980}<!-- c --></b:string>");
    let calls = [
        request("Authenticate", "<ClientState i:nil=\"true\"/>"),
        request("TableSchema", &format!("<Tables>{}</Tables>", super::content::schema("contact"))),
        wipe(),
        row_data(&batch(&rows, "<a:LSN>7</a:LSN>", &contact())),
        request("ReplicationCompleted", "<ChangedTables/>"),
    ];
    for call in calls {
        assert!(read(&call).is_ok(), "{call}");
        for end in 0..call.len() {
            assert_eq!(fault(&call.as_bytes()[..end]), FaultCode::Client, "cut at {end}: {call}");
        }
    }
}

#[test]
fn bi_25_26_27_28_no_document_type_no_instruction_no_entity() {
    let body = wipe();
    for prolog in [
        "<!DOCTYPE s:Envelope>",
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE x [<!ENTITY a SYSTEM \"http://127.0.0.1/\">]>",
        "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>",
        "<!DOCTYPE x [<!ENTITY % p \"x\"> %p;]>",
        "<?xml version=\"1.0\"?><!DOCTYPE x>",
        "<?xml-stylesheet href=\"x\"?>",
    ] {
        refused(&format!("{prolog}{body}"));
    }
    refused(&body.replace("contact<", "con<?x y?>tact<"));
    refused(&format!("{body}<?x y?>"));
    let located = body.replace("xmlns:i", "i:schemaLocation=\"http://127.0.0.1/ x\" xmlns:i");
    assert!(read(&located).is_ok(), "attributes that mean nothing here are passed over");
}

#[test]
fn bi_29_40_references_are_the_five_and_characters() {
    let accepted = [
        ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"),
        ("&#x1;", "\u{1}"),
        ("&#x1F;&#xB;", "\u{1f}\u{b}"),
        ("&#xFFFE;&#xffff;", "\u{fffe}\u{ffff}"),
        ("&#65;&#x41;", "AA"),
        ("&#x1F980;", "\u{1f980}"),
        ("&#0;", "\u{2400}"),
        ("a&#x0;b", "a\u{2400}b"),
    ];
    for (written, meant) in accepted {
        assert_eq!(text(written).unwrap(), meant, "{written}");
    }
    let unknown = [
        "&foo;",
        "&;",
        "&",
        "& amp;",
        "&amp",
        "&AMP;",
        "&#xD800;",
        "&#xDFFF;",
        "&#x110000;",
        "&#-1;",
        "&#+1;",
        "&#;",
        "&#x;",
        "&#X41;",
        "&#4g;",
        "&# 65;",
        "&#99999999999;",
        "&&amp;",
    ];
    for written in unknown {
        assert!(matches!(text(written), Err(SoapError::Fault(_))), "{written}");
    }
}

#[test]
fn bi_30_nesting_has_a_limit() {
    let call = |depth: usize| {
        let (open, close) = ("<x>".repeat(depth), "</x>".repeat(depth));
        request("Wipe", &format!("{open}{close}<TableName>t</TableName>"))
    };
    let outer = 3;
    assert!(read(&call(LIMITS.max_depth - outer)).is_ok());
    refused(&call(LIMITS.max_depth - outer + 1));
    refused(&call(100_000));
}

#[test]
fn bi_31_attributes_have_limits_and_stand_once() {
    let call = |attributes: &str| request("Wipe", &format!("<TableName {attributes}>t</TableName>"));
    let many = |count: usize| (0..count).map(|number| format!("a{number}=\"\" ")).collect::<String>();
    assert!(read(&call(&many(LIMITS.max_attributes))).is_ok());
    refused(&call(&many(LIMITS.max_attributes + 1)));
    refused(&call(&many(200_000)));
    let long = |length: usize| format!("a=\"{}\"", "x".repeat(length));
    assert!(read(&call(&long(LIMITS.max_attribute_bytes))).is_ok());
    refused(&call(&long(LIMITS.max_attribute_bytes + 1)));
    for attributes in [
        "a=\"\" a=\"\"",
        "i:nil=\"false\" i:nil=\"false\"",
        "xmlns:j=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\" j:nil=\"false\"",
        "a=\"1\"b=\"2\"",
        "a",
        "a=",
        "a=1",
        "a=\"<\"",
        "a=\"&foo;\"",
        "a=\"&\"",
        "j:a=\"\"",
        ":a=\"\"",
        "a:=\"\"",
        "1a=\"\"",
        "i:nil=\"yes\"",
        "i:nil=\"\"",
        "/ ",
    ] {
        refused(&call(attributes));
    }
    assert!(read(&call("a = 'x\"y' \n b\t=\t\"it's\" ")).is_ok());
}

#[test]
fn bi_32_namespaces_have_limits_and_reserved_ones_stay() {
    let call = |declarations: &str| request("Wipe", &format!("<TableName {declarations}>t</TableName>"));
    let deep = |elements: usize| {
        let open: String = (0..elements * 20)
            .collect::<Vec<_>>()
            .chunks(20)
            .map(|numbers| {
                format!("<x {}>", numbers.iter().map(|n| format!("xmlns:n{n}=\"u\" ")).collect::<String>())
            })
            .collect();
        request("Wipe", &format!("{open}{}<TableName>t</TableName>", "</x>".repeat(elements)))
    };
    assert!(read(&deep(2)).is_ok());
    refused(&deep(4));
    refused(&call(&(0..1_000_000).map(|number| format!("xmlns:n{number}=\"u\" ")).collect::<String>()));
    for declarations in [
        "xmlns:xml=\"u\"",
        "xmlns:xml=\"http://www.w3.org/XML/1998/namespace\"",
        "xmlns:other=\"http://www.w3.org/XML/1998/namespace\"",
        "xmlns=\"http://www.w3.org/XML/1998/namespace\"",
        "xmlns:xmlns=\"u\"",
        "xmlns:other=\"http://www.w3.org/2000/xmlns/\"",
        "xmlns=\"http://www.w3.org/2000/xmlns/\"",
        "xmlns:n=\"\"",
        "xmlns:=\"u\"",
        "xmlns:1=\"u\"",
        "xmlns:n:m=\"u\"",
        "xmlns:n=\"u\" xmlns:n=\"u\"",
    ] {
        refused(&call(declarations));
    }
    refused(&call(&format!("xmlns:{}=\"u\"", "n".repeat(300))));
    assert!(read(&call("xml:space=\"preserve\" xml:lang=\"no\"")).is_ok());
}

#[test]
fn bi_33_prefixes_are_declared_and_names_count_with_their_namespace() {
    let namespaces = format!("xmlns=\"{MIRRORING}\"");
    for body in [
        "<m:WipeRequest/>".to_owned(),
        "<WipeRequest/>".to_owned(),
        "<WipeRequest xmlns=\"http://www.superoffice.com/online/mirroring/0.2\"/>".to_owned(),
        format!("<WipeRequest xmlns=\"{DATA}\"/>"),
        format!("<m:WipeRequest {namespaces}/>"),
        format!("<WipeRequest {namespaces}><x:y/></WipeRequest>"),
        format!("<WipeRequest {namespaces}><TableName x:y=\"\">t</TableName></WipeRequest>"),
        format!("<a {namespaces}><WipeRequest/></a>"),
        format!("<WipeRequest {namespaces}/><x:y/>"),
        format!("<xmlns:WipeRequest xmlns:x=\"{MIRRORING}\"/>"),
    ] {
        refused(&envelope(&body));
    }
    let out_of_scope = "<x xmlns:late=\"http://www.superoffice.com/online/mirroring/0.1\"/><late:TableName>t</late:TableName>";
    refused(&request("Wipe", out_of_scope));
    let undeclared = "<TableName xmlns=\"\">other</TableName><TableName>t</TableName>";
    assert_eq!(read(&request("Wipe", undeclared)), Ok(Call::Wipe { table: "t".into() }));
}

#[test]
fn bi_34_35_text_is_the_same_however_it_is_written() {
    for written in [
        "a&lt;b",
        "<![CDATA[a<b]]>",
        "a<!-- comment -->&lt;b",
        "<![CDATA[a]]>&#x3c;<![CDATA[b]]>",
        "&#97;<![CDATA[<]]><!----><![CDATA[]]>b",
    ] {
        assert_eq!(text(written).unwrap(), "a<b", "{written}");
    }
    assert_eq!(text("<![CDATA[&amp;]]>").unwrap(), "&amp;");
    assert_eq!(text("").unwrap(), "");
    assert_eq!(text("<![CDATA[]]>").unwrap(), "");
    for blank in [" ", "\t\n ", " a ", "\u{a0}", "\u{feff}"] {
        assert_eq!(text(blank).unwrap(), blank, "white space of a value is the value's");
    }
}

#[test]
fn bi_36_markup_that_is_not_well_formed_is_a_fault() {
    for written in [
        "]]>",
        "a]]>b",
        "<!-- -- -->",
        "<!-- --->",
        "<!-- x",
        "<![CDATA[x",
        "<?",
        "<?x",
        "<",
        "<>",
        "< b/>",
        "</>",
        "<b></c></b>",
        "<!x>",
        "<b/ >",
        "<1/>",
    ] {
        assert!(matches!(text(written), Err(SoapError::Fault(_))), "{written}");
    }
    refused(&wipe().replace("</TableName>", "</ TableName>"));
    refused(&wipe().replace("</TableName>", "</TableName a=\"b\">"));
    refused(&wipe().replace("</TableName>", "</tablename>"));
    assert!(read(&wipe().replace("</TableName>", "</TableName \r\n>")).is_ok());
}

#[test]
fn bi_37_only_utf_8_is_read() {
    let call = row_data(&batch(&row("I", "<b:string>1</b:string><b:string>@@@</b:string>"), "", &contact()));
    let at = call.find("@@@").unwrap();
    for bytes in [&b"\xff\xfe\xfd"[..], b"\xc0\xaf\x41", b"\xed\xa0\x80", b"\xe2\x82\x41"] {
        let mut document = call.clone().into_bytes();
        document[at..at + 3].copy_from_slice(bytes);
        assert_eq!(fault(&document), FaultCode::Client, "{bytes:?}");
    }
    let utf_16: Vec<u8> = call.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(fault(&utf_16), FaultCode::Client);
    assert_eq!(fault(&[b"\xff\xfe".to_vec(), utf_16].concat()), FaultCode::Client);
}

#[test]
fn bi_38_39_one_byte_order_mark_and_a_declaration_may_stand_first() {
    let call = wipe();
    for prolog in [
        "\u{feff}",
        "<?xml version=\"1.0\"?>",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n",
        "\u{feff}<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<!-- x -->",
        " \r\n\t",
        "<!-- x -->",
    ] {
        assert!(read(&format!("{prolog}{call}\r\n<!-- x -->")).is_ok(), "{prolog:?}");
    }
    for prolog in [
        "\u{feff}\u{feff}",
        " <?xml version=\"1.0\"?>",
        "<!-- x --><?xml version=\"1.0\"?>",
        "<?xml version=\"1.0\"?><?xml version=\"1.0\"?>",
        "<?xml version=\"1.1\"?>",
        "<?xml?>",
        "<?xml encoding=\"utf-8\"?>",
        "<?xml version=\"1.0\"encoding=\"utf-8\"?>",
        "<?xml version=\"1.0\" enc=\"utf-16\"?>",
        "<?xml version=\"1.0\" encoding=\"utf-8\" encoding=\"utf-16\"?>",
        "<?xml version=\"1.0\" standalone=\"no\" encoding=\"utf-8\"?>",
        "<?xml version=\"1.0\" standalone=\"maybe\"?>",
        "<?xml version=1.0?>",
        "<?xmlversion=\"1.0\"?>",
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>",
        "x",
        "&amp;",
        "<![CDATA[]]>",
    ] {
        refused(&format!("{prolog}{call}"));
    }
    refused(&format!("{call}\u{feff}"));
    refused(&format!("{call}x"));
    refused(&format!("{call}</s:Envelope>"));
}

#[test]
fn bi_41_a_raw_control_character_is_a_fault() {
    for byte in (0..0x20u8).filter(|byte| !b"\t\n\r".contains(byte)) {
        assert!(matches!(text(&char::from(byte).to_string()), Err(SoapError::Fault(_))), "{byte:#x}");
    }
    assert_eq!(text("\u{7f}\u{85}\u{2028}").unwrap(), "\u{7f}\u{85}\u{2028}");
}

#[test]
fn bi_42_raw_line_ends_become_lf_and_meant_ones_stay() {
    for (written, meant) in [
        ("a\r\nb", "a\nb"),
        ("a\rb\r\r\nc", "a\nb\n\nc"),
        ("a&#xD;&#xA;b", "a\r\nb"),
        ("a&#13;\nb", "a\r\nb"),
        ("a\r&#10;b", "a\n\nb"),
        ("<![CDATA[a\r\nb\r]]>", "a\nb\n"),
    ] {
        assert_eq!(text(written).unwrap(), meant, "{written:?}");
    }
}
