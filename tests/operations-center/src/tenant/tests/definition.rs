//! Tables and columns that come, go and change.

use super::*;
use crate::sql::SqlType;

#[test]
fn a_filled_column_is_an_update_of_every_row_and_an_empty_one_of_none() {
    let Fixture { tenant, .. } = &tracked();
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
    let Fixture { tenant, .. } = &tracked();
    insert(tenant, 1, "12");
    tenant.retype_column("contact", "name", SqlType::BigInt).unwrap();
    tenant.update("contact", &1.into(), &[("name", 13.into())]).unwrap();
    tenant.retype_column("contact", "name", "nvarchar(2)".parse().unwrap()).unwrap();
    assert_eq!(changes(tenant, 0), ["I1=13"]);
    rename(tenant, 1, "ab");
    let error = tenant.retype_column("contact", "name", SqlType::Int).unwrap_err();
    assert!(error.to_string().contains("column name of table contact"), "{error}");
    assert_eq!(changes(tenant, 0), ["I1=ab"]);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let Fixture { tenant, .. } = &tracked();
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
fn a_new_type_of_the_key_moves_the_rows_and_switches_tracking_off() {
    let Fixture { tenant, .. } = &tracked();
    for id in [20, 3, 100] {
        insert(tenant, id, "a");
    }
    let version = tenant.version().unwrap();
    for (name, first) in [("nvarchar(3)", Value::from("100")), ("bigint", 3.into())] {
        tenant.retype_column("contact", "contact_id", name.parse().unwrap()).unwrap();
        assert!(!knows(tenant, version));
        let mut keys = Vec::new();
        let snapshot = tenant.snapshot().unwrap();
        snapshot
            .for_each_row(&snapshot.table("contact").unwrap(), |row| {
                keys.push(row.to_values()?.swap_remove(0));
                Ok::<_, TenantError>(())
            })
            .unwrap();
        assert_eq!((keys.len(), &keys[0]), (3, &first));
    }
    rename(tenant, 20, "b");
    let error = tenant.retype_column("contact", "contact_id", SqlType::Bit).unwrap_err();
    assert!(error.to_string().contains("column contact_id of table contact"), "{error}");
    assert_eq!(tenant.checksum("contact").unwrap().rows, 3);
}

#[test]
fn a_column_that_is_again_what_it_was_begins_its_tables_tracking_anew() {
    let Fixture { tenant, .. } = &tracked();
    tenant.insert("contact", &[("contact_id", 1.into()), ("rank", 1.5.into())]).unwrap();
    let since = tenant.version().unwrap();
    tenant.retype_column("contact", "rank", SqlType::Int).unwrap();
    assert!(knows(tenant, since) && changes(tenant, since).is_empty());
    tenant.retype_column("contact", "rank", SqlType::Float).unwrap();
    assert!(!knows(tenant, since));
    let since = tenant.version().unwrap();
    let rank = tenant.table("contact").unwrap().columns[2].clone();
    tenant.drop_column("contact", "rank").unwrap();
    assert!(knows(tenant, since) && changes(tenant, since).is_empty());
    tenant.add_column("contact", rank, &Value::Null).unwrap();
    assert!(!knows(tenant, since));
}
