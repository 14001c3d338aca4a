//! XML: BI-23 to BI-42. All calls carry a good token: what is refused is refused for what it is.

use std::net::TcpListener;
use std::time::Duration;

use super::case::{Answer, Case, Ground, Maker, check, each, each_body};
use crate::support::raw::Post;

const FAULT: Answer = Answer::Fault("Client");
/// For up to 23 MB in a debug build, most of which is reading them once. What compares every attribute with every other,
/// or expands what it is told to, takes minutes.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
fn a_document_that_is_not_well_formed_is_a_fault_and_moves_nothing() {
    let mut ground = Ground::new("");
    ground.play(cases());
    ground.bridge.stop();
}

pub fn cases() -> Vec<Case> {
    [no_documents(), prologs(), costly(), names(), equivalents(), characters()]
        .into_iter()
        .flatten()
        .collect()
}

fn no_documents() -> Vec<Case> {
    let none: [&[u8]; 8] = [
        b"",
        b" \r\n",
        b"\0\x01\x02\xff",
        b"text",
        b"<!DOCTYPE html><html></html>",
        b"<",
        b"{}",
        b"\x1f\x8b\x08\x00",
    ];
    let mut cases = each("BI-23", FAULT, none, |_, body| Post::new(*body).bytes());
    // A document with another root is another version of SOAP, whatever follows.
    cases.push(Case::body("BI-23html", Answer::Fault("VersionMismatch"), |_| {
        "<html><body/></html".to_owned()
    }));
    cases.push(Case::scene("BI-24", a_call_cut_anywhere_is_a_fault));
    cases
}

fn a_call_cut_anywhere_is_a_fault(maker: &Maker) {
    let call = maker.named("&amp;<![CDATA[x]]>\u{1f980}<!-- c -->").into_bytes();
    let (call, threads) = (&call, 4);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                for end in (first..call.len()).step_by(threads) {
                    let replies = maker.exchange(&Post::new(&call[..end]).bytes());
                    check(&format!("BI-24 at {end} of {}", call.len()), FAULT, &replies);
                }
            });
        }
    });
}

/// Before the root.
fn prologs() -> Vec<Case> {
    let before = |maker: &Maker, prolog: &&str| format!("{prolog}{}", maker.named("x"));
    let types = [
        "<!DOCTYPE s:Envelope>",
        "<!DOCTYPE x SYSTEM \"x.dtd\">",
        "<!DOCTYPE x PUBLIC \"-//x\" \"http://127.0.0.1/x.dtd\">",
        "<?xml version=\"1.0\"?><!DOCTYPE x>",
        "<!doctype x>",
        "<!-- x --><!DOCTYPE x []>",
    ];
    let mut cases = each_body("BI-25", FAULT, types, before);
    cases.push(Case::scene("BI-26", nothing_outside_is_read));
    let entities = [
        "<!DOCTYPE x [<!ENTITY % p \"x\"> %p;]>",
        "<?xml-stylesheet href=\"http://127.0.0.1/x\"?>",
        "<?xml version=\"1.0\"?><?x y?>",
    ];
    cases.extend(each_body("BI-28", FAULT, entities, before));
    cases.push(Case::body("BI-28value", FAULT, |maker| maker.named("a<?x y?>b")));
    cases.push(Case::body("BI-28location", Answer::Row("located"), |maker| {
        let location = "xmlns:xi=\"http://www.w3.org/2001/XInclude\" i:schemaLocation=\"http://127.0.0.1/ x\" xi:href=\"x\"";
        maker.named("located").replace("<DataBatches", &format!("<DataBatches {location}"))
    }));
    cases.push(Case::body("BI-28include", FAULT, |maker| {
        maker.named("<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/>")
    }));
    cases.extend(each_body(
        "BI-38",
        Answer::Row("prolog"),
        [
            "\u{feff}",
            "<?xml version=\"1.0\"?>",
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n",
            "\u{feff}<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
            " \r\n\t",
        ],
        |maker, prolog| format!("{prolog}{}", maker.named("prolog")),
    ));
    let late = [
        " <?xml version=\"1.0\"?>",
        "\u{feff}\u{feff}",
        "<!-- x --><?xml version=\"1.0\"?>",
        "x",
        "&amp;",
        "<?xml version=\"1.0\"?><?xml version=\"1.0\"?>",
    ];
    cases.extend(each_body("BI-38late", FAULT, late, before));
    cases.extend(each_body(
        "BI-39",
        FAULT,
        [
            "<?xml version=\"1.1\"?>",
            "<?xml version=\"1.1\" encoding=\"utf-8\"?>",
            "<?xml version=\"2.0\"?>",
            "<?xml?>",
        ],
        before,
    ));
    cases
}

