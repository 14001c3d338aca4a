//! The demo as a person runs it, in a folder of its own with services of its own.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use demo::comparison::Comparison;
use operations_center::tenant::Tenant;

const TENANT: &str = "Cust10001";

fn run(folder: &Path, seconds: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(["--seconds", seconds, "--size", "20", "--folder"]).arg(folder);
    command.output().unwrap()
}

/// Processes whose command line names the folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let line = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(name)).collect()
}

#[test]
fn it_ends_by_itself_with_an_equal_comparison_that_one_changed_cell_makes_fail() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "3");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("rows: equal"), "{text}");
    assert_eq!(processes_of(folder.path()), Vec::<String>::new(), "something was left running");

    let source = Tenant::open(&folder.path().join(format!("{TENANT}.db"))).unwrap();
    let mirror = folder.path().join("mirror").join(format!("{TENANT}.sqlite"));
    let before = Comparison::of(&source, &mirror).unwrap();
    assert!(before.is_equal() && before.is_exercised(), "{before}");
    assert!(before.tables.len() >= 25);

    let connection = rusqlite::Connection::open(&mirror).unwrap();
    let column: String = connection
        .query_row(
            "SELECT name FROM pragma_table_info('contact') WHERE type LIKE '%char%' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let changed = connection
        .execute(
            &format!(
                "UPDATE contact SET \"{column}\" = 'changed by hand' WHERE rowid = (SELECT min(rowid) FROM contact)"
            ),
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    let after = Comparison::of(&source, &mirror).unwrap();
    assert!(!after.is_equal());
    let different: Vec<_> = after.tables.iter().filter(|(_, table)| !table.is_equal()).collect();
    assert_eq!(different.len(), 1, "{after}");
    assert_eq!(different[0].0, "contact");
}
