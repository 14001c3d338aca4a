//! How rows are cut into batches and calls.

use super::*;

fn of(batch_bytes: usize) -> Options {
    Options { batch_bytes: Some(batch_bytes), ..Options::default() }
}

#[test]
fn a_call_ends_with_the_row_that_fills_it_and_only_the_last_batch_has_a_position() {
    let (source, mirror) = (Source::new(), mirror());
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    let version = source.version();
    // A row of 300 letters takes more than 400 bytes, and two of them less than 1000.
    for (bytes, expected) in [
        (1, format!("contact 1@- contact 1@- contact 1@{version}")),
        (1000, format!("contact 3@{version}")),
        (600, format!("contact 2@- contact 1@{version}")),
    ] {
        mirror.restore(BTreeMap::new());
        let sent = source.sent(&mirror, of(bytes));
        let rows: Vec<&str> = sent.iter().filter_map(|call| call.strip_prefix("RowData ")).collect();
        assert_eq!(rows.join(" "), expected, "{bytes}");
    }
}

#[test]
fn a_batch_size_may_be_larger_than_any_memory() {
    let (source, mirror) = (Source::new(), mirror());
    let sent = source.sent(&mirror, of(usize::MAX));
    assert_eq!(sent[2..], [format!("RowData contact 3@{}", source.version())]);
}

#[test]
fn a_rows_bytes_are_those_that_it_takes() {
    let (source, mirror) = (Source::new(), mirror());
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    let calls = mirror.receiver.take_calls();
    let rows = calls.iter().find(|call| call.operation == "RowData").unwrap().texts("a:Data")[0].len();
    assert_eq!(report.tables["contact"].bytes, rows as u64);
}

#[test]
fn small_tables_share_a_call_after_all_their_wipes() {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    let sent = source.sent(&mirror, Options::default());
    let version = source.version();
    let rows = format!("RowData contact 3@{version} sale 1@{version}");
    assert_eq!(sent, ["Wipe contact", "Wipe sale", &rows]);
    assert_eq!(mirror.positions().into_values().collect::<Vec<_>>(), [version, version]);
}

#[test]
fn a_call_has_room_for_the_beginning_of_the_next_table() {
    let (source, mirror) = (Source::new(), mirror());
    (1..=3).for_each(|id| source.insert("sale", id));
    let sent = source.sent(&mirror, of(1500));
    let version = source.version();
    let rows = [format!("RowData contact 3@{version} sale 1@-"), format!("RowData sale 2@{version}")];
    assert_eq!(sent, ["Wipe contact", "Wipe sale", &rows[0], &rows[1]]);
}

#[test]
fn tables_can_be_kept_in_calls_of_their_own() {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    let sent = source.sent(&mirror, Options { combine: false, ..Options::default() });
    let version = source.version();
    let rows = [format!("RowData contact 3@{version}"), format!("RowData sale 1@{version}")];
    assert_eq!(sent, ["Wipe contact", &rows[0], "Wipe sale", &rows[1]]);
}

#[test]
fn the_oldest_changes_go_first() {
    let (source, mirror) = (Source::new(), mirror());
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    for id in [9, 7, 8] {
        source.insert("contact", id);
    }
    source.tenant.update("contact", &9.into(), &[("name", Value::Null)]).unwrap();
    source.run(&mirror.receiver, of(1)).unwrap();
    let calls = mirror.receiver.take_calls();
    let rows: Vec<&str> = calls.iter().flat_map(|call| call.texts("b:string")).collect();
    assert_eq!(rows, ["[I:7]", "n", "[I:8]", "n", "[I:9]"]);
}

#[test]
fn indented_calls_say_the_same() {
    let (source, mirror) = (Source::new(), mirror());
    source.run(&mirror.receiver, Options { pretty: true, ..Options::default() }).unwrap();
    let calls = mirror.receiver.take_calls();
    let rows = calls.iter().find(|call| call.operation == "RowData").unwrap();
    assert!(rows.body.starts_with("<s:Envelope ") && rows.body.ends_with("\n</s:Envelope>"), "{}", rows.body);
    assert!(rows.body.contains("\n                <b:string>[I:1]</b:string>\n"), "{}", rows.body);
}