/// Whoever followed the reference would connect, or tell what is in the file.
fn nothing_outside_is_read(maker: &Maker) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for target in [
        format!("http://127.0.0.1:{port}/x"),
        "file:///etc/passwd".to_owned(),
        "file:///dev/random".to_owned(),
    ] {
        for prolog in [
            format!("<!DOCTYPE x SYSTEM \"{target}\">"),
            format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"{target}\">]>"),
            format!("<!DOCTYPE x [<!ENTITY % e SYSTEM \"{target}\"> %e;]>"),
        ] {
            let replies = maker.exchange(&Post::new(format!("{prolog}{}", maker.named("&e;"))).bytes());
            check("BI-26", FAULT, &replies);
            assert!(!replies[0].body.contains("root:"), "{replies:?}");
        }
    }
    assert!(listener.accept().is_err(), "somebody followed the reference");
}

fn costly() -> Vec<Case> {
    let mut cases = Vec::new();
    let lol: String =
        (1..12).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let laughs = format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{lol}]>");
    let quadratic = format!("<!DOCTYPE x [<!ENTITY e \"{}\">]>", "e".repeat(100_000));
    cases.extend(each_body(
        "BI-27",
        FAULT,
        [(laughs, "&l11;".to_owned()), (quadratic, "&e;".repeat(100_000))],
        |maker, (prolog, value)| format!("{prolog}{}", maker.named(value)),
    ));
    cases.extend(each_body(
        "BI-29",
        FAULT,
        ["&foo;", "&nbsp;", "&AMP;", "&amp", "&", "&;"],
        |maker, value| maker.named(value),
    ));
    let inside = |maker: &Maker, member: &str| {
        maker.named("x").replace("<DataBatches", &format!("{member}<DataBatches"))
    };
    cases.push(Case::body("BI-30", FAULT, move |maker| {
        inside(maker, &format!("{}{}", "<x>".repeat(100_000), "</x>".repeat(100_000)))
    }));
    cases.push(Case::body("BI-31a", FAULT, move |maker| {
        let attributes: String = (0..200_000).map(|n| format!("a{n}=\"\" ")).collect();
        inside(maker, &format!("<x {attributes}/>"))
    }));
    cases.push(Case::body("BI-31b", FAULT, move |maker| {
        inside(maker, &format!("<x a=\"{}\"/>", "x".repeat(10_000_000)))
    }));
    cases.extend(each_body(
        "BI-31short",
        FAULT,
        ["a=\"\" a=\"\"", "i:nil=\"true\" i:nil=\"true\"", "a", "a=1", "a=\"<\"", "a=\"1\"b=\"2\""],
        move |maker, attributes| {
            maker.named("x").replace("<DataBatches", &format!("<DataBatches {attributes} "))
        },
    ));
    cases.push(Case::body("BI-32a", FAULT, move |maker| {
        let declarations: String = (0..1_000_000).map(|n| format!("xmlns:n{n}=\"u\" ")).collect();
        inside(maker, &format!("<x {declarations}/>"))
    }));
    let reserved = [
        "xmlns:xml=\"u\"",
        "xmlns:xmlns=\"u\"",
        "xmlns:x=\"http://www.w3.org/XML/1998/namespace\"",
        "xmlns=\"http://www.w3.org/2000/xmlns/\"",
        "xmlns:n=\"\"",
        "xmlns:n=\"u\" xmlns:n=\"u\"",
    ];
    cases.extend(each_body("BI-32short", FAULT, reserved, move |maker, declaration| {
        inside(maker, &format!("<x {declaration}/>"))
    }));
    cases.into_iter().map(|case| case.within(AT_ONCE)).collect()
}

