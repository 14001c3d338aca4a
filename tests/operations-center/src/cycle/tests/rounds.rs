//! Changes that come while rows are being sent.

use super::*;
use crate::cycle::rounds::MAX_ROUNDS;

/// A receiver that does something at every RowData call before it answers as it should.
fn busy(mut work: impl FnMut(usize) + Send + 'static) -> Mirror {
    let mut count = 0;
    Mirror::start(STAMP, move |call| {
        if call.operation == "RowData" {
            count += 1;
            work(count);
        }
        None
    })
}

#[test]
fn what_changes_during_the_send_follows_in_the_same_cycle() {
    let source = Source::new();
    let tenant = source.again();
    let mirror = busy(move |count| {
        if count == 1 {
            insert(&tenant, "contact", 4);
            insert(&tenant, "sale", 1);
        }
    });
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    let after = source.version();
    let rows = [
        // Each of the two inserts is a version of its own.
        format!("RowData contact 3@{}", after - 2),
        format!("RowData contact 1@{after} sale 1@{after}"),
        "ReplicationCompleted contact sale".to_owned(),
    ];
    assert_eq!(said(&mirror.receiver)[4..], rows);
    assert_eq!((report.tables["contact"].inserts, report.tables["sale"].inserts), (4, 1));
    assert!(source.sent(&mirror, Options::default()).is_empty());
}

#[test]
fn a_tenant_that_never_rests_does_not_hold_its_cycle_up() {
    let source = Source::new();
    let tenant = source.again();
    let mirror = busy(move |count| insert(&tenant, "contact", 10 + i32::try_from(count).unwrap()));
    let sent = source.sent(&mirror, Options::default());
    assert_eq!(sent.iter().filter(|call| call.starts_with("RowData ")).count(), MAX_ROUNDS);
    let sent = source.sent(&mirror, Options::default());
    assert!(sent[1].starts_with("RowData contact 1@"), "{sent:?}");
}

#[test]
fn a_table_that_is_made_anew_during_the_send_waits_for_the_next_cycle() {
    let source = Source::new();
    (1..=3).for_each(|id| source.insert("sale", id));
    let tenant = source.again();
    let mirror = busy(move |count| {
        if count == 1 {
            tenant.drop_table("sale").unwrap();
            tenant.add_table(&Table::parse("sale", &["id int", "name ntext"]).unwrap()).unwrap();
            insert(&tenant, "sale", 9);
            tenant.drop_table("contact").unwrap();
        }
    });
    source.run(&mirror.receiver, Options::default()).unwrap();
    assert_eq!(said(&mirror.receiver).iter().filter(|call| call.starts_with("RowData")).count(), 1);
    let sent = source.sent(&mirror, Options::default());
    assert_eq!(sent, ["Wipe sale", &format!("RowData sale 1@{}", source.version())]);
}

#[test]
fn tables_whose_changes_are_lost_during_the_send_wait_for_the_next_cycle() {
    let source = Source::new();
    let tenant = source.again();
    let mirror = busy(move |count| {
        if count == 1 {
            insert(&tenant, "contact", 4);
            tenant.expire_tracking().unwrap();
        }
    });
    let sent = source.sent(&mirror, Options::default());
    assert_eq!((sent.len(), &*sent[0], &*sent[1]), (3, "Wipe contact", "Wipe sale"), "{sent:?}");
    let rows = format!("RowData contact 4@{}", source.version());
    assert_eq!(source.sent(&mirror, Options::default()), ["Wipe contact", "Wipe sale", &rows]);
}

#[test]
fn a_table_with_other_columns_than_announced_waits_for_the_next_cycle() {
    let source = Source::new();
    source.insert("sale", 1);
    let tenant = source.again();
    let mirror = Mirror::start(STAMP, move |call| {
        if call.operation == "TableSchema" {
            let column = "x_late int null".parse().unwrap();
            // The first cycle's only: the second announces it.
            let _ = tenant.add_column("sale", column, &Value::Null);
        }
        None
    });
    let sent = source.sent(&mirror, Options::default());
    assert_eq!(sent, ["Wipe contact", &format!("RowData contact 3@{}", source.version())]);
    assert!(source.sent(&mirror, Options::default())[1].starts_with("RowData sale 1@"));
}

#[test]
fn a_cycle_in_steps_sends_what_is_there_at_each_step() {
    let (source, mirror) = (Source::new(), mirror());
    let client = Client::new(&mirror.receiver.url);
    let mut cycle = Cycle::new(Caller::new(&client, application(), &source.tenant, &source.clock));
    cycle.authenticate().unwrap();
    let positions = cycle.table_schema().unwrap();
    source.insert("contact", 4);
    cycle.send_table("contact", positions["contact"]).unwrap();
    assert_eq!(cycle.report().tables["contact"].inserts, 0, "its only call waits for another table's rows");
    source.insert("contact", 5);
    cycle.complete().unwrap();
    assert_eq!(cycle.report().tables["contact"].inserts, 4);
    assert_eq!(source.run(&mirror.receiver, Options::default()).unwrap().tables["contact"].inserts, 1);
}
