use rusqlite::Connection;

use super::*;

fn column(name: &str, kind: Kind, sql_type: &str, is_key: bool) -> Column {
    Column { name: name.into(), kind, sql_type: sql_type.into(), is_key }
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
    for statement in reshape(evil, &columns, &wider) {
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

#[test]
fn reshaping_keeps_rows_and_what_users_indexed() {
    let id = column("id", Kind::Int, "int", true);
    let name = column("name", Kind::Text, "nvarchar(5)", false);
    let age = column("age", Kind::Int, "int", false);
    let connection = Connection::open_in_memory().unwrap();
    let mut shape = vec![id.clone(), name.clone()];
    connection.execute_batch(&create("t", &shape)).unwrap();
    connection.execute_batch("INSERT INTO t VALUES (1, 'one'); CREATE INDEX mine ON t (id)").unwrap();
    let longer = column("name", Kind::Text, "nvarchar(max)", false);
    for next in [
        vec![id.clone(), name.clone(), age.clone()],
        vec![id.clone(), age.clone()],
        vec![id.clone(), age.clone(), name.clone()],
        vec![id.clone(), longer.clone()],
    ] {
        for statement in reshape("t", &shape, &next) {
            connection.execute_batch(&statement).unwrap();
        }
        shape = next;
        let ids: i64 = connection.query_row(&select("t", &shape), [], |row| row.get(0)).unwrap();
        assert_eq!(ids, 1);
    }
    let table: String =
        connection.query_row("SELECT sql FROM sqlite_schema WHERE name = 't'", [], |row| row.get(0)).unwrap();
    assert!(table.contains("nvarchar(max)") && table.contains("PRIMARY KEY"), "{table}");
}
