//! Each fault, against a receiver on a real socket.

mod text;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::answer::SignatureError;
use crate::caller::Caller;
use crate::client::{CallError, Client};
use crate::cycle::{Cycle, CycleError, Options, Report};
use crate::fixture::mirror::{DONE, Mirror, claims};
use crate::fixture::receiver::{Call, answer_with, read};
use crate::fixture::{HandClock, application, envelope};
use crate::tenant::{Table, Tenant};
use crate::token::Token;
use crate::transport::Transport;
use crate::wire::{Operation, Request};

/// 2026-01-01 00:00 UTC, as a receiver stamps it.
const NOW: i64 = 1_767_225_600;
const STAMP: &str = "202601010000";

/// A tenant with three contacts of some 300 bytes, and one sale.
struct Source {
    _folder: TempDir,
    tenant: Tenant,
    clock: HandClock,
}

/// What a cycle came to.
struct Run {
    ended: Result<Report, CycleError>,
    calls: Vec<Call>,
    happened: Vec<Happened>,
    not_reached: Vec<String>,
    may_fail: bool,
}

impl Source {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap();
        for name in ["contact", "sale"] {
            tenant.add_table(&Table::parse(name, &["id int", "name nvarchar(max) null"]).unwrap()).unwrap();
        }
        tenant.load("contact", (1..=3).map(|id| vec![id.into(), "x".repeat(300).as_str().into()])).unwrap();
        tenant.load("sale", [vec![1.into(), "s".into()]]).unwrap();
        Self { _folder: folder, tenant, clock: HandClock::at_seconds(NOW) }
    }

    fn run(&self, faults: &[&str]) -> Run {
        self.run_against(&Mirror::start(STAMP, |_| None), faults)
    }

    fn run_against(&self, mirror: &Mirror, faults: &[&str]) -> Run {
        let client = Client::new(&mirror.receiver.url);
        let script = Script::new(faults.iter().map(|fault| fault.parse().unwrap()).collect());
        let faulty = Faulty::new(&client, script);
        let caller = Caller::new(&faulty, application(), &self.tenant, &self.clock);
        let options = Options { batch_bytes: Some(600), combine: false, pretty: false };
        let ended = Cycle::with_options(caller, options).run();
        // The receiver takes one call after another: once this one is answered, it has seen all before.
        client.call(&Request::completed(&[]), &Token::new(application(), "Cust1", NOW)).unwrap();
        let mut calls = mirror.receiver.take_calls();
        calls.pop().unwrap();
        Run {
            ended,
            calls,
            happened: faulty.happened(),
            not_reached: faulty.not_reached().into_iter().map(Fault::to_string).collect(),
            may_fail: faulty.may_last_call_fail(),
        }
    }
}

impl Run {
    fn was_broken_off(&self) -> bool {
        matches!(
            self.ended,
            Err(CycleError::Call(CallError::BrokenOff { .. })
                | CycleError::TableCall { source: CallError::BrokenOff { .. }, .. })
        )
    }

    fn operations(&self) -> String {
        let names: Vec<&str> = self.calls.iter().map(|call| call.operation.as_str()).collect();
        names.join(" ")
    }

    fn told(&self) -> Vec<String> {
        self.happened.iter().map(Happened::to_string).collect()
    }
}

#[test]
fn no_faults_are_no_difference() {
    let (source, plain) = (Source::new(), Source::new());
    let run = source.run(&[]);
    let mirror = Mirror::start(STAMP, |_| None);
    let client = Client::new(&mirror.receiver.url);
    let caller = Caller::new(&client, application(), &plain.tenant, &plain.clock);
    let options = Options { batch_bytes: Some(600), combine: false, pretty: false };
    assert_eq!(run.ended.unwrap(), Cycle::with_options(caller, options).run().unwrap());
    assert_eq!((run.happened.len(), run.not_reached.len(), run.may_fail), (0, 0, false));
}

#[test]
fn a_vendor_that_gives_up_ends_its_cycle_before_that_call() {
    let run = Source::new().run(&["rowdata:2=refuse", "rowdata:2=flip:1"]);
    assert_eq!(run.operations(), "Authenticate TableSchema Wipe RowData");
    assert!(run.was_broken_off());
    assert_eq!(
        run.told(),
        ["rowdata:2=refuse: call 5, RowData of contact: given up before it was sent; no answer was read"]
    );
    assert_eq!(run.not_reached, ["rowdata:2=flip:1"]);
    assert!(run.may_fail);
}

