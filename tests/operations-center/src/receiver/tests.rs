//! The receiver as its caller sees it, and as whoever looks into it does.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::activity::{self, Amount};
use crate::answer::{self, Answer};
use crate::caller::Caller;
use crate::client::Client;
use crate::clock::SystemClock;
use crate::crm;
use crate::cycle::Cycle;
use crate::fixture::application;
use crate::tenant::Tenant;
use crate::token::Token;
use crate::wire::{Batch, ColumnInfo, Request, Row, TableInfo};

fn receiver(settings: Settings) -> Receiver {
    let identity = Identity::of(application()).unwrap();
    Receiver::start(([127, 0, 0, 1], 0).into(), identity, settings).unwrap()
}

fn honest() -> Receiver {
    receiver(Settings::default())
}

fn token() -> Token {
    use crate::clock::Clock;
    Token::new(application(), "Cust1", SystemClock.now_seconds())
}

fn call(receiver: &Receiver, request: &Request) -> Answer {
    Client::new(&receiver.url()).call(request, &token()).unwrap()
}

fn column(name: &str, sql_type: &str) -> ColumnInfo {
    ColumnInfo {
        default_value: String::new(),
        is_nullable: true,
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
    }
}

fn table(name: &str) -> TableInfo {
    TableInfo { table: name.to_owned(), columns: vec![column("id", "int"), column("name", "nvarchar(20)")] }
}

fn batch(name: &str, lsn: i64, rows: &[(&str, &str, Option<&str>)]) -> Batch {
    let row = |(operation, id, name): &(&str, &str, Option<&str>)| Row {
        operation: (*operation).to_owned(),
        values: vec![Some(format!("[I:{id}]")), name.map(str::to_owned)],
    };
    Batch { rows: rows.iter().map(row).collect(), lsn, table: table(name) }
}

fn run_cycle(receiver: &Receiver, tenant: &Tenant) -> crate::cycle::Report {
    let client = Client::new(&receiver.url());
    Cycle::new(Caller::new(&client, application(), tenant, &SystemClock)).run().unwrap()
}

#[test]
fn after_a_cycle_it_holds_what_the_source_holds_also_after_changes() {
    let (receiver, folder) = (honest(), tempfile::tempdir().unwrap());
    let tenant = crm::create(&folder.path().join("Cust1.db"), 3, 1).unwrap();
    let is_equal = || {
        for table in tenant.tables().unwrap() {
            let held = receiver.store().checksum("Cust1", &table.name);
            assert_eq!(held, Some(tenant.checksum(&table.name).unwrap()), "{}", table.name);
        }
    };
    run_cycle(&receiver, &tenant);
    is_equal();
    activity::random(&tenant, Amount { inserts: 20, updates: 40, deletes: 10 }, 1).unwrap();
    let report = run_cycle(&receiver, &tenant);
    is_equal();
    assert!(report.rows() > 0 && report.wiped() < report.tables.len());
}

#[test]
fn a_discarding_receiver_keeps_the_positions_that_an_honest_one_keeps_and_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = crm::create(&folder.path().join("Cust1.db"), 3, 1).unwrap();
    let (honest, discarding) =
        (honest(), receiver(Settings { keep: Keep::Positions, ..Settings::default() }));
    run_cycle(&honest, &tenant);
    run_cycle(&discarding, &tenant);
    for table in discarding.store().tables("Cust1") {
        let positions = [&honest, &discarding].map(|receiver| receiver.store().position("Cust1", &table));
        assert_eq!(positions[0], positions[1], "{table}");
        assert!(discarding.store().rows("Cust1", &table).is_empty());
    }
}

#[test]
fn a_call_that_fails_changes_nothing_and_the_message_names_what_is_wrong() {
    let receiver = honest();
    call(&receiver, &Request::table_schema(&[table("a"), table("b")]));
    let good = batch("a", 7, &[("I", "1", None)]);
    let bad = batch("b", 8, &[("I", "1", None), ("I", "x", None)]);
    let answer = call(&receiver, &Request::row_data(&[good, bad]));
    assert_eq!(answer.message(), "table b, row 2, column id, does not fit the column's type");
    assert_eq!(receiver.store().position("Cust1", "a"), None);
    assert!(receiver.store().rows("Cust1", "a").is_empty());
}

#[test]
fn rows_are_kept_by_key_and_tables_by_their_announcement() {
    let receiver = honest();
    let positions = |tables: &[TableInfo]| {
        let answer = call(&receiver, &Request::table_schema(tables));
        answer.positions.unwrap().into_iter().map(|position| position.lsn).collect::<Vec<_>>()
    };
    assert_eq!(positions(&[table("a"), table("b")]), [-1, -1]);
    let rows = [("I", "1", Some("x")), ("I", "2", None), ("u", "1", Some("y")), ("D", "2", None)];
    call(&receiver, &Request::row_data(&[batch("a", 0, &rows), batch("b", 5, &[]), batch("a", 7, &[])]));
    let held = receiver.store().rows("Cust1", "a");
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["name"].1, "y".into());
    let mut wider = table("a");
    wider.columns.insert(1, column("rank", "int"));
    assert_eq!(positions(std::slice::from_ref(&wider)), [7]);
    assert_eq!(receiver.store().rows("Cust1", "a")[0]["name"].1, "y".into());
    assert_eq!(positions(&[wider.clone(), table("b")]), [7, -1], "b was gone");
    wider.columns[2].sql_type = "int".to_owned();
    assert_eq!(positions(&[wider]), [-1], "its type has changed");
}

#[test]
fn its_proof_is_what_the_vendor_checks_and_no_stranger_gets_one() {
    let receiver = honest();
    let (client, token) = (Client::new(&receiver.url()), token());
    let answer = client.call(&Request::authenticate(), &token).unwrap();
    let key = application().application_public_key();
    let proof = answer.signed_application_token.unwrap();
    let now = crate::clock::Clock::now_seconds(&SystemClock);
    assert_eq!(answer::check(&proof, token.nonce(), &key, now), Ok(()));
    let bad = [
        token.clone().with_tampered_signature(),
        token.clone().claim("aud", "spn:other"),
        token.clone().claim("iss", "other"),
        token.clone().claim("exp", now - 100),
        token.clone().claim("nbf", now + 100),
        token.clone().header("alg", "HS256"),
        token.clone().header("kid", "00"),
        token.clone().without_claim("exp"),
        token.clone().without_claim("aud"),
    ];
    for bad in bad {
        let answer = client.call(&Request::authenticate(), &bad).unwrap();
        assert!(!answer.is_successful && answer.signed_application_token.is_none(), "{bad:?}");
    }
}

#[test]
fn a_slow_upload_holds_nobody_up() {
    let receiver = honest();
    let body = Request::wipe("a").envelope(&token().sign().unwrap());
    let (first, second) = body.split_at(body.len() / 2);
    let mut slow = TcpStream::connect(receiver.address).unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
        http::PATH,
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(first).unwrap();
    assert!(call(&receiver, &Request::table_schema(&[table("a")])).is_successful);
    slow.write_all(second).unwrap();
    let mut answer = [0; 15];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[test]
fn people_and_machines_are_told_what_it_is() {
    let receiver = honest();
    let get = |query: &str| {
        let mut response = ureq::get(format!("{}{query}", receiver.url())).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    };
    assert!(get("").contains("<h1>MirroringClientService"));
    for query in ["?wsdl", "?singleWsdl"] {
        let document = get(query);
        assert!(document.contains(&format!("location=\"{}\"", receiver.url())), "{document}");
        let mut reader = quick_xml::Reader::from_str(&document);
        while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
    }
}
