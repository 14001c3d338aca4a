//! The list against the honest receiver, and against each way of being wrong.

use std::collections::BTreeSet;

use clap::ValueEnum;

use super::*;
use crate::application::{Details, Registration, Signer};
use crate::clock::{Clock, SystemClock};
use crate::receiver::{Defect, Identity, Receiver, Settings};

/// Lines that take long, and that only these defects concern.
const SLOW: [(&str, Defect); 2] =
    [("size.10-mb", Defect::SmallBodiesOnly), ("ack.whole-call", Defect::AnswerBeforeTheEnd)];

/// In which lines a run fails against each defect, and in no other. `x.*` are all lines of a group that can fail.
const TABLE: [(Defect, &[&str]); 36] = [
    (Defect::EarlyAcknowledgement, &["rows.acknowledged"]),
    (Defect::AnswerBeforeTheEnd, &["ack.whole-call"]),
    (Defect::IgnoredWipe, &["wipe.empty-table", "wipe.interrupted", "wipe.position", "wipe.rows"]),
    (Defect::WipeKeepsRows, &["wipe.empty-table", "wipe.rows"]),
    (Defect::WipeKeepsPosition, &["wipe.interrupted", "wipe.position"]),
    (Defect::KeptDroppedTable, &["schema.dropped-rows", "schema.dropped-table"]),
    (Defect::RetypedTableKeepsPosition, &["schema.changed-type-rows"]),
    (
        Defect::AnswerWithoutNewTables,
        &["cycle.*", "schema.413-tables", "schema.any-name", "schema.every-table", "schema.new-table"],
    ),
    (Defect::LsnOfWrongBatch, &["rows.several-tables"]),
    (Defect::PositionOfIntermediateBatch, &["rows.intermediate", "rows.table-in-parts"]),
    (Defect::PositionNeverGoesBack, &["wipe.lower-position"]),
    (Defect::PositionMovedByRefusedCall, &["failed.misfit", "failed.missing-value"]),
    (Defect::PositionMovedByBrokenCall, &["failed.cut", "failed.truncated"]),
    (Defect::UncheckedAudience, &["token.audience"]),
    (Defect::UncheckedExpiry, &["token.expired"]),
    (Defect::UncheckedNotBefore, &["token.not-yet-valid"]),
    (Defect::UncheckedIssuer, &["token.issuer"]),
    (
        Defect::UncheckedSignature,
        &[
            "token.every-operation",
            "token.other-certificate",
            "token.other-tenant",
            "token.own-key",
            "token.signature",
            "token.tampered-claims",
            "token.unknown-kid",
        ],
    ),
    (Defect::AcceptedAlgNone, &["token.alg-none"]),
    (Defect::AcceptedHmac, &["token.alg-hs256"]),
    (Defect::TrustedKeyInHeader, &["token.own-key"]),
    (
        Defect::UncheckedDataTokens,
        &[
            "token.alg-hs256",
            "token.alg-none",
            "token.audience",
            "token.every-operation",
            "token.expired",
            "token.issuer",
            "token.not-yet-valid",
            "token.other-certificate",
            "token.other-tenant",
            "token.own-key",
            "token.signature",
            "token.tampered-claims",
            "token.unknown-kid",
        ],
    ),
    // The Mirroring Task itself stops at a proof that is wrong.
    (Defect::WrongNonce, &["auth.nonce", "cycle.*", "parallel.many"]),
    (Defect::StaleTimestamp, &["auth.time", "cycle.*"]),
    (Defect::WrongSignature, &["auth.signature", "cycle.*"]),
    (Defect::NullAsEmpty, &["values.null-and-empty"]),
    (Defect::MarkedTextAsValue, &["values.marked-text"]),
    (Defect::TrimmedText, &["values.text"]),
    (Defect::MisfitAsNull, &["failed.message", "failed.misfit"]),
    (Defect::RepeatedRowStandsTwice, &["cycle.mirror", "rows.final-state", "rows.repeated-once"]),
    (Defect::IgnoredDelete, &["cycle.mirror", "rows.final-state"]),
    (Defect::NotReentrant, &["parallel.tables", "parallel.tenants"]),
    (Defect::NotReentrantWithinTenant, &["parallel.tables"]),
    (
        Defect::HtmlErrorPage,
        &["failed.again", "failed.message", "failed.misfit", "failed.missing-value", "token.*"],
    ),
    (Defect::UnauthorizedStatus, &["token.*"]),
    (Defect::SmallBodiesOnly, &["size.10-mb"]),
];

