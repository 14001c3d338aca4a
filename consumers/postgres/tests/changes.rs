//! Rows, columns and tables, and what of them readers see.

use mirrorbus_mirror::{Applied, Column, Cycle, Kind, Row, Value};

use super::database::Database;
use super::feed::{Change, Feed, change, contact, delete, read, table, upsert};

fn applied(inserts: u64, updates: u64, deletes: u64) -> Applied {
    Applied { inserts, updates, deletes }
}

fn contacts(database: &Database) -> Vec<String> {
    database.rows(r#"SELECT * FROM "Cust1".contact ORDER BY 1"#)
}

fn types(database: &Database, table: &str) -> Vec<String> {
    database.rows(&format!(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
                col_description(attrelid, attnum)
         FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
         WHERE attrelid = '\"Cust1\".{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ))
}

#[test]
fn rows_are_inserted_updated_and_deleted_and_counted() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    assert_eq!(
        feed.apply(&[change([upsert(1, "one"), upsert(2, "two"), upsert(3, "three")])]),
        applied(3, 0, 0)
    );
    // Straight into the table, taken back for one that is there, and then through the staging table.
    assert_eq!(
        feed.apply(&[change([upsert(4, "four"), upsert(2, "zwei"), delete(3), delete(9)])]),
        applied(1, 1, 1)
    );
    assert_eq!(feed.apply(&[change([upsert(5, "five"), upsert(1, "eins")])]), applied(1, 1, 0));
    assert_eq!(contacts(&database), ["1|eins", "2|zwei", "4|four", "5|five"]);
    assert_eq!(
        database.rows(
            r#"SELECT "table", rows, inserts, updates, deletes, topic, next_offset FROM "Cust1"._mirror"#
        ),
        ["contact|4|5|2|1|crm.Cust1.contact|9"]
    );
    let memory = feed.memory.clone();
    feed.reload();
    assert_eq!(feed.memory, memory);
}

#[test]
fn a_table_of_nothing_but_its_key_is_a_table() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let write = |ids: &[i64]| Change {
        table: "member",
        columns: Some(vec![Column::new("id", Kind::Int, "int", true)]),
        keeps_rows: true,
        rows: ids.iter().map(|id| Row::Upsert(vec![Value::Whole(*id)])).collect(),
    };
    assert_eq!(feed.apply(&[write(&[1, 2])]), applied(2, 0, 0));
    assert_eq!(feed.apply(&[write(&[2, 3])]), applied(1, 1, 0));
    assert_eq!(database.rows(r#"SELECT * FROM "Cust1".member ORDER BY 1"#), ["1", "2", "3"]);
}

#[test]
fn keys_that_are_one_for_postgresql_are_refused() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let columns =
        vec![Column::new("id", Kind::Double, "float", true), Column::new("n", Kind::Int, "int", false)];
    let write = |ids: &[f64]| Change {
        columns: Some(columns.clone()),
        ..change(ids.iter().map(|id| Row::Upsert(vec![Value::Double(*id), Value::Whole(1)])))
    };
    let refused = feed.try_apply(&[write(&[0.0, -0.0])], true);
    assert!(refused.is_err(), "{refused:?}");
    feed.reload();
    feed.apply(&[write(&[0.0])]);
    let refused = feed.try_apply(&[write(&[0.0, -0.0])], true).unwrap_err().to_string();
    assert!(refused.contains("some of its keys are one"), "{refused}");
    assert_eq!(database.rows(r#"SELECT * FROM "Cust1".contact"#), ["0|1"]);
}

#[test]
fn no_name_of_a_table_meets_one_that_postgresql_makes() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    for table in ["mirror", "contact", "contact_pkey", "pk_contact"] {
        feed.apply(&[Change { table, ..change([upsert(1, "one")]) }]);
    }
}

#[test]
fn a_table_is_made_as_the_source_has_it() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let of = |name: &str, kind, sql, is_nullable, default: &str| Column {
        is_nullable,
        default: default.into(),
        ..Column::new(name, kind, sql, false)
    };
    let columns = vec![
        Column::new("code", Kind::Text, "nvarchar(10)", true),
        of("name", Kind::Text, "nvarchar(255)", false, "default (N'it is')"),
        of("price", Kind::Decimal { scale: 4 }, "money", true, "default ((-0.25))"),
        of("is_on", Kind::Bit, "bit", false, "((1))"),
        of("guid", Kind::Text, "uniqueidentifier", true, "default ('none')"),
        of("since", Kind::Millis, "datetime", true, "(getdate())"),
        of("xmin", Kind::Int, "int", true, ""),
    ];
    let create = Change { table: "item", columns: Some(columns), keeps_rows: true, rows: vec![] };
    feed.apply(&[create]);
    assert_eq!(
        types(&database, "item"),
        [
            "code|character varying(10)|t|NULL|nvarchar(10)",
            "name|character varying(255)|t|'it is'::character varying|nvarchar(255) default (N'it is')",
            "price|numeric(19,4)|f|'-0.2500'::numeric|money default ((-0.25))",
            "is_on|boolean|t|true|bit ((1))",
            // A default that is no uuid makes the column a text.
            "guid|text|f|'none'::text|uniqueidentifier default ('none')",
            "since|timestamp(3) without time zone|f|NULL|datetime (getdate())",
            "xmin_eafb2f50|integer|f|NULL|int",
        ]
    );
    assert_eq!(
        database.rows(r#"SELECT collname FROM pg_attribute a JOIN pg_collation c ON c.oid = attcollation
                         WHERE attrelid = '"Cust1".item'::regclass AND attname IN ('code', 'name') ORDER BY attnum"#),
        ["C", "default"]
    );
    assert!(database.rows(r#"SELECT obj_description('"Cust1".item'::regclass)"#)[0].contains("table item"));
}

#[test]
fn columns_come_go_and_change_with_the_rows_that_are_there() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    let shape = |columns: &[Column]| Change { columns: Some(columns.to_vec()), ..change([]) };
    let mut columns = contact();
    columns.push(Column {
        is_nullable: false,
        default: "((7))".into(),
        ..Column::new("age", Kind::Int, "int", false)
    });
    columns.push(Column { default: "((7))".into(), ..Column::new("rank", Kind::Int, "smallint", false) });
    feed.apply(&[shape(&columns)]);
    assert_eq!(contacts(&database), ["1|one|7|NULL", "2|two|7|NULL"]);
    assert_eq!(types(&database, "contact")[2], "age|integer|t|7|int ((7))");
    assert_eq!(types(&database, "contact")[3], "rank|smallint|f|7|smallint ((7))");
    // NULL comes where there was none, and a default goes.
    columns[2].is_nullable = true;
    columns[3].default = String::new();
    columns[3].sql_type = "int".into();
    feed.apply(&[shape(&columns)]);
    assert_eq!(types(&database, "contact")[2], "age|integer|f|7|int ((7))");
    assert_eq!(types(&database, "contact")[3], "rank|integer|f|NULL|int");
    columns.remove(2);
    columns[1].sql_type = "nvarchar(max)".into();
    feed.apply(&[shape(&columns)]);
    assert_eq!(contacts(&database), ["1|one|NULL", "2|two|NULL"]);
    assert_eq!(types(&database, "contact")[1], "name|text|f|NULL|nvarchar(max)");
    // Narrower again: only if all rows fit.
    columns[1].sql_type = "nvarchar(2)".into();
    feed.apply(&[shape(&columns)]);
    assert_eq!(types(&database, "contact")[1], "name|text|f|NULL|nvarchar(2)");
    columns[1].sql_type = "nvarchar(3)".into();
    feed.apply(&[shape(&columns)]);
    assert_eq!(types(&database, "contact")[1], "name|character varying(3)|f|NULL|nvarchar(3)");
}

#[test]
fn a_value_that_does_not_fit_widens_its_column_and_stays_what_it_is() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let columns = vec![
        Column::new("id", Kind::Text, "uniqueidentifier", true),
        Column::new("day", Kind::Date, "date", false),
        Column::new("at", Kind::Millis, "datetime", false),
        Column::new("name", Kind::Text, "nvarchar(3)", false),
    ];
    let write = |row: [Value<'static>; 4]| Change {
        table: "wide",
        columns: Some(columns.clone()),
        keeps_rows: true,
        rows: vec![Row::Upsert(row.to_vec())],
    };
    let lower = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let upper = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
    let (whole, text) = (Value::Whole, Value::Text);
    // 1760-02-29, with a trigger of nothing: PostgreSQL has that day.
    feed.apply(&[write([text(lower), whole(-76_642), whole(-6_621_868_800_000), text("abc")])]);
    assert_eq!(
        database.rows(r#"SELECT * FROM "Cust1".wide"#),
        [format!("{lower}|1760-02-29|1760-02-29 00:00:00|abc")]
    );
    feed.apply(&[write([text(upper), whole(i64::from(i32::MIN)), whole(i64::MAX), text("abcd")])]);
    let kinds = types(&database, "wide")
        .iter()
        .map(|line| line.split('|').nth(1).unwrap().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(kinds, ["text", "integer", "bigint", "text"]);
    let expected = [
        format!("{upper}|-2147483648|9223372036854775807|abcd"),
        format!("{lower}|-76642|-6621868800000|abc"),
    ];
    assert_eq!(database.rows(r#"SELECT * FROM "Cust1".wide ORDER BY id"#), expected);
    feed.reload();
    assert!(feed.memory.damaged.is_empty());
    feed.apply(&[write([text(upper), whole(0), whole(0), text("x")])]);
    assert_eq!(read(database.place(), "wide").len(), 2);
}

#[test]
fn ten_megabytes_and_u0000_are_values_like_others() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let long = "ä".repeat(5 * 1024 * 1024);
    let mut columns = contact();
    columns.push(Column::new("file", Kind::Bytes, "varbinary(max)", false));
    let bytes = vec![0xA5u8; 10 * 1024 * 1024];
    let rows = vec![
        Row::Upsert(vec![Value::Whole(1), Value::Text(&long), Value::Bytes(&bytes)]),
        Row::Upsert(vec![Value::Whole(2), Value::Text("a\0b"), Value::Null]),
    ];
    feed.apply(&[Change { columns: Some(columns), ..change(rows) }]);
    assert_eq!(
        database.rows(r#"SELECT id, octet_length(name), length(file) FROM "Cust1".contact WHERE id = 1"#),
        ["1|10485760|10485760"]
    );
    assert_eq!(database.rows(r#"SELECT name FROM "Cust1".contact WHERE id = 2"#), ["a\u{2400}b"]);
    let rows = read(database.place(), "contact");
    assert!(rows[0].contains(&long) && rows.len() == 2);
}

#[test]
fn wiped_retyped_and_dropped_tables_leave_no_row_and_keep_their_readers() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    database.run(&format!("CREATE ROLE {}", database.name));
    database.run(&format!(r#"GRANT SELECT ON "Cust1".contact TO {}"#, database.name));
    let wiped = Change { keeps_rows: false, ..change([upsert(3, "three")]) };
    assert_eq!(feed.apply(&[wiped]), applied(1, 0, 2));
    assert_eq!(contacts(&database), ["3|three"]);
    let columns = vec![Column::new("code", Kind::Text, "nvarchar(5)", true)];
    let retyped =
        Change { columns: Some(columns), keeps_rows: false, ..change([Row::Upsert(vec![Value::Text("a")])]) };
    assert_eq!(feed.apply(&[retyped]), applied(1, 0, 1));
    assert_eq!(contacts(&database), ["a"]);
    let may = format!(r#"SELECT has_table_privilege('{}', '"Cust1".contact', 'SELECT')"#, database.name);
    assert_eq!(database.rows(&may), ["t"]);
    database.run(&format!("DROP OWNED BY {}; DROP ROLE {}", database.name, database.name));
    let dropped = Change { columns: None, keeps_rows: false, ..change([]) };
    assert_eq!(feed.apply(&[dropped]), applied(0, 0, 1));
    assert_eq!(database.rows(r#"SELECT to_regclass('"Cust1".contact')"#), ["NULL"]);
    feed.reload();
    assert_eq!(feed.memory.tables[&table("contact")].columns, None);
    assert!(feed.memory.damaged.is_empty());
    assert_eq!(feed.next_offset("contact"), 4);
}

#[test]
fn a_reader_never_sees_a_table_that_is_wiped_and_filled_again_empty() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    let reader = database.another();
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(reader.rows("SELECT 1"), ["1"]);
    feed.try_apply(&[Change { keeps_rows: false, ..change([]) }], false).unwrap();
    assert_eq!(contacts(&database), ["1|one", "2|two"]);
    feed.apply(&[change([upsert(7, "seven")])]);
    assert_eq!(contacts(&database), ["7|seven"]);
    assert_eq!(reader.rows(r#"SELECT id FROM "Cust1".contact ORDER BY 1"#), ["1", "2"]);
}

#[test]
fn batches_that_do_not_end_are_seen_by_nobody_until_the_last_and_given_up_by_a_load() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one")])]);
    feed.try_apply(&[change([upsert(2, "two")])], false).unwrap();
    feed.try_apply(&[change([upsert(2, "zwei"), delete(1)])], false).unwrap();
    assert_eq!(contacts(&database), ["1|one"]);
    feed.reload();
    assert_eq!(feed.next_offset("contact"), 1);
    assert_eq!(contacts(&database), ["1|one"]);
    feed.try_apply(&[change([upsert(2, "two")])], false).unwrap();
    feed.apply(&[change([upsert(3, "three")])]);
    assert_eq!(contacts(&database), ["1|one", "2|two", "3|three"]);
}

#[test]
fn cycles_and_the_moment_of_being_caught_up_are_kept() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let cycle = Some(Cycle { id: "c7".into(), completed_ms: 1_795_000_000_123 });
    let batch = mirrorbus_mirror::Batch {
        ends: true,
        caught_up_ms: Some(1_795_000_001_000),
        cycle: cycle.clone(),
        ..Default::default()
    };
    feed.destination.apply(&feed.tenant, &batch).unwrap();
    feed.apply(&[change([upsert(1, "one")])]);
    feed.reload();
    assert_eq!((feed.memory.caught_up_ms, feed.memory.cycle), (Some(1_795_000_001_000), cycle));
}

#[test]
fn rows_changed_by_hand_and_tables_restored_without_their_positions_are_damaged() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    feed.apply(&[change([upsert(1, "one"), upsert(2, "two")])]);
    database.run(r#"DELETE FROM "Cust1".contact WHERE id = 1"#);
    feed.reload();
    assert_eq!(feed.memory.damaged, [table("contact")].into());
    assert_eq!(feed.memory.tables[&table("contact")].columns, Some(contact()));
    for harm in ["ALTER TABLE \"Cust1\".contact DROP COLUMN name", "DROP TABLE \"Cust1\".contact"] {
        database.run(harm);
        feed.reload();
        assert_eq!(feed.memory.damaged, [table("contact")].into(), "{harm}");
        assert_eq!(feed.memory.tables[&table("contact")].columns, None, "{harm}");
    }
    let anew = Change { keeps_rows: false, ..change([upsert(5, "five")]) };
    feed.apply(&[anew]);
    assert_eq!(contacts(&database), ["5|five"]);
}

#[test]
fn names_of_tables_and_columns_are_only_names() {
    let database = Database::new();
    let mut feed = Feed::load(database.place());
    let evil = "x\"); DROP TABLE victim; --";
    database.run("CREATE TABLE victim ()");
    let columns = vec![
        Column::new("id", Kind::Int, "int'); DROP TABLE victim; --", true),
        Column { default: "N'\\\\'".into(), ..Column::new(evil, Kind::Text, "text", false) },
        Column::new("a".repeat(64), Kind::Text, "text", false),
        Column::new("a".repeat(65), Kind::Text, "text", false),
    ];
    let row = vec![Value::Whole(1), Value::Text("'"), Value::Text("64"), Value::Text("65")];
    let write = Change { columns: Some(columns), ..change([Row::Upsert(row)]) };
    feed.apply(std::slice::from_ref(&write));
    feed.apply(&[write]);
    assert_eq!(contacts(&database), ["1|'|64|65"]);
    assert_eq!(read(database.place(), "contact").len(), 1);
    database.run("TABLE victim");
}
