//! SOAP and the contract's own elements: BI-43 to BI-60.

use operations_center::wire::{Batch, DATA, MIRRORING, Operation, Request};

use super::case::{Answer, Case, Ground, Maker, STRANGER, each, each_body};
use crate::support::raw::Post;
use crate::support::vendor::table;
use crate::support::{batch, contact};

const FAULT: Answer = Answer::Fault("Client");
const CONTENT: Answer = Answer::Failed("BAD_CONTENT");
const REFUSED: Answer = Answer::Failed(STRANGER);
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

#[test]
fn an_envelope_that_is_not_the_contracts_is_refused_and_moves_nothing() {
    let mut ground = Ground::new("");
    ground.play(cases());
    ground.bridge.stop();
}

pub fn cases() -> Vec<Case> {
    [envelopes(), headers(), tokens(), actions(), members(), numbers()].into_iter().flatten().collect()
}

/// The call's parts: up to and with the envelope's tag, header, body, end.
fn parts(call: &str) -> [String; 4] {
    let (open, rest) = call.split_once("<s:Header>").unwrap();
    let (header, rest) = rest.split_once("</s:Header>").unwrap();
    let (body, end) = rest.split_once("</s:Body>").unwrap();
    [open.to_owned(), format!("<s:Header>{header}</s:Header>"), format!("{body}</s:Body>"), end.to_owned()]
}

fn envelopes() -> Vec<Case> {
    let versions = [
        (SOAP, "http://www.w3.org/2003/05/soap-envelope"),
        (SOAP, "urn:x"),
        ("s:Envelope", "s:envelope"),
        ("s:Envelope", "s:Body"),
    ];
    let mut cases = each_body("BI-43", Answer::Fault("VersionMismatch"), versions, |maker, (from, to)| {
        maker.named("x").replace(from, to)
    });
    cases.push(Case::body("BI-43html", Answer::Fault("VersionMismatch"), |_| "<html/>".to_owned()));
    let orders: [&[usize]; 9] =
        [&[], &[2], &[1], &[1, 1, 2], &[1, 2, 2], &[2, 1], &[1, 2, 1], &[2, 1, 2], &[1, 2, 1, 2]];
    cases.extend(each_body("BI-44", FAULT, orders, |maker, order| {
        let parts = parts(&maker.named("x"));
        let chosen = order.iter().map(|&part| parts[part].as_str());
        format!("{}{}{}", parts[0], chosen.collect::<String>(), parts[3])
    }));
    let strays = [
        ("</s:Body>", "</s:Body><x/>"),
        ("</s:Body>", "</s:Body>x"),
        ("<s:Body>", "<x/><s:Body>"),
        ("<s:Header>", "x<s:Header>"),
        ("</s:Envelope>", "</s:Envelope><x/>"),
    ];
    cases.extend(each_body("BI-44z", FAULT, strays, |maker, (from, to)| maker.named("x").replace(from, to)));
    cases.extend(each_body(
        "BI-45",
        FAULT,
        ["", "x", "<DropRequest xmlns=\"urn:x\"/>", "<s:Fault/>"],
        |maker, content| {
            let [open, header, _, end] = parts(&maker.named("x"));
            format!("{open}{header}<s:Body>{content}</s:Body>{end}")
        },
    ));
    let more = [
        format!("<WipeRequest xmlns=\"{MIRRORING}\"><TableName>contact</TableName></WipeRequest>"),
        "<x/>".to_owned(),
    ];
    cases.extend(each_body("BI-45two", FAULT, more, |maker, second| {
        maker.named("x").replace("</s:Body>", &format!("{second}</s:Body>"))
    }));
    cases.push(Case::body("BI-45answer", FAULT, |maker| {
        maker.named("x").replace("RowDataRequest", "RowDataResponse")
    }));
    cases
}

fn with_header(maker: &Maker, header: &str) -> String {
    maker.named("understood").replace("<s:Header>", &format!("<s:Header>{header}"))
}