const SHORT_KEY_BITS: usize = 1024;
/// The same of defects in reading, which concern these groups alone; the others' lines are left out to save time.
const OF_READING: [(Defect, &[&str]); 11] = [
    (Defect::NoDescription, &["http.page", "http.single-wsdl", "http.wsdl"]),
    (Defect::QuotedActionOnly, &["http.unquoted-action"]),
    (Defect::OneAddressOnly, &["http.operation-address"]),
    (Defect::FixedPrefixes, &["soap.prefixes"]),
    (Defect::OrderedMembersOnly, &["soap.member-order"]),
    (Defect::KnownMembersOnly, &["soap.unknown-members"]),
    (Defect::TightTokensOnly, &["soap.pretty"]),
    (Defect::UpperCaseOnly, &["rows.lower-case"]),
    (Defect::WipeOfAllTables, &["rows.intermediate", "wipe.other-tables"]),
    (Defect::DayAndMonthSwapped, &["values.date-kept"]),
    (Defect::WholeSecondsOnly, &["values.datetime-kept", "values.datetime2-kept"]),
];
const GROUPS_OF_READING: [&str; 6] = ["http", "rows", "soap", "state", "values", "wipe"];

/// So many parts of the table are gone through at once.
const PARTS: usize = 4;

/// One with short keys: the runs sign tens of thousands of tokens.
fn application() -> &'static Application {
    static APPLICATION: OnceLock<Application> = OnceLock::new();
    APPLICATION.get_or_init(|| {
        let details = Details::named("Nord");
        let signer = Signer::generate_with_key(details.environment, SHORT_KEY_BITS).unwrap();
        let id = "0123456789abcdef0123456789abcdef".to_owned();
        let registration = Registration { id, key_bits: SHORT_KEY_BITS, details };
        Application::registered(registration, signer, SystemClock.now_ms()).unwrap()
    })
}

fn receiver(defect: Option<Defect>) -> Receiver {
    let identity = Identity::of(application()).unwrap();
    let settings = Settings { defect, ..Settings::default() };
    Receiver::start(([127, 0, 0, 1], 0).into(), identity, settings).unwrap()
}

#[test]
fn an_honest_receiver_passes_every_line_that_it_does_not_choose_to_leave_out() {
    let receiver = receiver(None);
    let url = receiver.url();
    let list = Checklist { mirror: Some(receiver.store()), ..Checklist::new(&url, application()) };
    let mut told = Vec::new();
    let report = list.run(|line| told.push(line.clone())).unwrap();
    let open: Vec<_> = told.iter().filter(|line| line.outcome != Outcome::Pass).collect();
    assert_eq!(open.iter().map(|line| line.id).collect::<Vec<_>>(), ["auth.do-not-replicate"], "{open:#?}");
    assert!(report.passed && report.mirror);
    assert_eq!(report.lines, told);
}

#[test]
fn without_a_view_of_the_mirror_its_lines_are_not_observed_and_nothing_fails() {
    let receiver = receiver(None);
    let url = receiver.url();
    let report = Checklist::new(&url, application()).run(|_| {}).unwrap();
    let unseen = |line: &LineReport| line.outcome == Outcome::NotObserved;
    let unseen: BTreeSet<_> = report.lines.iter().filter(|line| unseen(line)).map(|line| line.id).collect();
    let mut expected: BTreeSet<_> =
        lines().iter().filter(|line| line.needs_mirror).map(|line| line.id).collect();
    expected.insert("auth.do-not-replicate");
    assert_eq!(unseen, expected);
    assert!(report.passed && report.failed().is_empty() && !report.mirror);
}

