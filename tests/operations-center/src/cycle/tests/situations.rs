//! "What makes the mirror come back by itself": the protocol's table, situation by situation.

use super::*;

/// A tenant with rows in both tables, and a mirror that has them.
fn mirrored() -> (Source, Mirror) {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    (source, mirror)
}

/// What a position is held of.
fn held(table: &str) -> (String, String) {
    ("Cust1".to_owned(), table.to_owned())
}

/// Everything of both tables, `contacts` and `sales` rows.
fn everything(source: &Source, contacts: usize, sales: usize) -> Vec<String> {
    let version = source.version();
    let rows = format!("RowData contact {contacts}@{version} sale {sales}@{version}");
    vec!["Wipe contact".to_owned(), "Wipe sale".to_owned(), rows]
}

#[test]
fn a_mirror_restored_from_an_older_backup_gets_what_came_since() {
    let (source, mirror) = mirrored();
    let backup = mirror.positions();
    source.insert("contact", 4);
    source.run(&mirror.receiver, Options::default()).unwrap();
    source.insert("contact", 5);
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    mirror.restore(backup);
    let expected = format!("RowData contact 2@{}", source.version());
    assert_eq!(source.sent(&mirror, Options::default()), [expected]);
}

#[test]
fn a_mirror_that_was_thrown_away_is_repopulated() {
    let (source, mirror) = mirrored();
    mirror.restore(BTreeMap::new());
    assert_eq!(source.sent(&mirror, Options::default()), everything(&source, 3, 1));
}

#[test]
fn one_table_that_was_thrown_away_is_repopulated_alone() {
    let (source, mirror) = mirrored();
    let mut positions = mirror.positions();
    positions.remove(&held("contact"));
    mirror.restore(positions);
    let rows = format!("RowData contact 3@{}", source.version());
    assert_eq!(source.sent(&mirror, Options::default()), ["Wipe contact", &rows]);
}

#[test]
fn a_mirror_that_was_away_for_less_than_the_retention_continues() {
    let (source, mirror) = mirrored();
    (4..9).for_each(|id| source.insert("contact", id));
    let expected = format!("RowData contact 5@{}", source.version());
    assert_eq!(source.sent(&mirror, Options::default()), [expected]);
}

#[test]
fn a_mirror_that_was_away_for_longer_is_repopulated() {
    let (source, mirror) = mirrored();
    source.insert("contact", 4);
    source.tenant.expire_tracking().unwrap();
    assert_eq!(source.sent(&mirror, Options::default()), everything(&source, 4, 1));
    assert!(source.sent(&mirror, Options::default()).is_empty());
}

#[test]
fn a_mirror_that_is_ahead_of_a_restored_source_is_repopulated() {
    let (source, mirror) = mirrored();
    let backup = source.folder.path().join("backup.db");
    source.tenant.backup(&backup).unwrap();
    source.insert("sale", 2);
    source.insert("contact", 4);
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    source.tenant.restore(&backup).unwrap();
    assert_eq!(source.sent(&mirror, Options::default()), everything(&source, 3, 1));
    assert!(source.sent(&mirror, Options::default()).is_empty());
}

/// Nobody can see it; the protocol leaves it to whoever restored.
#[test]
fn a_restored_source_that_has_passed_the_mirror_again_is_not_noticed() {
    let (source, mirror) = mirrored();
    let backup = source.folder.path().join("backup.db");
    source.tenant.backup(&backup).unwrap();
    source.insert("contact", 4);
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    source.tenant.restore(&backup).unwrap();
    source.insert("contact", 5);
    source.insert("contact", 6);
    let expected = format!("RowData contact 1@{}", source.version());
    assert_eq!(source.sent(&mirror, Options::default()), [expected]);
}

#[test]
fn new_tables_and_columns_are_announced_and_a_dropped_table_is_not() {
    let (source, mirror) = mirrored();
    source.tenant.add_column("contact", "x_rank int null".parse().unwrap(), &Value::Null).unwrap();
    source.tenant.add_table(&Table::parse("y_new", &["y_id int"]).unwrap()).unwrap();
    source.tenant.insert("y_new", &[("y_id", 1.into())]).unwrap();
    source.tenant.drop_table("sale").unwrap();
    source.run(&mirror.receiver, Options::default()).unwrap();
    let calls = mirror.receiver.take_calls();
    assert_eq!(calls[1].texts("a:TableName"), ["contact", "y_new"]);
    assert_eq!(calls[1].texts("a:Name"), ["id", "name", "x_rank", "y_id"]);
    let said: Vec<String> = calls[2..4].iter().map(in_short).collect();
    assert_eq!(said, ["Wipe y_new", &format!("RowData y_new 1@{}", source.version())]);
}

#[test]
fn a_table_whose_columns_type_the_receiver_cannot_change_in_place_is_repopulated() {
    let (source, mirror) = mirrored();
    source.tenant.retype_column("contact", "name", "nvarchar(400)".parse().unwrap()).unwrap();
    let mut positions = mirror.positions();
    positions.insert(held("contact"), -1);
    mirror.restore(positions);
    let rows = format!("RowData contact 3@{}", source.version());
    assert_eq!(source.sent(&mirror, Options::default()), ["Wipe contact", &rows]);
}

#[test]
fn a_table_whose_tracking_had_to_be_switched_on_is_repopulated_whatever_the_mirror_has() {
    let (source, mirror) = mirrored();
    source.tenant.disable_tracking("contact").unwrap();
    let mut positions = mirror.positions();
    // The version that switching it on will take.
    positions.insert(held("contact"), source.version() + 1);
    mirror.restore(positions);
    let sent = source.sent(&mirror, Options::default());
    assert_eq!(sent, ["Wipe contact", &format!("RowData contact 3@{}", source.version())]);
    assert!(source.sent(&mirror, Options::default()).is_empty());
}

#[test]
fn changes_made_before_a_new_tenants_tables_are_tracked_are_in_its_first_population() {
    let (source, mirror) = (Source::new(), mirror());
    assert_eq!(source.tenant.snapshot().unwrap().min_valid_version("contact").unwrap(), None);
    source.tenant.update("contact", &1.into(), &[("name", "new".into())]).unwrap();
    source.tenant.delete("contact", &2.into()).unwrap();
    source.run(&mirror.receiver, Options::default()).unwrap();
    let calls = mirror.receiver.take_calls();
    let rows = calls.iter().find(|call| call.operation == "RowData").unwrap();
    assert_eq!((rows.texts("a:Operation"), rows.texts("b:string")[1]), (vec!["I", "I"], "new"));
}