fn headers() -> Vec<Case> {
    let next = "http://schemas.xmlsoap.org/soap/actor/next";
    let ours = [
        "s:mustUnderstand=\"1\"".to_owned(),
        format!("s:mustUnderstand=\"1\" s:actor=\"{next}\""),
        "s:mustUnderstand=\"1\" s:actor=\"\"".to_owned(),
    ];
    let header = |maker: &Maker, attributes: &String| {
        with_header(maker, &format!("<x:To xmlns:x=\"urn:x\" {attributes}>x</x:To>"))
    };
    let mut cases = each_body("BI-46", Answer::Fault("MustUnderstand"), ours, header);
    let others = [
        "".to_owned(),
        "s:mustUnderstand=\"0\"".to_owned(),
        "mustUnderstand=\"1\"".to_owned(),
        "s:mustUnderstand=\"1\" s:actor=\"urn:other\"".to_owned(),
    ];
    cases.extend(each_body("BI-47", Answer::Row("understood"), others, header));
    cases.push(Case::body("BI-48a", Answer::Fault("MustUnderstand"), |maker| {
        with_header(maker, "<x s:mustUnderstand=\"true\"/>")
    }));
    cases.push(Case::body("BI-48b", Answer::Row("understood"), |maker| {
        with_header(maker, "<x s:mustUnderstand=\"false\"/>")
    }));
    cases.extend(each_body("BI-48other", FAULT, ["2", "", "yes", "TRUE", "01"], |maker, value| {
        with_header(maker, &format!("<x s:mustUnderstand=\"{value}\"/>"))
    }));
    cases
}

/// The call with another header, `@` in it for the token.
fn other_header(maker: &Maker, header: &str) -> String {
    let [open, _, body, end] = parts(&maker.named("token"));
    format!("{open}<s:Header>{}</s:Header>{body}{end}", header.replace('@', &maker.good()))
}

fn tokens() -> Vec<Case> {
    let instance = operations_center::wire::INSTANCE;
    let one = format!("<h:SignedToken xmlns:h=\"{MIRRORING}\">@</h:SignedToken>");
    let empty = format!("<h:SignedToken xmlns:h=\"{MIRRORING}\"/>");
    let absent = [
        String::new(),
        empty.clone(),
        format!("<h:SignedToken xmlns:h=\"{MIRRORING}\"> \n </h:SignedToken>"),
        format!("<h:SignedToken xmlns:h=\"{MIRRORING}\" xmlns:i=\"{instance}\" i:nil=\"true\"/>"),
    ];
    let mut cases = each_body("BI-49", REFUSED, absent, |maker, header| other_header(maker, header));
    let operations = [
        Request::authenticate(),
        Request::table_schema(&[contact()]),
        Request::wipe("contact"),
        Request::completed(&[]),
    ];
    cases.extend(each_body("BI-49all", REFUSED, operations, |_, request| {
        String::from_utf8(request.envelope("")).unwrap()
    }));
    let bad = one.replace('@', "a.b.c");
    let two = [
        format!("{one}{bad}"),
        format!("{bad}{one}"),
        format!("{one}{one}"),
        format!("{one}{empty}"),
        format!("{empty}{one}"),
    ];
    cases.extend(each_body("BI-50", REFUSED, two, |maker, header| other_header(maker, header)));
    let elsewhere = [
        "<SignedToken>@</SignedToken>".to_owned(),
        format!("<SignedToken xmlns=\"{DATA}\">@</SignedToken>"),
        format!("<h:signedtoken xmlns:h=\"{MIRRORING}\">@</h:signedtoken>"),
        format!("<x>{one}</x>"),
        format!("<h:Other xmlns:h=\"{MIRRORING}\">{one}</h:Other>"),
    ];
    cases.extend(each_body("BI-51", REFUSED, elsewhere, |maker, header| other_header(maker, header)));
    cases.push(Case::body("BI-51body", REFUSED, move |maker| {
        other_header(maker, "")
            .replace("<ClientState", &format!("{}<ClientState", one.replace('@', &maker.good())))
    }));
    cases.push(Case::body("BI-51nested", FAULT, |maker| {
        let token = format!("<h:SignedToken xmlns:h=\"{MIRRORING}\">");
        other_header(maker, &format!("{token}{token}@</h:SignedToken></h:SignedToken>"))
    }));
    let accepted = ["@", "\r\n    @\r\n  ", "\t@ ", "<![CDATA[@]]>", "<!-- x -->@"];
    cases.extend(each_body("BI-52", Answer::Row("token"), accepted, |maker, inside| {
        other_header(maker, &format!("\n<h:SignedToken xmlns:h=\"{MIRRORING}\">{inside}</h:SignedToken>\n"))
    }));
    cases
}

