use mirrorbus_mirror::{Column, Destination, Kind, Row, TableChange, Value};
use mirrorbus_schemas::topic::Table;
use tempfile::TempDir;

use crate::fixture::{ask, batch, change, columns, mirror, reader, reshape, rows, tenant, upsert};

const USERS: &str = "
    CREATE INDEX by_name ON contact (name);
    CREATE INDEX by_half ON contact (id) WHERE name = 'x';
    CREATE VIEW names AS SELECT name FROM contact;
    CREATE TABLE log (name);
    CREATE TRIGGER watch AFTER INSERT ON contact BEGIN INSERT INTO log VALUES (new.name); END;";

fn built(connection: &rusqlite::Connection) -> String {
    ask(
        connection,
        "SELECT group_concat(name, ' ' ORDER BY name) FROM sqlite_schema WHERE sql IS NOT NULL AND type <> 'table'
         AND name NOT LIKE '\\_mirror%' ESCAPE '\\'",
    )
}

fn longer() -> Vec<Column> {
    vec![columns().remove(0), Column::new("name", Kind::Text, "nvarchar(max)", false)]
}

#[test]
fn what_users_built_on_a_table_outlives_its_making_anew() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 2);
    let users = reader(folder.path());
    users.execute_batch(USERS).unwrap();
    let age = Column::new("age", Kind::Int, "smallint", false);
    let mut shape = columns();
    let mut at = 2;
    for next in [
        longer(),
        [longer(), vec![age.clone()]].concat(),
        // The order that the source tells is not the file's.
        vec![longer().remove(0), age, longer().remove(1)],
        longer(),
    ] {
        sqlite.apply(&tenant(), &batch(reshape(Some(shape), Some(next.clone())), at, at + 1)).unwrap();
        (shape, at) = (next, at + 1);
        assert_eq!(built(&users), "by_half by_name names watch");
        assert_eq!(rows(&users), "1=x 2=x");
        assert_eq!(ask::<i64>(&users, "SELECT count(*) FROM names"), 2);
    }
    assert_eq!(ask::<i64>(&users, "SELECT count(*) FROM log"), 0, "rows that move are no inserts");
    let anew = TableChange {
        keeps_rows: false,
        after: Some(longer()),
        before: Some(longer()),
        ..change(true, vec![upsert(7, "z")])
    };
    sqlite.apply(&tenant(), &batch(anew, at, at + 1)).unwrap();
    assert_eq!(built(&users), "by_half by_name names watch");
    assert_eq!((rows(&users), ask::<String>(&users, "SELECT name FROM log")), ("7=z".into(), "z".into()));
    assert_eq!(ask::<String>(&users, "PRAGMA integrity_check"), "ok");
}

#[test]
fn an_index_that_names_a_column_that_left_goes_with_it_and_nothing_else_does() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 2);
    let users = reader(folder.path());
    users.execute_batch("CREATE INDEX by_id ON contact (id DESC); CREATE INDEX by_name ON contact (name); CREATE VIEW names AS SELECT name FROM contact").unwrap();
    let only_id = || vec![columns().remove(0)];
    sqlite.apply(&tenant(), &batch(reshape(Some(columns()), Some(only_id())), 2, 3)).unwrap();
    assert_eq!(built(&users), "by_id names");
    assert!(users.prepare("SELECT * FROM names").is_err());
    // A view that cannot be read is in nobody's way, and can be read when the column is back.
    sqlite.apply(&tenant(), &batch(reshape(Some(only_id()), Some(longer())), 3, 4)).unwrap();
    sqlite.apply(&tenant(), &batch(reshape(Some(longer()), Some(columns())), 4, 5)).unwrap();
    assert_eq!(ask::<i64>(&users, "SELECT count(*) FROM names"), 2);
}

