//! Backup and restore.

use super::*;

#[test]
fn a_restored_tenant_is_behind_but_keeps_its_last_token_time() {
    let Fixture { folder, tenant, .. } = &tracked();
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
fn a_file_that_is_no_tenant_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Cust9.db");
    assert!(matches!(Tenant::open(&path), Err(TenantError::NoFile { .. })));
    std::fs::write(&path, "not a database, though long enough to be taken for one").unwrap();
    assert!(matches!(Tenant::open(&path), Err(TenantError::NotATenant { .. })));
    assert!(matches!(Tenant::create(&path), Err(TenantError::FileExists { .. })));
}

#[test]
fn a_restored_table_that_gets_a_column_back_is_not_tracked() {
    let Fixture { folder, tenant, .. } = &tracked();
    tenant.insert("contact", &[("contact_id", 1.into()), ("rank", 1.5.into())]).unwrap();
    let version = tenant.version().unwrap();
    let backup = folder.path().join("backup.db");
    tenant.backup(&backup).unwrap();
    tenant.restore(&backup).unwrap();
    assert!(knows(tenant, version));
    tenant.drop_column("contact", "rank").unwrap();
    // A mirror now drops the column, and its position stays as it was.
    for _ in 0..2 {
        tenant.restore(&backup).unwrap();
        assert_eq!((tenant.version().unwrap(), knows(tenant, version)), (version, false));
        assert!(tenant.enable_tracking("contact").unwrap() && !knows(tenant, version));
    }
}

#[test]
fn a_restore_brings_back_dropped_tables_and_takes_new_ones_away() {
    let Fixture { folder, tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    tenant.add_column("contact", "x_note ntext null".parse().unwrap(), &"x".into()).unwrap();
    tenant.retype_column("contact", "contact_id", "nvarchar(5)".parse().unwrap()).unwrap();
    let (table, checksum) = (tenant.table("contact").unwrap(), tenant.checksum("contact").unwrap());
    let backup = folder.path().join("backup.db");
    tenant.backup(&backup).unwrap();
    tenant.drop_table("contact").unwrap();
    tenant.add_table(&Table::parse("y_new", &["id int"]).unwrap()).unwrap();
    tenant.restore(&backup).unwrap();
    assert_eq!(tenant.tables().unwrap(), [table]);
    assert_eq!(tenant.checksum("contact").unwrap(), checksum);
    tenant.add_table(&Table::parse("y_new", &["id int"]).unwrap()).unwrap();
}

#[test]
fn a_restore_that_fails_changes_nothing() {
    let Fixture { folder, tenant, .. } = &tracked();
    insert(tenant, 1, "a");
    let checksum = tenant.checksum("contact").unwrap();
    let backup = folder.path().join("backup.db");
    assert!(matches!(tenant.restore(&backup), Err(TenantError::NoFile { .. })));
    tenant.backup(&backup).unwrap();
    assert!(matches!(tenant.backup(&backup), Err(TenantError::FileExists { .. })));
    let damaged = rusqlite::Connection::open(&backup).unwrap();
    damaged.execute_batch(r#"DROP TABLE "sys.versions""#).unwrap();
    drop(damaged);
    for _ in 0..2 {
        tenant.restore(&backup).unwrap_err();
        assert_eq!(tenant.checksum("contact").unwrap(), checksum);
    }
    insert(tenant, 2, "b");
}