/// All lines but the slow ones that do not concern the defect.
fn chosen(defect: Defect) -> Vec<String> {
    let is_left_out = |id: &str| SLOW.iter().any(|(slow, concerned)| *slow == id && *concerned != defect);
    lines().iter().map(|line| line.id).filter(|id| !is_left_out(id)).map(str::to_owned).collect()
}

fn expected(ids: &[&str]) -> BTreeSet<&'static str> {
    let fits = |line: &&Line| {
        ids.iter().any(|id| match id.strip_suffix(".*") {
            Some(group) => line.id.split('.').next() == Some(group) && line.level != Level::Informative,
            None => line.id == *id,
        })
    };
    lines().iter().filter(fits).map(|line| line.id).collect()
}

fn fails_in_the_right_lines(part: usize) {
    for (defect, ids) in TABLE.iter().skip(part).step_by(PARTS) {
        assert!(!fails_in(*defect, ids, &chosen(*defect)).passed, "{defect:?}");
    }
}

fn fails_in(defect: Defect, ids: &[&str], only: &[String]) -> Report {
    let receiver = receiver(Some(defect));
    let url = receiver.url();
    let list = Checklist {
        mirror: Some(receiver.store()),
        only,
        patience: Duration::from_secs(2),
        ..Checklist::new(&url, application())
    };
    let report = list.run(|_| {}).unwrap();
    let failed: BTreeSet<_> = report.failed().into_iter().collect();
    assert_eq!(failed, expected(ids), "{defect:?}: {:#?}", report.lines);
    report
}

#[test]
fn a_defect_in_reading_fails_in_its_own_lines_and_only_advice_fails_no_run() {
    let only = GROUPS_OF_READING.map(str::to_owned);
    for (defect, ids) in OF_READING {
        let report = fails_in(defect, ids, &only);
        let is_advice = |line: &LineReport| !ids.contains(&line.id) || line.level == Level::Recommended;
        assert_eq!(report.passed, report.lines.iter().all(is_advice), "{defect:?}");
    }
}

#[test]
fn each_defect_fails_in_its_own_lines_and_no_other_first_part() {
    fails_in_the_right_lines(0);
}

#[test]
fn each_defect_fails_in_its_own_lines_and_no_other_second_part() {
    fails_in_the_right_lines(1);
}

#[test]
fn each_defect_fails_in_its_own_lines_and_no_other_third_part() {
    fails_in_the_right_lines(2);
}

#[test]
fn each_defect_fails_in_its_own_lines_and_no_other_fourth_part() {
    fails_in_the_right_lines(3);
}

#[test]
fn every_defect_stands_in_a_table_and_every_line_has_a_name_of_its_own() {
    let tried: BTreeSet<_> = TABLE.iter().chain(&OF_READING).map(|(defect, _)| *defect).collect();
    assert_eq!(tried, Defect::value_variants().iter().copied().collect());
    assert_eq!(tried.len(), TABLE.len() + OF_READING.len());
    let ids: BTreeSet<_> = lines().iter().map(|line| line.id).collect();
    assert_eq!(ids.len(), lines().len());
    for (defect, expected) in TABLE.iter().chain(&OF_READING) {
        for id in expected.iter().filter(|id| !id.ends_with(".*")) {
            assert!(ids.contains(id), "{defect:?}: {id}");
        }
    }
}

#[test]
fn a_list_that_cannot_be_gone_through_says_why() {
    let run = |change: fn(&mut Checklist<'_>)| {
        let mut list = Checklist::new("http://127.0.0.1:9/", application());
        change(&mut list);
        list.run(|_| {}).unwrap_err().to_string()
    };
    assert!(run(|_| {}).contains("cannot be reached"));
    assert!(run(|list| list.url = "mirror").contains("mirror is no http or https URL"));
    assert!(run(|list| list.tenant_prefix = "Conf_").contains("Conf_"));
    let only: &'static [String] = Box::leak(Box::new(["tokens".to_owned()]));
    let mut list = Checklist::new("http://127.0.0.1:9/", application());
    list.only = only;
    assert!(list.run(|_| {}).unwrap_err().to_string().contains("tokens"));
}