#[test]
fn a_table_that_left_and_came_back_is_found_by_its_views() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 2);
    let users = reader(folder.path());
    users.execute_batch(USERS).unwrap();
    let leaves = TableChange { keeps_rows: false, after: None, ..change(true, Vec::new()) };
    let applied = sqlite.apply(&tenant(), &batch(leaves, 2, 3)).unwrap();
    assert_eq!(applied.deletes, 2);
    sqlite.apply(&tenant(), &batch(change(false, vec![upsert(5, "x")]), 3, 4)).unwrap();
    assert_eq!((built(&users).as_str(), ask::<i64>(&users, "SELECT count(*) FROM names")), ("names", 1));
    assert!(sqlite.load(&tenant()).unwrap().damaged.is_empty());
}

#[test]
fn columns_admit_null_and_have_defaults_as_at_the_source() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 1);
    let users = reader(folder.path());
    let rank = |is_nullable| Column {
        is_nullable,
        default: "default ((3))".into(),
        ..Column::new("rank", Kind::Int, "int", false)
    };
    let with = |rank: Column| Some([columns(), vec![rank]].concat());
    sqlite.apply(&tenant(), &batch(reshape(Some(columns()), with(rank(false))), 1, 2)).unwrap();
    let describe = "SELECT group_concat(name || ' ' || \"notnull\" || ' ' || coalesce(dflt_value, '-') || ' ' || pk, ', ') FROM pragma_table_info('contact')";
    assert_eq!(ask::<String>(&users, describe), "id 1 - 1, name 0 - 0, rank 1 3 0");
    assert_eq!(ask::<i64>(&users, "SELECT rank FROM contact"), 3, "filled, as at the source");
    let null = Row::Upsert(vec![Value::Whole(2), Value::Null, Value::Null]);
    let refused = TableChange { rows: vec![null.clone()], ..reshape(with(rank(false)), with(rank(false))) };
    assert!(sqlite.apply(&tenant(), &batch(refused, 2, 3)).is_err());
    sqlite.load(&tenant()).unwrap();
    let change = TableChange { rows: vec![null], ..reshape(with(rank(false)), with(rank(true))) };
    sqlite.apply(&tenant(), &batch(change, 2, 3)).unwrap();
    assert_eq!(ask::<String>(&users, describe), "id 1 - 1, name 0 - 0, rank 0 3 0");
    assert_eq!(ask::<String>(&users, "SELECT group_concat(coalesce(rank, 'NULL')) FROM contact"), "3,NULL");
    // Where NULL may stand, the source fills no row that is there.
    sqlite.apply(&tenant(), &batch(reshape(with(rank(true)), Some(columns())), 3, 4)).unwrap();
    sqlite.apply(&tenant(), &batch(reshape(Some(columns()), with(rank(true))), 4, 5)).unwrap();
    assert_eq!(
        ask::<String>(&users, "SELECT group_concat(coalesce(rank, 'NULL')) FROM contact"),
        "NULL,NULL"
    );
}

#[test]
fn a_table_that_differs_by_case_only_takes_no_other_ones_place() {
    let folder = TempDir::new().unwrap();
    let mut sqlite = mirror(folder.path(), 2);
    let other =
        || TableChange { table: Table::new("Contact").unwrap(), ..change(false, vec![upsert(9, "z")]) };
    let error = sqlite.apply(&tenant(), &batch(other(), 2, 3)).unwrap_err().to_string();
    assert!(error.contains("Contact and contact differ by case only"), "{error}");
    assert_eq!(rows(&reader(folder.path())), "1=x 2=x");
    // Renamed, it comes with the old one's leaving.
    sqlite.load(&tenant()).unwrap();
    let leaves = TableChange { keeps_rows: false, after: None, ..change(true, Vec::new()) };
    let mut renamed = batch(other(), 2, 3);
    renamed.tables.push(leaves);
    sqlite.apply(&tenant(), &renamed).unwrap();
    assert_eq!(rows(&reader(folder.path())), "9=z");
    assert!(sqlite.load(&tenant()).unwrap().damaged.is_empty());
}
