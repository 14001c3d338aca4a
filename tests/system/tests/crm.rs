//! A CRM tenant of more than 25 tables, from the vendor's database to the mirrors', through everything that happens to
//! tables.

use operations_center::sql::{SqlType, Value};
use operations_center::tenant::Table;

use crate::support::World;
use crate::support::crm::Crm;

#[test]
fn every_table_of_a_tenant_arrives_whole_and_follows_its_changes() {
    let world = World::new();
    let bridge = world.bridge();
    let crm = Crm::new(&world, 40);
    let report = crm.cycle(&bridge);
    assert!(report.tables.len() >= 25 && report.rows() > 900);
    crm.assert_equal(&world);
    for seed in 1..=3 {
        crm.work(seed);
        let report = crm.cycle(&bridge);
        assert!(report.tables.values().any(|table| !table.wiped && table.updates > 0));
        crm.assert_equal(&world);
    }
    bridge.stop();
}

#[test]
fn tables_and_columns_that_come_go_and_change_their_type_arrive_in_the_mirrors() {
    let world = World::new();
    let bridge = world.bridge();
    let crm = Crm::new(&world, 10);
    crm.cycle(&bridge);
    crm.assert_equal(&world);

    crm.tenant.drop_table("document").unwrap();
    let new = Table::parse("y_new", &["y_id int", "x_name nvarchar(50) null", "x_price money"]).unwrap();
    crm.tenant.add_table(&new).unwrap();
    crm.tenant.insert("y_new", &[("y_id", 1.into()), ("x_name", "one".into())]).unwrap();
    crm.tenant.add_column("contact", "x_since datetime null".parse().unwrap(), &Value::Null).unwrap();
    crm.tenant.add_column("person", "x_points int".parse().unwrap(), &5.into()).unwrap();
    crm.tenant.drop_column("sale", last_column(&crm, "sale").as_str()).unwrap();
    crm.work(1);
    let report = crm.cycle(&bridge);
    assert!(
        !report.tables["contact"].wiped && !report.tables["person"].wiped && !report.tables["sale"].wiped
    );
    crm.assert_equal(&world);
    assert!(!crm.mirrored_tables(&world).contains(&"document".to_owned()));

    crm.tenant.retype_column("person", "x_points", SqlType::BigInt).unwrap();
    crm.work(2);
    assert!(crm.cycle(&bridge).tables["person"].wiped, "another type begins the table anew");
    crm.assert_equal(&world);
}

#[test]
fn a_full_repopulation_leaves_source_topic_and_mirrors_equal() {
    let world = World::new();
    let bridge = world.bridge();
    let crm = Crm::new(&world, 10);
    crm.cycle(&bridge);
    crm.work(1);
    crm.tenant.expire_tracking().unwrap();
    let report = crm.cycle(&bridge);
    assert!(report.tables.values().all(|table| table.wiped));
    crm.assert_equal(&world);
}

#[test]
fn a_source_restored_from_a_backup_is_mirrored_as_it_is_then() {
    let world = World::new();
    let bridge = world.bridge();
    let crm = Crm::new(&world, 10);
    let backup = world.folder().join("backup.db");
    crm.cycle(&bridge);
    crm.tenant.backup(&backup).unwrap();
    crm.work(1);
    crm.cycle(&bridge);
    crm.tenant.restore(&backup).unwrap();
    crm.cycle(&bridge);
    crm.assert_equal(&world);
}

#[test]
fn mirrors_that_were_away_catch_up() {
    let world = World::new();
    let bridge = world.bridge();
    let mut crm = Crm::new(&world, 10);
    crm.cycle(&bridge);
    crm.assert_equal(&world);
    crm.stop_mirrors();
    for seed in 1..=2 {
        crm.work(seed);
        crm.cycle(&bridge);
    }
    crm.start_mirrors();
    crm.assert_equal(&world);
}

#[test]
fn a_bridge_killed_again_and_again_in_mid_cycle_loses_nothing() {
    let world = World::new();
    let crm = Crm::new(&world, 20);
    for round in 0..6 {
        crm.work(round);
        let bridge = world.bridge();
        let url = bridge.url.clone();
        std::thread::scope(|scope| {
            let kill = scope.spawn(|| {
                // Some calls into the cycle, in another place each time.
                let calls = 3 + round;
                crate::support::wait_until("enough calls were handled", || {
                    bridge.log().matches("call done").count() as u64 >= calls
                });
                bridge.kill();
            });
            let cycle = crm.try_cycle_at(&url);
            kill.join().unwrap();
            assert!(cycle.is_err(), "the cycle of round {round} was over before the kill");
        });
    }
    let bridge = world.bridge();
    crm.cycle(&bridge);
    crm.assert_equal(&world);
}

fn last_column(crm: &Crm, table: &str) -> String {
    crm.tenant.table(table).unwrap().columns.last().unwrap().name.clone()
}