fn with_action(maker: &Maker, action: &str) -> Vec<u8> {
    Post::new(maker.named("action")).header("SOAPAction", action).bytes()
}

fn actions() -> Vec<Case> {
    let service = format!("{MIRRORING}/IMirroringClientService");
    let agreeing = [
        format!("\"{service}/RowData\""),
        format!("{service}/RowData"),
        String::new(),
        "\"\"".to_owned(),
        format!("  \"{service}/RowData\" "),
    ];
    let mut cases =
        each("BI-53", Answer::Row("action"), agreeing, |maker, action| with_action(maker, action));
    cases.push(Case::body("BI-53absent", Answer::Row("action"), |maker| maker.named("action")));
    cases.push(Case::new("BI-53address", Answer::Row("action"), |maker| {
        Post::new(maker.named("action")).line("POST /MirroringClientService.svc/RowData HTTP/1.1").bytes()
    }));
    let others = ["Wipe", "Authenticate", "rowdata", "RowDataRequest", "RowDataResponse", ""];
    let others = others.map(|operation| format!("\"{service}/{operation}\""));
    cases.extend(each("BI-54", FAULT, others, |maker, action| with_action(maker, action)));
    cases.push(Case::new("BI-54spoof", FAULT, |maker| {
        let body = maker.call(&Request::authenticate());
        Post::new(body).header("SOAPAction", &format!("\"{}\"", Operation::Wipe.action())).bytes()
    }));
    cases.push(Case::new("BI-54twice", FAULT, |maker| {
        let action = format!("\"{}\"", Operation::RowData.action());
        Post::new(maker.named("x")).header("SOAPAction", &action).header("SOAPAction", &action).bytes()
    }));
    cases.push(Case::new("BI-54address", FAULT, |maker| {
        Post::new(maker.named("x")).line("POST /MirroringClientService.svc/Wipe HTTP/1.1").bytes()
    }));
    let versions = [
        service.replace("0.1", "0.2"),
        service.replace("0.1", "1.0"),
        "http://tempuri.org/IMirroringClientService".to_owned(),
    ];
    cases.extend(each("BI-55", FAULT, versions, |maker, service| {
        with_action(maker, &format!("\"{service}/RowData\""))
    }));
    cases.push(Case::new("BI-56a", Answer::Row("action"), |maker| {
        Post::new(maker.named("action"))
            .with("Content-Type", "text/xml; charset=utf-8; action=\"urn:Wipe\"")
            .bytes()
    }));
    let addressing = "http://www.w3.org/2005/08/addressing";
    cases.push(Case::body("BI-56b", Answer::Row("understood"), move |maker| {
        with_header(maker, &format!("<w:Action xmlns:w=\"{addressing}\">urn:Wipe</w:Action>"))
    }));
    cases.push(Case::body("BI-56c", Answer::Fault("MustUnderstand"), move |maker| {
        with_header(
            maker,
            &format!("<w:Action xmlns:w=\"{addressing}\" s:mustUnderstand=\"1\">urn:Wipe</w:Action>"),
        )
    }));
    cases
}