fn names() -> Vec<Case> {
    // A prefix that nothing declares, on elements, attributes and declarations of all kinds.
    let changes = [
        ("<DataBatches", "<q:DataBatches"),
        ("<a:RowDataBatch>", "<q:RowDataBatch>"),
        ("<s:Body>", "<q:Body>"),
        (" xmlns:h=", " xmlns:q="),
        (" xmlns:b=", " xmlns:q="),
        (" s:mustUnderstand=", " q:mustUnderstand="),
        ("<a:LSN>", "<a:LSN q:x=\"\">"),
    ];
    let mut cases = each_body("BI-33", FAULT, changes, |maker, (from, to)| {
        let call = maker.named("x");
        assert!(call.contains(from), "{from}");
        call.replace(from, to)
    });
    // The request in no namespace, another version's, and the data's.
    let namespaces = [
        "",
        "http://www.superoffice.com/online/mirroring/0.2",
        operations_center::wire::DATA,
        "HTTP://www.superoffice.com/online/mirroring/0.1",
    ];
    cases.extend(each_body("BI-33ns", FAULT, namespaces, |maker, namespace| {
        let mirroring = operations_center::wire::MIRRORING;
        maker.named("x").replace(
            &format!("<RowDataRequest xmlns=\"{mirroring}\""),
            &format!("<RowDataRequest xmlns=\"{namespace}\""),
        )
    }));
    // Known local names in other namespaces are unknown members: nothing is read out of them, and there is nothing else.
    cases.push(Case::body("BI-33list", Answer::Failed("BAD_CONTENT"), |maker| {
        maker.named("x").replace("http://schemas.microsoft.com/2003/10/Serialization/Arrays", "urn:x")
    }));
    cases.push(Case::body("BI-33item", Answer::Failed("BAD_CONTENT"), |maker| {
        maker
            .named("x")
            .replace("<a:RowDataBatch>", "<RowDataBatch>")
            .replace("</a:RowDataBatch>", "</RowDataBatch>")
    }));
    cases
}

/// The same document written in other ways is the same call.
fn equivalents() -> Vec<Case> {
    let swap = |call: &str, from: &str, to: &str| {
        call.replace(&format!("<{from}:"), &format!("<{to}:"))
            .replace(&format!("</{from}:"), &format!("</{to}:"))
            .replace(&format!("xmlns:{from}="), &format!("xmlns:{to}="))
            .replace(&format!(" {from}:"), &format!(" {to}:"))
    };
    let mut cases = Vec::new();
    cases.extend(each_body(
        "BI-34prefix",
        Answer::Row("same"),
        [("s", "soap"), ("a", "z9"), ("b", "\u{e6}"), ("i", "a.b-c"), ("h", "_")],
        move |maker, (from, to)| swap(&maker.named("same"), from, to),
    ));
    cases.push(Case::body("BI-34default", Answer::Row("default"), |maker| {
        maker.named("default").replace("<s:", "<").replace("</s:", "</").replace(
            "<Envelope xmlns:s=",
            "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:s=",
        )
    }));
    cases.push(Case::body("BI-34blank", Answer::Row("blank"), |maker| {
        let call = maker.named("@");
        call.replace("><", ">\r\n\t<!-- - -->\n<").replace('@', "blank")
    }));
    cases.push(Case::body("BI-34quotes", Answer::Row("quotes"), |maker| {
        maker.named("quotes").replace('"', "'").replace("/>", " \n />")
    }));
    let same = [
        "a&lt;b",
        "<![CDATA[a<b]]>",
        "a<!-- comment -->&lt;b",
        "<![CDATA[a]]>&#x3c;<![CDATA[b]]>",
        "&#97;<![CDATA[<]]><!----><![CDATA[]]>b",
        "&#x61;&#60;&#0098;",
        "a<![CDATA[<]]>b",
    ];
    cases.extend(each_body("BI-34", Answer::Row("a<b"), same, |maker, value| maker.named(value)));
    cases.push(Case::body("BI-35a", Answer::Row("one two & three<!--"), |maker| {
        maker.named("one<![CDATA[ two &]]> three&lt;<!-- x -->!--")
    }));
    cases.push(Case::body("BI-35b", Answer::Row("&amp;]]>"), |maker| {
        maker.named("<![CDATA[&amp;]]]]><![CDATA[>]]>")
    }));
    cases.push(Case::body("BI-35c", Answer::Row("x"), |maker| {
        maker
            .named("x")
            .replace(">contact<", ">con<!-- x --><![CDATA[ta]]>c&#116;<")
            .replace(">U<", "><![CDATA[U]]><")
            .replace(">[I:1]<", ">[I<!-- -->:&#49;]<")
    }));
    cases
}

