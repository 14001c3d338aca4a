//! Killed at every moment of a call: readers see all of it or nothing, the next bridge knows which, and the source's
//! next cycle brings what is missing. No transaction stays open.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mirrorbus::failpoint::{
    ANSWER_BEGUN, BEFORE_FENCE, BEFORE_TOKEN, COMMITTED, FENCED, PARSED, POSITIONS_CONFIRMED, POSITIONS_READ,
    ROW_SENT, ROWS_CONFIRMED, TRANSACTION_BEGUN,
};
use operations_center::wire::{Batch, Request, TableInfo};

use crate::support::bridge::Bridge;
use crate::support::vendor::{Vendor, table};
use crate::support::{World, batch, wait_until};

/// Far below the 45 seconds after which Kafka aborts what nobody ends.
const SOON: Duration = Duration::from_secs(15);

type Row = (&'static str, i32, &'static str);
type Rows = Vec<(i32, Option<String>)>;

/// The source's tables: what changed in each, from the beginning on; change number n has the LSN n.
#[derive(Clone)]
struct Source(BTreeMap<&'static str, Vec<Vec<Row>>>);

impl Source {
    fn new() -> Self {
        let first = vec![("I", 1, "a"), ("I", 2, "b")];
        Self([("contact", vec![first.clone()]), ("person", vec![first])].into())
    }

    fn change(&mut self, table: &'static str, rows: &[Row]) -> Request {
        let changes = self.0.get_mut(table).unwrap();
        changes.push(rows.to_vec());
        Request::row_data(&[change(table, changes.len(), rows)])
    }

    fn tables(&self) -> Vec<TableInfo> {
        self.0.keys().map(|name| table(name)).collect()
    }

    fn rows(&self, table: &str) -> Rows {
        let mut rows = BTreeMap::new();
        for (operation, id, name) in self.0.get(table).into_iter().flatten().flatten() {
            match *operation {
                "D" => rows.remove(id),
                _ => rows.insert(*id, Some((*name).to_owned())),
            };
        }
        rows.into_iter().collect()
    }

    fn newest(&self) -> BTreeMap<String, i64> {
        let newest = self.0.iter().map(|(table, changes)| ((*table).to_owned(), lsn(changes.len())));
        newest.collect()
    }

    /// The vendor's cycle after its TableSchema: the positions answered decide what is sent.
    fn send_from(&self, vendor: &Vendor, lsns: &BTreeMap<String, i64>) {
        for (name, changes) in &self.0 {
            let Ok(known) = usize::try_from(lsns[*name]) else {
                vendor.wipe(name);
                let rows = self.rows(name).into_iter();
                let rows: Vec<_> = rows.map(|(id, name)| (id, name.unwrap())).collect();
                let rows: Vec<_> = rows.iter().map(|(id, name)| ("I", *id, name.as_str())).collect();
                vendor.rows(&[batch(&table(name), lsn(changes.len()), &rows)]);
                continue;
            };
            for (number, rows) in (known + 1..).zip(&changes[known..]) {
                vendor.rows(&[change(name, number, rows)]);
            }
        }
        vendor.complete();
    }

    fn cycle(&self, vendor: &Vendor) {
        self.send_from(vendor, &vendor.open(&self.tables()));
    }
}

fn change(name: &str, number: usize, rows: &[Row]) -> Batch {
    batch(&table(name), lsn(number), rows)
}

fn lsn(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

/// What readers of committed rows have of a call when the bridge is dead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Everything,
}
use Seen::{Everything, Nothing};

/// Sends the call and kills the bridge at `point` in it.
fn kill_at(bridge: Bridge, vendor: &Vendor, request: &Request, point: &str) {
    let (call, sender) = (vendor.call(request), vendor.at(&bridge));
    bridge.failpoints.arm(point);
    let answer = std::thread::spawn(move || sender.try_send(&call));
    bridge.failpoints.wait_for(point);
    bridge.kill();
    assert!(answer.join().unwrap().is_err(), "{point}: answered in spite of it");
}

/// A dead bridge's successor: opens, shows `seen` still, and the next cycle makes the topics equal the source.
fn assert_successor(world: &World, vendor: &Vendor, source: &mut Source, seen: &Source) {
    let bridge = world.bridge();
    let vendor = vendor.at(&bridge);
    let began = Instant::now();
    let lsns = vendor.open(&source.tables());
    assert_shown(world, seen);
    source.change("contact", &[("I", 9, "later")]);
    source.send_from(&vendor, &lsns);
    assert_shown(world, source);
    world.ends();
    assert!(began.elapsed() < SOON, "something stayed open: {:?}", began.elapsed());
    assert_eq!(vendor.open(&source.tables()), source.newest(), "nothing is to be sent again");
}

fn assert_shown(world: &World, source: &Source) {
    for table in ["contact", "person"] {
        assert_eq!(world.named_rows(table), source.rows(table), "{table}");
    }
}

/// RowData, killed at `point`. A tenant's two producers take turns: both are caught.
fn dies_in_rows(point: &str, seen: Seen) {
    for calls_before in 0..2 {
        let (world, bridge, vendor) = World::with_bridge();
        let mut source = Source::new();
        source.cycle(&vendor);
        vendor.open(&source.tables());
        for _ in 0..calls_before {
            assert!(vendor.answer(&source.change("person", &[("U", 1, "p")])).is_successful);
        }
        let before = source.clone();
        let request = source.change("contact", &[("U", 1, "a2"), ("D", 2, ""), ("I", 3, "c")]);
        kill_at(bridge, &vendor, &request, point);
        let shown = if seen == Nothing { before } else { source.clone() };
        if seen == Everything {
            // A commit's markers may follow it by a moment.
            wait_until("the call is visible", || world.contacts() == shown.rows("contact"));
        }
        assert_shown(&world, &shown);
        assert_successor(&world, &vendor, &mut source, &shown);
    }
}

/// Authenticate of the next cycle, killed at `point`: it shows and hides nothing.
fn dies_in_authenticate(point: &str) {
    let (world, bridge, vendor) = World::with_bridge();
    let mut source = Source::new();
    source.cycle(&vendor);
    vendor.later();
    kill_at(bridge, &vendor, &Request::authenticate(), point);
    assert_shown(&world, &source);
    let shown = source.clone();
    assert_successor(&world, &vendor, &mut source, &shown);
}

/// A TableSchema that `person` has left, killed at `point`: its rows stay until the next cycle, then all of them go.
fn dies_in_table_schema(point: &str) {
    let (world, bridge, vendor) = World::with_bridge();
    let mut source = Source::new();
    source.cycle(&vendor);
    let before = source.clone();
    source.0.remove("person");
    vendor.later();
    vendor.succeed(&Request::authenticate());
    kill_at(bridge, &vendor, &Request::table_schema(&source.tables()), point);
    assert_shown(&world, &before);
    let shown = source.clone();
    assert_successor(&world, &vendor, &mut source, &shown);
}

/// A Wipe, killed at `point`: the table is asked for again if it was committed, and right either way.
fn dies_in_wipe(point: &str, seen: Seen) {
    let (world, bridge, vendor) = World::with_bridge();
    let mut source = Source::new();
    source.cycle(&vendor);
    vendor.open(&source.tables());
    kill_at(bridge, &vendor, &Request::wipe("contact"), point);
    assert_shown(&world, &source);
    let successor = world.bridge();
    let asked = vendor.at(&successor);
    let lsns = asked.open(&source.tables());
    assert_eq!(lsns["contact"], if seen == Everything { -1 } else { 1 });
    vendor.catch_up(&asked);
    let shown = source.clone();
    source.change("contact", &[("D", 2, "")]);
    assert_successor(&world, &vendor, &mut source, &shown);
}

#[test]
fn killed_before_a_token_is_read_nothing_of_the_call_is_there() {
    dies_in_rows(BEFORE_TOKEN, Nothing);
}

#[test]
fn killed_with_a_parsed_call_nothing_of_it_is_there() {
    dies_in_rows(PARSED, Nothing);
}

#[test]
fn killed_at_a_transactions_begin_nothing_of_it_is_there() {
    dies_in_rows(TRANSACTION_BEGUN, Nothing);
}

#[test]
fn killed_after_a_row_was_sent_nothing_of_the_call_is_seen() {
    dies_in_rows(ROW_SENT, Nothing);
}

#[test]
fn killed_with_all_rows_confirmed_nothing_of_the_call_is_seen() {
    dies_in_rows(ROWS_CONFIRMED, Nothing);
}

#[test]
fn killed_with_the_positions_confirmed_nothing_of_the_call_is_seen() {
    dies_in_rows(POSITIONS_CONFIRMED, Nothing);
}

#[test]
fn killed_after_the_commit_all_of_the_call_is_seen_though_nobody_was_told() {
    dies_in_rows(COMMITTED, Everything);
}

#[test]
fn killed_in_the_middle_of_the_answer_all_of_the_call_is_seen() {
    dies_in_rows(ANSWER_BEGUN, Everything);
}

#[test]
fn killed_before_the_fence_the_tenant_opens_as_before() {
    dies_in_authenticate(BEFORE_FENCE);
}

#[test]
fn killed_between_the_two_fences_the_tenant_opens_as_before() {
    dies_in_authenticate(FENCED);
}

#[test]
fn killed_with_the_positions_read_the_tenant_opens_as_before() {
    dies_in_authenticate(POSITIONS_READ);
}

#[test]
fn killed_in_the_commit_of_an_authenticate_the_tenant_opens_as_before() {
    [ROW_SENT, POSITIONS_CONFIRMED, COMMITTED].into_iter().for_each(dies_in_authenticate);
}

#[test]
fn killed_in_the_commit_of_a_table_schema_that_drops_a_table_the_next_one_drops_it() {
    [ROW_SENT, POSITIONS_CONFIRMED, COMMITTED].into_iter().for_each(dies_in_table_schema);
}

#[test]
fn killed_in_the_commit_of_a_wipe_the_table_is_right_whether_or_not_it_began_anew() {
    for (point, seen) in [(ROW_SENT, Nothing), (POSITIONS_CONFIRMED, Nothing), (COMMITTED, Everything)] {
        dies_in_wipe(point, seen);
    }
}