fn members() -> Vec<Case> {
    let unknown = "<a:Unknown><a:LSN>99</a:LSN></a:Unknown>";
    let accepted = [
        ("<a:LSN>", format!("{unknown}<a:LSN>")),
        ("<a:TableName>", format!("{unknown}<a:TableName>")),
        ("<a:Operation>", format!("{unknown}<a:Operation>")),
        ("<DataBatches", "<Unknown/><x xmlns=\"urn:x\">text</x><DataBatches".to_owned()),
        ("<ClientState></ClientState>", String::new()),
        (
            "<a:LSN>",
            "<a:LSN xmlns:z=\"http://schemas.microsoft.com/2003/10/Serialization/\" z:Id=\"i1\">".to_owned(),
        ),
    ];
    let mut cases = each_body("BI-57", Answer::Row("members"), accepted, |maker, (from, to)| {
        maker.named("members").replace(from, to)
    });
    cases.push(Case::body("BI-57order", Answer::Row("order"), |maker| {
        let call = maker.named("order");
        let call = moved_last(&call, "a:ColumnValues", "a:RowData");
        let call = moved_last(&call, "a:Data", "a:RowDataBatch");
        moved_last(&call, "a:Columns", "a:TableInfo")
    }));
    cases.push(Case::body("BI-57nil", Answer::Row("nil"), |maker| {
        maker.named("nil").replace("<a:DefaultValue></a:DefaultValue>", "<a:DefaultValue i:nil=\"true\"/>")
    }));
    cases.push(Case::story("BI-57null", a_nil_value_is_null));
    cases.push(Case::body("BI-57text", FAULT, |maker| {
        maker.named("x").replace("<b:string>[I:1]", "<b:string i:nil=\"true\">[I:1]")
    }));
    let references =
        ["<a:RowDataBatch xmlns:z=\"http://schemas.microsoft.com/2003/10/Serialization/\" z:Ref=\"i1\">"];
    cases.extend(each_body("BI-57ref", FAULT, references, |maker, tag| {
        maker.named("x").replace("<a:RowDataBatch>", tag)
    }));
    let items = [
        ("<a:RowData>", "<a:Other/><a:RowData>"),
        ("<a:RowDataBatch>", "<a:Other/><a:RowDataBatch>"),
        ("<b:string>", "<b:int>1</b:int><b:string>"),
    ];
    cases.extend(each_body("BI-57item", CONTENT, items, |maker, (from, to)| {
        maker.named("x").replacen(from, to, 1)
    }));
    let twice = [
        "<a:LSN>0</a:LSN>",
        "<a:TableName>contact</a:TableName>",
        "<a:Operation>U</a:Operation>",
        "<a:Name>id</a:Name>",
        "<a:Type>int</a:Type>",
    ];
    cases.extend(each_body("BI-58", CONTENT, twice, |maker, member| {
        maker.named("x").replacen(member, &member.repeat(2), 1)
    }));
    cases.push(Case::body("BI-58table", CONTENT, |maker| {
        let wipe = maker.call(&Request::wipe("no_such_table"));
        wipe.replace("</TableName>", "</TableName><TableName>contact</TableName>")
    }));
    cases.push(Case::body("BI-58list", CONTENT, |maker| {
        maker.named("x").replace("</DataBatches>", "</DataBatches><DataBatches/>")
    }));
    cases
}

/// The first `member` of every `parent` stands last in it.
fn moved_last(call: &str, member: &str, parent: &str) -> String {
    let begin = call.find(&format!("<{member}")).unwrap();
    let end_tag = format!("</{member}>");
    let end = begin + call[begin..].find(&end_tag).unwrap() + end_tag.len();
    let without = format!("{}{}", &call[..begin], &call[end..]);
    without.replacen(&format!("</{parent}>"), &format!("{}</{parent}>", &call[begin..end]), 1)
}

fn a_nil_value_is_null(ground: &mut Ground) {
    let call = ground.maker.named("@");
    let (begin, end) = call.split_once("<b:string>[I:1]</b:string>").unwrap();
    let (_, end) = end.split_once("</b:string>").unwrap();
    let body = format!("{begin}<b:string>[I:1]</b:string><b:string i:nil=\"true\"/>{end}");
    let replies = ground.maker.exchange(&Post::new(body).bytes());
    assert!(replies[0].body.contains("<IsSuccessful>true"), "{replies:?}");
    assert_eq!(ground.world.contacts(), [(1, None)]);
    let replies = ground.maker.exchange(&Post::new(ground.maker.named("again")).bytes());
    assert!(replies[0].body.contains("<IsSuccessful>true"), "{replies:?}");
    ground.expect("BI-57null", "again");
}

