//! Tenants and approvals in the folder.

use std::fs;

use super::*;
use crate::tenant::TenantError;

fn of(center: &Center) -> Vec<(String, String, i64)> {
    let approvals = center.approvals().unwrap();
    approvals.into_iter().map(|given| (given.tenant, given.application, given.approved_ms)).collect()
}

#[test]
fn approvals_are_kept_with_their_first_moment_until_they_are_revoked() {
    let world = World::new();
    world.register("abc");
    ["Cust2", "Cust1"].iter().for_each(|name| drop(world.create_tenant(name)));
    world.center.approve("Cust2", "abc").unwrap();
    world.clock.set_seconds(1_600_000_020);
    world.center.approve("Cust1", "the application abc").unwrap();
    world.center.approve("Cust2", "abc").unwrap();
    let given = |tenant: &str, seconds: i64| (tenant.to_owned(), "abc".to_owned(), seconds * 1000);
    assert_eq!(of(&world.reopened()), [given("Cust1", 1_600_000_020), given("Cust2", 1_600_000_000)]);
    world.center.revoke("Cust2", "the application abc").unwrap();
    assert_eq!(of(&world.reopened()), [given("Cust1", 1_600_000_020)]);
    let error = world.center.revoke("Cust2", "abc").unwrap_err();
    assert_eq!(error.to_string(), "tenant 'Cust2' has not approved application 'abc'");
    world.center.approve("Cust2", "abc").unwrap();
    assert_eq!(of(&world.reopened())[1], given("Cust2", 1_600_000_020));
}

#[test]
fn only_what_exists_is_approved_but_anything_can_be_revoked() {
    let world = World::new();
    world.register("abc");
    world.create_tenant("Cust1");
    assert!(matches!(world.center.approve("Cust2", "abc"), Err(CenterError::NoTenant { .. })));
    assert!(matches!(world.center.approve("Cust1", "def"), Err(CenterError::NoApplication { .. })));
    world.center.approve("Cust1", "abc").unwrap();
    fs::remove_dir_all(world.center.application_folder("abc")).unwrap();
    world.center.revoke("Cust1", "abc").unwrap();
    assert_eq!(of(&world.center), []);
}

#[test]
fn a_damaged_file_is_named() {
    let world = World::new();
    let path = world.folder.path().join("approvals.json");
    fs::write(&path, "[{}]").unwrap();
    let error = world.center.approvals().unwrap_err().to_string();
    assert!(error.contains("approvals.json is damaged"), "{error}");
}

#[test]
fn tenants_are_listed_by_name_and_settings_are_seen_at_once() {
    let world = World::new();
    let tenant = world.create_tenant("Cust2");
    world.create_tenant("Cust1");
    let center = world.reopened();
    assert_eq!(center.tenants().unwrap(), ["Cust1", "Cust2"]);
    assert_eq!(center.tenant("Cust2").unwrap().name(), "Cust2");
    tenant.set_maintenance(true).unwrap();
    assert!(center.tenant("Cust2").unwrap().settings().unwrap().maintenance);
    for unknown in ["Cust3", "", ".", "../tenants/Cust1"] {
        assert!(matches!(center.tenant(unknown), Err(CenterError::NoTenant { .. })), "{unknown}");
    }
}

#[test]
fn a_tenants_name_is_fit_for_a_file_and_taken_once() {
    let world = World::new();
    world.create_tenant("Cust1");
    let create = |name: &str| world.center.create_tenant(name, empty);
    for name in ["", ".x", "a/b", "a b", "a.b", "-x", "x\0", &"x".repeat(101)] {
        assert!(matches!(create(name), Err(CenterError::Name { .. })), "{name}");
    }
    assert!(matches!(create("Cust1"), Err(CenterError::TenantExists { .. })));
    create("Kundé-1_x").unwrap();
    assert_eq!(world.center.tenants().unwrap(), ["Cust1", "Kundé-1_x"]);
}