fn characters() -> Vec<Case> {
    let broken = [
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
        "<b></c></b>",
        "<!x>",
    ];
    let mut cases = each_body("BI-36", FAULT, broken, |maker, value| maker.named(value));
    let bytes: [&[u8]; 8] = [
        b"\xff\xfe\xfd",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\x80",
    ];
    cases.extend(each("BI-37", FAULT, bytes, |maker, bytes| in_bytes(&maker.named("@"), bytes)));
    cases.push(Case::body("BI-37mark", FAULT, |maker| {
        maker.named("x").replace("<s:Body>", "\u{feff}<s:Body>")
    }));
    // Within a value it is a character like others.
    cases.push(Case::body("BI-37value", Answer::Row("a\u{feff}b"), |maker| maker.named("a\u{feff}b")));
    let kept = ["&#0;", "a&#x0;b", "&#x1;&#x1F;&#xB;&#x7F;", "&#xFFFE;&#xffff;", "&#x1F980;&#x10FFFF;"];
    let meant =
        ["\u{2400}", "a\u{2400}b", "\u{1}\u{1f}\u{b}\u{7f}", "\u{fffe}\u{ffff}", "\u{1f980}\u{10ffff}"];
    for (number, (written, meant)) in kept.into_iter().zip(meant).enumerate() {
        cases.push(Case::body(&format!("BI-40kept{number}"), Answer::Row(meant), move |maker| {
            maker.named(written)
        }));
    }
    let refused = [
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
        "&#99999999999999999999;",
        "&#x1F980",
    ];
    cases.extend(each_body("BI-40", FAULT, refused, |maker, value| maker.named(value)));
    cases.extend(each("BI-41", FAULT, [0x0b, 0x00, 0x01, 0x08, 0x0c, 0x1b, 0x1f], |maker, byte| {
        in_bytes(&maker.named("a@b"), &[*byte])
    }));
    let ends = [
        ("a\r\nb", "a\nb"),
        ("a\rb\r\r\nc", "a\nb\n\nc"),
        ("a&#xD;&#xA;b", "a\r\nb"),
        ("a&#13;\nb", "a\r\nb"),
        ("<![CDATA[a\r\nb\r]]>c", "a\nb\nc"),
    ];
    for (number, (written, meant)) in ends.into_iter().enumerate() {
        cases.push(Case::body(&format!("BI-42-{number}"), Answer::Row(meant), move |maker| {
            maker.named(written)
        }));
    }
    cases
}

/// The call with raw bytes for `@`, in place and as a character of the first value.
fn in_bytes(call: &str, bytes: &[u8]) -> Vec<u8> {
    let (begin, end) = call.split_once('@').unwrap();
    Post::new([begin.as_bytes(), bytes, end.as_bytes()].concat()).bytes()
}