#[test]
fn a_call_can_be_broken_off_in_the_middle_of_its_upload() {
    for (fault, sent) in [("rowdata=hang-up@50%", None), ("rowdata=hang-up@7", Some(7))] {
        let run = Source::new().run(&[fault]);
        assert_eq!(run.operations(), "Authenticate TableSchema Wipe RowData");
        let last = run.calls.last().unwrap();
        assert!(!last.is_whole);
        let length: usize = last.head.split("ontent-").last().unwrap()[8..].trim_end().parse().unwrap();
        let sent = sent.unwrap_or(length / 2);
        assert_eq!(last.body.len(), sent, "{}", last.head);
        assert!(
            run.told()[0].contains(&format!("hung up after {sent} of its {length} bytes")),
            "{:?}",
            run.told()
        );
        assert!(run.was_broken_off());
    }
}

#[test]
fn a_call_can_be_broken_off_after_its_upload() {
    let run = Source::new().run(&["wipe:sale=hang-up"]);
    assert_eq!(run.operations(), "Authenticate TableSchema Wipe RowData RowData Wipe");
    assert!(run.calls.last().unwrap().is_whole);
    assert!(run.was_broken_off());
    assert!(run.told()[0].ends_with("bytes; no answer was read"), "{:?}", run.told());
}

#[test]
fn a_lost_answer_brings_the_very_same_bytes_again() {
    let run = Source::new().run(&["wipe:contact=repeat"]);
    assert_eq!(run.calls[2].body, run.calls[3].body);
    assert_eq!(run.calls[3].operation, "Wipe");
    assert_eq!(run.ended.as_ref().unwrap().calls, 8);
    assert!(run.told()[0].ends_with("sent twice; answered: success; then: success"), "{:?}", run.told());
}

#[test]
fn a_call_can_come_again_with_another_token_of_the_same_second() {
    let run = Source::new().run(&["authenticate=repeat:new-token"]);
    let [first, second] = [&run.calls[0], &run.calls[1]].map(claims);
    assert_eq!(
        (&run.calls[0].operation, &run.calls[1].operation),
        (&"Authenticate".into(), &"Authenticate".into())
    );
    assert_ne!(first["nonce"], second["nonce"]);
    assert_eq!(first["nbf"], second["nbf"]);
    assert!(run.ended.is_ok(), "the second answer must hold the nonce that the vendor waits for");
}

#[test]
fn what_breaks_off_and_is_repeated_is_sent_whole_the_second_time() {
    let run = Source::new().run(&["rowdata:1=repeat", "rowdata:1=hang-up@10%"]);
    assert_eq!((run.calls[3].is_whole, run.calls[4].is_whole), (false, true));
    assert!(run.ended.is_ok() && run.not_reached.is_empty());
}

#[test]
fn two_calls_of_different_tables_are_under_way_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(&format!("http://{}/", listener.local_addr().unwrap()));
    let answering = std::thread::spawn(move || {
        let mut streams = [listener.accept().unwrap().0, listener.accept().unwrap().0];
        // Nobody is answered until both calls are there.
        let mut bodies = [&streams[0], &streams[1]].map(|stream| read(stream).body);
        streams.iter_mut().for_each(|stream| answer_with(stream, 200, &envelope(Operation::Wipe, DONE)));
        bodies.sort();
        bodies
    });
    let faulty = Faulty::new(&client, Script::new(vec!["wipe:1=together".parse().unwrap()]));
    for table in ["contact", "sale"] {
        let (token, body) = (&Token::new(application(), "Cust1", NOW), table.as_bytes());
        let (operation, tables, signed) = (Operation::Wipe, &[table][..], "");
        let call = crate::transport::Call { operation, tables, token, signed, body };
        assert!(faulty.send(&call).unwrap().is_successful);
    }
    assert_eq!(answering.join().unwrap(), ["contact", "sale"]);
    assert!(
        faulty.happened()[0].what.contains("at once with call 2, Wipe of sale"),
        "{:?}",
        faulty.happened()
    );
}

#[test]
fn calls_of_one_table_are_never_sent_together() {
    let run = Source::new().run(&["wipe:contact=together"]);
    assert_eq!(run.operations(), Source::new().run(&[]).operations());
    assert_eq!(run.not_reached, ["wipe:contact=together"]);
}

#[test]
fn a_call_that_was_held_back_fails_with_the_next() {
    let mirror = Mirror::start(STAMP, |call| {
        let failed = "<IsSuccessful>false</IsSuccessful><ErrorMessage>full</ErrorMessage>";
        let is_it = call.operation == "RowData" && call.body.contains(">contact<");
        is_it.then(|| (200, envelope(Operation::RowData, failed)))
    });
    let run = Source::new().run_against(&mirror, &["rowdata:contact:1=together"]);
    assert!(run.ended.unwrap_err().to_string().ends_with("refused by the receiver: full"));
    assert!(!run.may_fail, "a receiver should take it");
}

