//! Change tracking and definitions, as claims.

use tempfile::TempDir;

use super::*;
use crate::sql::SqlType;

struct Fixture {
    _folder: TempDir,
    tenant: Tenant,
}

fn tenant() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap();
    let table = Table::parse("contact", &["contact_id int", "name nvarchar(20)", "rank float null"]).unwrap();
    tenant.add_table(&table).unwrap();
    Fixture { _folder: folder, tenant }
}

fn insert(tenant: &Tenant, id: i32, name: &str) {
    tenant.insert("contact", &[("contact_id", id.into()), ("name", name.into())]).unwrap();
}

fn rename(tenant: &Tenant, id: i32, name: &str) {
    assert!(tenant.update("contact", &id.into(), &[("name", name.into())]).unwrap());
}

/// Changes since a version as `I1=name`; a deleted row has no name.
fn changes(tenant: &Tenant, since: i64) -> Vec<String> {
    let snapshot = tenant.snapshot().unwrap();
    let mut changes = Vec::new();
    snapshot
        .for_each_change(&snapshot.table("contact").unwrap(), since, |change, values| {
            let letter = match change {
                Change::Insert => 'I',
                Change::Update => 'U',
                Change::Delete => 'D',
            };
            let (Value::Whole(key), name) = (&values[0], &values[1]) else {
                panic!("a key that is no number")
            };
            let name = if let Value::Text(name) = name { name } else { "-" };
            changes.push(format!("{letter}{key}={name}"));
            Ok::<_, TenantError>(())
        })
        .unwrap();
    changes
}

#[test]
fn an_insert_followed_by_updates_is_one_insert_with_the_final_state() {
    let Fixture { tenant, .. } = &tenant();
    let before = tenant.version().unwrap();
    insert(tenant, 1, "a");
    rename(tenant, 1, "b");
    assert_eq!(changes(tenant, before), ["I1=b"]);
}

#[test]
fn a_mirror_that_has_the_row_sees_an_update() {
    let Fixture { tenant, .. } = &tenant();
    insert(tenant, 1, "a");
    let between = tenant.version().unwrap();
    rename(tenant, 1, "b");
    rename(tenant, 1, "c");
    assert_eq!(changes(tenant, between), ["U1=c"]);
}

#[test]
fn an_insert_followed_by_a_delete_is_a_delete() {
    let Fixture { tenant, .. } = &tenant();
    let before = tenant.version().unwrap();
    insert(tenant, 1, "a");
    assert!(tenant.delete("contact", &1.into()).unwrap());
    assert_eq!(changes(tenant, before), ["D1=-"]);
}

#[test]
fn a_delete_followed_by_an_insert_is_an_insert() {
    let Fixture { tenant, .. } = &tenant();
    insert(tenant, 1, "a");
    let between = tenant.version().unwrap();
    tenant.delete("contact", &1.into()).unwrap();
    insert(tenant, 1, "b");
    assert_eq!(changes(tenant, between), ["I1=b"]);
    rename(tenant, 1, "c");
    assert_eq!(changes(tenant, between), ["I1=c"]);
}

#[test]
fn a_transaction_is_one_version_and_one_that_changes_nothing_is_none() {
    let Fixture { tenant, .. } = &tenant();
    let before = tenant.version().unwrap();
    let both = |edit: &mut Edit<'_>| -> Result<(), TenantError> {
        edit.insert("contact", &[("contact_id", 1.into())])?;
        edit.insert("contact", &[("contact_id", 2.into())])
    };
    tenant.transaction(both).unwrap();
    assert_eq!(tenant.version().unwrap(), before + 1);
    assert!(!tenant.delete("contact", &99.into()).unwrap());
    assert!(!tenant.update("contact", &99.into(), &[("name", "x".into())]).unwrap());
    assert_eq!(tenant.version().unwrap(), before + 1);
    tenant.transaction(both).unwrap_err();
    assert_eq!(tenant.version().unwrap(), before + 1);
}

#[test]
fn a_snapshot_keeps_version_and_rows_together() {
    let Fixture { tenant, .. } = &tenant();
    insert(tenant, 1, "a");
    let snapshot = tenant.snapshot().unwrap();
    let (version, checksum) = (snapshot.version(), snapshot.checksum("contact").unwrap());
    insert(tenant, 2, "b");
    assert_eq!((snapshot.version(), snapshot.checksum("contact").unwrap()), (version, checksum));
    assert_eq!(tenant.version().unwrap(), version + 1);
    assert_ne!(tenant.checksum("contact").unwrap(), checksum);
}

#[test]
fn rows_older_than_tracking_are_in_no_change_but_make_old_positions_invalid() {
    let Fixture { tenant, .. } = &tenant();
    let before = tenant.version().unwrap();
    assert_eq!(tenant.load("contact", [vec![1.into(), "a".into(), Value::Null]]).unwrap(), 1);
    assert_eq!(changes(tenant, 0), [""; 0]);
    let snapshot = tenant.snapshot().unwrap();
    assert!(snapshot.min_valid_version("contact").unwrap() > before);
    assert!(snapshot.min_valid_version("contact").unwrap() <= snapshot.version());
}

