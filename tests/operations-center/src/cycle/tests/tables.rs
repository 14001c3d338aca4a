//! Tables that never leave.

use super::*;
use crate::tenant::Preference;

fn source() -> Source {
    let source = Source::new();
    source.insert("sale", 1);
    source.tenant.add_table(&Table::parse("credentials", &["id int", "name ntext null"]).unwrap()).unwrap();
    source.insert("credentials", 1);
    source
}

#[test]
fn a_blocked_table_is_neither_announced_nor_sent() {
    let (source, mirror) = (source(), mirror());
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    assert_eq!(report.tables.keys().collect::<Vec<_>>(), ["contact", "sale"]);
    let calls = mirror.receiver.take_calls();
    assert_eq!(in_short(&calls[1]), "TableSchema contact sale");
    assert!(!calls.iter().any(|call| call.body.contains("credentials")));
}

#[test]
fn a_skipped_table_is_neither_announced_nor_sent_and_so_leaves_the_mirror() {
    let (source, mirror) = (source(), mirror());
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    source.insert("sale", 2);
    source.insert("contact", 4);
    source.tenant.set_preference(Preference::SkipTable, " Sale,,credentials , ").unwrap();
    source.run(&mirror.receiver, Options::default()).unwrap();
    assert_eq!(
        said(&mirror.receiver)[1..],
        [
            "TableSchema contact".to_owned(),
            format!("RowData contact 1@{}", source.version()),
            "ReplicationCompleted contact".to_owned()
        ]
    );
}

#[test]
fn the_tenants_batch_size_counts() {
    let (source, mirror) = (source(), mirror());
    source.tenant.set_preference(Preference::BatchSize, "1").unwrap();
    source.run(&mirror.receiver, Options::default()).unwrap();
    assert_eq!(said(&mirror.receiver).iter().filter(|call| call.starts_with("RowData")).count(), 4);
}