#[test]
fn a_slow_upload_takes_its_time_and_is_answered() {
    let began = Instant::now();
    let run = Source::new().run(&["rowdata:1=slow:5000"]);
    let least = Duration::from_millis(1000 * u64::try_from(run.calls[3].body.len()).unwrap() / 5000);
    assert!(began.elapsed() >= least && least > Duration::from_millis(100), "{least:?}");
    assert!(run.ended.is_ok() && run.calls[3].is_whole);
}

#[test]
fn huge_batches_hold_what_would_be_several() {
    let run = Source::new().run(&["rowdata:contact=huge:1500"]);
    assert_eq!(run.operations(), "Authenticate TableSchema Wipe RowData Wipe RowData ReplicationCompleted");
    assert_eq!((run.happened.len(), run.not_reached.len()), (1, 0));
    let run = Source::new().run(&["rowdata=huge:90000"]);
    assert_eq!(run.not_reached, ["rowdata=huge:90000"], "there are not so many rows");
}

#[test]
fn tokens_are_stale_or_wrong_in_the_part_that_is_named() {
    let source = Source::new();
    let claim = |fault: &str, name: &str| {
        let run = source.run(&[fault]);
        let call = run.calls.iter().find(|call| call.operation == "TableSchema").unwrap();
        (claims(call)[name].clone(), run.calls.len())
    };
    let ended = claim("tableschema=stale:100", "exp").0.as_i64().unwrap();
    assert!((NOW - 100..NOW - 90).contains(&ended), "{ended}");
    assert_eq!(claim("tableschema=wrong:issuer", "iss").0, "Somebody Else");
    assert_ne!(claim("tableschema=wrong:audience", "aud").0, claim("wipe=refuse", "aud").0);
    let run = source.run(&["*=wrong:signature", "*=wrong:issuer"]);
    assert_eq!(claims(&run.calls[0])["iss"], "Somebody Else");
    assert_eq!(run.happened.len(), 2 * run.calls.len());
}

#[test]
fn a_wrong_clock_stamps_tokens_judges_the_answer_and_is_forgotten() {
    let source = Source::new();
    let run = source.run(&["*=skew:-1000"]);
    assert!(
        matches!(run.ended, Err(CycleError::Signature(SignatureError::Stale { .. }))),
        "15 minutes are allowed"
    );
    assert!(run.may_fail);
    let run = source.run(&["*=skew:+600"]);
    assert!(run.ended.is_ok());
    let not_before = claims(&run.calls[0])["nbf"].as_i64().unwrap();
    assert!(not_before >= NOW + 600);
    assert!(source.tenant.last_not_before().unwrap() < NOW + 600);
}

#[test]
fn one_bit_is_turned_over_where_the_script_says_or_anywhere() {
    let bits = |one: &Call, other: &Call| {
        let pairs = one.body.bytes().zip(other.body.bytes()).enumerate();
        pairs.filter(|(_, (a, b))| a != b).map(|(at, (a, b))| (at, (a ^ b).count_ones())).collect::<Vec<_>>()
    };
    let run = Source::new().run(&["wipe:contact=flip:17", "wipe:contact=repeat", "wipe:sale=flip:99999"]);
    let mut whole = run.calls[2].clone();
    whole.body =
        format!("{}{}{}", &whole.body[..17], char::from(whole.body.as_bytes()[17] ^ 1), &whole.body[18..]);
    assert_eq!(bits(&whole, &run.calls[2]), [(17, 1)]);
    assert!(whole.body.starts_with("<s:Envelope xmlns:s="), "{}", whole.body);
    assert_eq!(run.not_reached, ["wipe:sale=flip:99999"]);
    // The bit may be one of the token, in which the mirror looks for the tenant.
    let blind = Mirror::start(STAMP, |call| {
        (call.operation == "Wipe").then(|| (200, envelope(Operation::Wipe, DONE)))
    });
    let what = |seed| Source::new().run_against(&blind, &[seed]).happened.remove(0).what;
    assert_eq!(what("wipe:contact=flip:random:3"), what("wipe:contact=flip:random:3"));
    assert_ne!(what("wipe:contact=flip:random:3"), what("wipe:contact=flip:random:4"));
}

#[test]
fn a_fault_that_no_call_comes_to_is_told() {
    let run = Source::new().run(&["rowdata:contact:3=repeat", "*:2=repeat", "wipe:nothing=refuse"]);
    assert_eq!(run.not_reached, ["rowdata:contact:3=repeat", "wipe:nothing=refuse"]);
    assert_eq!(run.happened[0].operation, Operation::TableSchema);
}