fn numbers() -> Vec<Case> {
    let lsn = |maker: &Maker, written: &&str| maker.named("lsn").replace("<a:LSN>0</a:LSN>", written);
    let none = [
        "<a:LSN>-1</a:LSN>",
        "<a:LSN>0</a:LSN>",
        "<a:LSN> -1\n</a:LSN>",
        "<a:LSN i:nil=\"true\"/>",
        "<a:LSN>-9223372036854775808</a:LSN>",
        "",
    ];
    let mut cases = each_body("BI-59none", Answer::Row("lsn"), none, lsn);
    let wrong = [
        "+5",
        "5.0",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "",
        " ",
        "5 5",
        "0x5",
        "five",
        "\u{665}",
        "--1",
    ];
    cases.extend(each_body(
        "BI-59",
        CONTENT,
        wrong.map(|text| format!("<a:LSN>{text}</a:LSN>")),
        move |maker, written| lsn(maker, &written.as_str()),
    ));
    cases.push(Case::story("BI-59number", a_number_is_read_with_white_space_around_it));
    cases.push(Case::story("BI-60a", a_batch_without_rows_moves_the_position));
    cases.push(Case::story("BI-60b", a_call_without_batches_is_success));
    cases
}

/// Opens a cycle, sends `batches` with the number as `written`, completes; what the next cycle is answered.
fn lsn_after(ground: &mut Ground, batches: &[Batch], written: &str) -> i64 {
    ground.vendor.open(&[contact()]);
    let body = String::from_utf8(Request::row_data(batches).envelope(&ground.vendor.token().sign().unwrap()))
        .unwrap();
    let body = body.replace("<a:LSN>77</a:LSN>", &format!("<a:LSN>{written}</a:LSN>"));
    let replies = ground.maker.exchange(&Post::new(body).bytes());
    assert!(replies[0].body.contains("<IsSuccessful>true"), "{replies:?}");
    ground.vendor.complete();
    let answered = ground.vendor.open(&[contact()])["contact"];
    ground.renew();
    answered
}

fn a_number_is_read_with_white_space_around_it(ground: &mut Ground) {
    assert_eq!(lsn_after(ground, &[batch(&contact(), 77, &[])], "\r\n 000055\t"), 55);
}

fn a_batch_without_rows_moves_the_position(ground: &mut Ground) {
    assert_eq!(lsn_after(ground, &[batch(&contact(), 77, &[])], "60"), 60);
    let two = [batch(&contact(), 77, &[]), batch(&contact(), 77, &[])];
    assert_eq!(lsn_after(ground, &two, "61"), 61);
    let unknown = batch(&table("never_announced"), 77, &[]);
    assert_eq!(lsn_after(ground, &[unknown, batch(&contact(), 77, &[])], "62"), 62);
}

fn a_call_without_batches_is_success(ground: &mut Ground) {
    assert_eq!(lsn_after(ground, &[], "5"), 62, "no batch, no move");
    let nested = |content: &str| {
        let call = ground.maker.call(&Request::row_data(&[]));
        let (begin, end) = call.split_once("<DataBatches").unwrap();
        let (attributes, end) = end.split_once("/>").unwrap();
        format!("{begin}<DataBatches{attributes}>{content}</DataBatches>{end}")
    };
    for content in ["", " <!-- x --> "] {
        let replies = ground.maker.exchange(&Post::new(nested(content)).bytes());
        assert!(replies[0].body.contains("<IsSuccessful>true"), "{content}: {replies:?}");
    }
    let deep = nested(&format!("{}{}", "<DataBatches>".repeat(10), "</DataBatches>".repeat(10)));
    let replies = ground.maker.exchange(&Post::new(deep).bytes());
    assert!(replies[0].body.contains("BAD_CONTENT"), "a list in a list is no batch: {replies:?}");
}