#[test]
fn a_tenant_appears_when_it_is_complete_or_not_at_all() {
    let world = World::new();
    let tenants = || world.reopened().tenants().unwrap();
    let failed = world.center.create_tenant("Cust1", |path| {
        Tenant::create(path)?.set_maintenance(true)?;
        assert_eq!(tenants(), Vec::<String>::new());
        Err(CenterError::Tenant(TenantError::NoTable { table: "none".to_owned() }))
    });
    assert!(failed.unwrap_err().to_string().contains("no table none"));
    let tenant = world.center.create_tenant("Cust1", |path| {
        Tenant::create(path)?.set_maintenance(true)?;
        Ok::<_, CenterError>(())
    });
    assert!(tenant.unwrap().settings().unwrap().maintenance, "what was written before the rename is lost");
    assert_eq!(tenants(), ["Cust1"]);
    assert_eq!(fs::read_dir(world.folder.path().join("tenants")).unwrap().count(), 1, "a draft was left");
}

#[test]
fn whoever_is_ready_first_gets_the_name() {
    let world = World::new();
    let late = world.center.create_tenant("Cust1", |path| {
        world.create_tenant("Cust1").set_maintenance(true)?;
        empty(path)
    });
    assert!(matches!(late, Err(CenterError::TenantExists { .. })), "{late:?}");
    assert!(world.center.tenant("Cust1").unwrap().settings().unwrap().maintenance);
}

#[test]
fn what_killed_processes_left_is_removed_and_what_others_make_is_not() {
    let world = World::new();
    let abandoned = world.folder.path().join("tenants").join(".draft-abandoned");
    fs::create_dir_all(&abandoned).unwrap();
    fs::write(abandoned.join(".lock"), "").unwrap();
    fs::write(abandoned.join("Cust9.db"), "half a database").unwrap();
    let outer = world.center.create_tenant("Cust1", |path| {
        assert!(!abandoned.exists());
        world.create_tenant("Cust2");
        empty(path)
    });
    outer.unwrap();
    assert_eq!(world.center.tenants().unwrap(), ["Cust1", "Cust2"]);
}

#[test]
fn a_dropped_tenant_takes_its_approvals_along() {
    let world = World::new();
    world.register("abc");
    for name in ["Cust1", "Cust2"] {
        world.create_tenant(name);
        world.center.approve(name, "abc").unwrap();
    }
    world.center.drop_tenant("Cust1").unwrap();
    assert_eq!(world.center.tenants().unwrap(), ["Cust2"]);
    assert_eq!(of(&world.center).len(), 1);
    assert!(matches!(world.center.drop_tenant("Cust1"), Err(CenterError::NoTenant { .. })));
    assert_eq!(fs::read_dir(world.folder.path().join("tenants")).unwrap().count(), 1, "something was left");
}

#[test]
fn a_new_tenant_does_not_inherit_the_approvals_of_one_removed_by_hand() {
    let world = World::new();
    world.register("abc");
    world.create_tenant("Cust1");
    world.center.approve("Cust1", "abc").unwrap();
    fs::remove_file(world.center.tenant_path("Cust1")).unwrap();
    world.create_tenant("Cust1");
    assert_eq!(of(&world.center), []);
}

#[test]
fn a_tenant_in_use_is_not_dropped_and_keeps_its_approvals() {
    let world = World::new();
    world.register("abc");
    let open = world.create_tenant("Cust1");
    world.center.approve("Cust1", "abc").unwrap();
    let snapshot = open.snapshot().unwrap();
    let error = world.center.drop_tenant("Cust1").unwrap_err();
    assert!(matches!(error, CenterError::Tenant(TenantError::InUse { .. })), "{error}");
    drop(snapshot);
    assert!(world.center.drop_tenant("Cust1").is_err());
    assert_eq!(of(&world.center).len(), 1);
    assert_eq!(open.settings().unwrap(), world.center.tenant("Cust1").unwrap().settings().unwrap());
    drop(open);
    world.center.drop_tenant("Cust1").unwrap();
}

#[test]
fn backups_get_files_of_their_own_where_none_is_named() {
    let world = World::new();
    world.create_tenant("Cust1");
    let one = world.center.backup_tenant("Cust1", None).unwrap();
    assert!(one.starts_with(world.folder.path().join("backups")), "{}", one.display());
    assert!(world.center.backup_tenant("Cust1", Some(&one)).is_err());
    world.clock.set_seconds(1_600_000_001);
    let two = world.center.backup_tenant("Cust1", None).unwrap();
    assert_ne!(one, two);
    assert_eq!(Tenant::open(&two).unwrap().name(), "Cust1");
}