#[test]
fn expired_tracking_and_a_new_table_of_an_old_name_make_old_positions_invalid() {
    let Fixture { tenant, .. } = &tenant();
    insert(tenant, 1, "a");
    let version = tenant.version().unwrap();
    tenant.expire_tracking().unwrap();
    assert!(tenant.snapshot().unwrap().min_valid_version("contact").unwrap() > version);
    let (table, version) = (tenant.table("contact").unwrap(), tenant.version().unwrap());
    tenant.drop_table("contact").unwrap();
    assert!(matches!(tenant.checksum("contact"), Err(TenantError::NoTable { .. })));
    tenant.add_table(&table).unwrap();
    assert!(tenant.snapshot().unwrap().min_valid_version("contact").unwrap() > version);
    assert_eq!(tenant.checksum("contact").unwrap().rows, 0);
}

#[test]
fn a_restored_tenant_is_behind_but_keeps_its_last_token_time() {
    let Fixture { _folder: folder, tenant } = &tenant();
    insert(tenant, 1, "a");
    let (version, checksum) = (tenant.version().unwrap(), tenant.checksum("contact").unwrap());
    let backup = folder.path().join("backup.db");
    tenant.backup(&backup).unwrap();
    insert(tenant, 2, "b");
    tenant.add_table(&Table::parse("y_new", &["id int"]).unwrap()).unwrap();
    tenant.set_last_not_before(77).unwrap();
    tenant.restore(&backup).unwrap();
    assert_eq!((tenant.version().unwrap(), tenant.checksum("contact").unwrap()), (version, checksum));
    assert_eq!(tenant.tables().unwrap().len(), 1);
    assert_eq!(tenant.last_not_before().unwrap(), 77);
    assert_eq!(changes(tenant, 0), ["I1=a"]);
}

#[test]
fn a_filled_column_is_an_update_of_every_row_and_an_empty_one_of_none() {
    let Fixture { tenant, .. } = &tenant();
    insert(tenant, 1, "a");
    let before = tenant.version().unwrap();
    tenant.add_column("contact", "x_note nvarchar(9) null".parse().unwrap(), &Value::Null).unwrap();
    assert_eq!(changes(tenant, before), [""; 0]);
    tenant.add_column("contact", "x_rank int".parse().unwrap(), &7.into()).unwrap();
    assert_eq!(changes(tenant, before), ["U1=a"]);
    let columns = tenant.table("contact").unwrap().columns;
    assert_eq!(columns.last().map(|column| column.name.as_str()), Some("x_rank"));
    tenant.drop_column("contact", "name").unwrap();
    assert!(tenant.drop_column("contact", "contact_id").is_err());
    assert_eq!(tenant.checksum("contact").unwrap().rows, 1);
}

#[test]
fn a_retyped_column_converts_its_values_or_refuses() {
    let Fixture { tenant, .. } = &tenant();
    insert(tenant, 1, "12");
    tenant.retype_column("contact", "name", SqlType::BigInt).unwrap();
    tenant.update("contact", &1.into(), &[("name", 13.into())]).unwrap();
    tenant.retype_column("contact", "name", "nvarchar(2)".parse().unwrap()).unwrap();
    assert_eq!(changes(tenant, 0), ["I1=13"]);
    rename(tenant, 1, "ab");
    let error = tenant.retype_column("contact", "name", SqlType::Int).unwrap_err();
    assert!(error.to_string().contains("column name of table contact"), "{error}");
    let version = tenant.version().unwrap();
    tenant.retype_column("contact", "contact_id", SqlType::BigInt).unwrap();
    assert!(tenant.snapshot().unwrap().min_valid_version("contact").unwrap() > version);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let Fixture { tenant, .. } = &tenant();
    let long = "x".repeat(21);
    let cases: [(&[(&str, Value)], &str); 4] = [
        (&[("contact_id", 1.into()), ("name", long.as_str().into())], "column name"),
        (&[("contact_id", Value::Null)], "int not null"),
        (&[("contact_id", 1.into()), ("rank", f64::NAN.into())], "column rank"),
        (&[("nothing", 1.into())], "no column nothing"),
    ];
    for (cells, part) in cases {
        let error = tenant.insert("contact", cells).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let nullable = Table::parse("t", &["id int null"]).unwrap();
    assert!(matches!(tenant.add_table(&nullable), Err(TenantError::NoKey { .. })));
    let twice = tenant.table("contact").unwrap();
    assert!(matches!(tenant.add_table(&twice), Err(TenantError::TableExists { .. })));
}

#[test]
fn a_file_that_is_no_tenant_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Cust9.db");
    assert!(matches!(Tenant::open(&path), Err(TenantError::NoFile { .. })));
    std::fs::write(&path, "not a database, though long enough to be taken for one").unwrap();
    assert!(matches!(Tenant::open(&path), Err(TenantError::NotATenant { .. })));
    assert!(matches!(Tenant::create(&path), Err(TenantError::FileExists { .. })));
}
