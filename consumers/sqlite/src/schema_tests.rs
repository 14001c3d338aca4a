use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

use super::*;

fn column(name: &str, kind: Kind, sql_type: &str, is_key: bool) -> Column {
    Column::new(name, kind, sql_type, is_key)
}

#[test]
fn types_are_the_sources_where_no_value_can_change_under_them() {
    let decimal = Kind::Decimal { scale: 4 };
    for (kind, source, declared) in [
        (Kind::Int, "int", "int"),
        (Kind::Int, "int identity(1,1)", "int identity(1,1)"),
        (Kind::Long, "bigint", "bigint"),
        (Kind::Bit, "bit", "bit"),
        (Kind::Double, "float", "float"),
        (Kind::Text, "nvarchar(max)", "nvarchar(max)"),
        (Kind::Text, "ntext", "ntext"),
        (Kind::Millis, "datetime", "datetime"),
        (Kind::Date, "date", "date"),
        (Kind::Time, "time(7)", "time(7)"),
        (Kind::Bytes, "varbinary(max)", "varbinary(max)"),
        (decimal, "decimal(19,4)", "decimal(19,4) text"),
        (decimal, "money", "money text"),
        (Kind::Text, "uniqueidentifier", "uniqueidentifier text"),
        (Kind::Text, "xml", "xml text"),
        (Kind::Text, "sql_variant", "sql_variant text"),
        // SQLite finds INT in these before it looks for anything else.
        (Kind::Text, "point", "text"),
        (Kind::Text, "interval", "text"),
        (Kind::Double, "real", "real"),
        (Kind::Double, "decimal", "decimal real"),
        (Kind::Int, "nvarchar(5)", "nvarchar(5) integer"),
        (Kind::Micros, "text", "datetime"),
        (Kind::Text, "", "text"),
        (Kind::Bytes, "", "blob"),
    ] {
        assert_eq!(declared_type(&column("x", kind, source, false)), declared, "{kind:?} {source}");
    }
}

#[test]
fn no_name_or_type_leaves_its_quotes() {
    let evil = "x\"); DROP TABLE victim; --";
    let columns = [
        column("id", Kind::Int, "int", true),
        column(evil, Kind::Text, "text\"); DROP TABLE victim; --", false),
    ];
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE victim (x)").unwrap();
    connection.execute_batch(&create(evil, &columns)).unwrap();
    let wider = [columns[0].clone(), columns[1].clone(), column("\"", Kind::Text, "'", false)];
    let statements = additions(evil, &columns, &wider).unwrap();
    for statement in statements.into_iter().chain(rebuild(evil, &wider, &wider)) {
        connection.execute_batch(&statement).unwrap();
    }
    connection.execute(&insert(evil, &wider), ["1", "a", "b"]).unwrap();
    connection.execute(&update(evil, &wider).unwrap(), ["1", "c", "d"]).unwrap();
    let read: String = connection.query_row(&select(evil, &wider[1..]), [], |row| row.get(0)).unwrap();
    assert_eq!(read, "c");
    connection.execute(&delete(evil, &wider), ["1"]).unwrap();
    connection.execute_batch(&drop(evil)).unwrap();
    connection.execute_batch("SELECT x FROM victim").unwrap();
}

#[test]
fn a_row_of_nothing_but_its_key_has_nothing_to_update() {
    assert_eq!(update("t", &[column("id", Kind::Int, "int", true)]), None);
}

fn strict(name: &str, kind: Kind, default: &str) -> Column {
    Column { is_nullable: false, default: default.into(), ..column(name, kind, "", false) }
}

#[test]
fn defaults_are_the_values_that_the_mirror_would_store() {
    let id = column("id", Kind::Int, "int", true);
    for (kind, default, shown) in [
        (Kind::Int, "default ((-5))", "-5"),
        (Kind::Long, "((-9223372036854775808))", "-9223372036854775808"),
        (Kind::Bit, "((1))", "1"),
        (Kind::Double, "((0.1))", "0.1"),
        (Kind::Double, "((1e300))", "1.0e+300"),
        (Kind::Double, "((-0.0))", "X'8000000000000000'"),
        (Kind::Decimal { scale: 4 }, "((2.5))", "'2.5000'"),
        (Kind::Text, "(N'007')", "'007'"),
        (Kind::Text, "('\"')", "'\"'"),
        (Kind::Text, "('a\0b')", "'a'"),
    ] {
        let columns = [id.clone(), strict("x", kind, default)];
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&create("made", &columns)).unwrap();
        connection.execute_batch(&create("grown", &columns[..1])).unwrap();
        connection
            .execute_batch("INSERT INTO made (id) VALUES (1); INSERT INTO grown (id) VALUES (1)")
            .unwrap();
        let added = additions("grown", &columns[..1], &columns);
        for statement in added.unwrap_or_else(|| rebuild("grown", &columns[..1], &columns)) {
            connection.execute_batch(&statement).unwrap();
        }
        let mut buffer = Vec::new();
        let expected =
            ToSqlOutput::Borrowed(encode(kind, columns[1].constant_default().unwrap(), &mut buffer));
        for table in ["made", "grown"] {
            let sql = format!("SELECT quote(x), x IS ?1 AND typeof(x) = typeof(?1) FROM {table}");
            let found: (String, bool) =
                connection.query_row(&sql, [&expected], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(found, (shown.to_owned(), true), "{table} {default}");
        }
    }
}

#[test]
fn only_columns_that_need_no_writing_are_added_in_place() {
    let id = column("id", Kind::Int, "int", true);
    let loose = |default: &str| Column { is_nullable: true, ..strict("x", Kind::Int, default) };
    let is_added =
        |column: Column| additions("t", std::slice::from_ref(&id), &[id.clone(), column]).is_some();
    assert!(is_added(loose("")));
    assert!(is_added(strict("x", Kind::Int, "((3))")));
    assert!(!is_added(loose("((3))")), "SQLite would fill it where the source has NULL");
    let columns = [id.clone(), loose("")];
    assert!(additions("t", &columns, &columns[..1]).is_none());
    assert!(additions("t", &columns, &[id.clone(), strict("x", Kind::Int, "")]).is_none());
}

#[test]
fn rows_are_kept_by_a_key_of_one_whole_number() {
    let keys = [
        column("id", Kind::Int, "int", true),
        column("number", Kind::Long, "bigint", true),
        column("code", Kind::Text, "nvarchar(9)", true),
    ];
    let connection = Connection::open_in_memory().unwrap();
    for (name, columns) in [("a", &keys[..1]), ("b", &keys[1..2]), ("c", &keys[2..]), ("d", &keys[..2])] {
        connection.execute_batch(&create(name, columns)).unwrap();
    }
    let indexed =
        "SELECT group_concat(tbl_name, '' ORDER BY tbl_name) FROM sqlite_schema WHERE type = 'index'";
    assert_eq!(connection.query_row(indexed, [], |row| row.get::<_, String>(0)).unwrap(), "cd");
    let insert = insert("b", &keys[1..2]);
    for number in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(connection.execute(&insert, [number]).unwrap(), 1);
        assert_eq!(connection.execute(&insert, [number]).unwrap(), 0);
    }
}
