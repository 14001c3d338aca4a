//! The calls' shapes, element by element.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::encode::tests::{types, values};
use super::*;
use crate::sql::{Column, SqlType, Value};
use crate::tenant::{Change, RowRef, Table, Tenant, TenantError};

fn table() -> TableInfo {
    let column = |name: &str, sql_type: &str, is_nullable| ColumnInfo {
        default_value: "default ((0))".into(),
        is_nullable,
        name: name.into(),
        sql_type: sql_type.into(),
    };
    let columns = vec![column("contact_id", "int", false), column("name", "nvarchar(219)", true)];
    TableInfo { columns, table: "contact".into() }
}

fn batch(values: Vec<Option<String>>) -> Batch {
    Batch { rows: vec![Row { values, operation: "I".into() }], lsn: 7, table: table() }
}

fn text(request: &Request) -> String {
    String::from_utf8(request.envelope("T.O.K")).unwrap()
}

/// Local names of elements in the order in which they begin.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) | Event::Empty(start) => {
                names.push(start.name().0.rsplit(':').next().unwrap().to_owned());
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

#[test]
fn an_authenticate_is_written_as_wcf_writes_it() {
    assert_eq!(
        text(&Request::authenticate()),
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
         <h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"http://www.superoffice.com/online/mirroring/0.1\">T.O.K\
         </h:SignedToken></s:Header><s:Body>\
         <AuthenticateRequest xmlns=\"http://www.superoffice.com/online/mirroring/0.1\"><ClientState></ClientState>\
         </AuthenticateRequest></s:Body></s:Envelope>"
    );
}

#[test]
fn rows_come_before_position_and_columns() {
    let request = Request::row_data(&[batch(vec![Some("[I:5]".into()), None])]);
    assert_eq!(
        elements(&text(&request))[4..].join(" "),
        "RowDataRequest ClientState DataBatches RowDataBatch Data RowData ColumnValues string string Operation LSN \
         TableInfo Columns ColumnInfo DefaultValue IsNullable Name Type ColumnInfo DefaultValue IsNullable Name Type \
         TableName"
    );
    assert!(text(&request).contains(
        "<a:ColumnValues xmlns:b=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\">\
         <b:string>[I:5]</b:string><b:string i:nil=\"true\"/></a:ColumnValues><a:Operation>I</a:Operation>"
    ));
}

#[test]
fn members_of_the_other_calls_are_in_the_contracts_order() {
    let schema = Request::table_schema(&[table()]);
    assert_eq!(
        elements(&text(&schema))[4..11].join(" "),
        "TableSchemaRequest ClientState Tables TableSchemaInfo Columns ColumnInfo DefaultValue"
    );
    assert_eq!(
        elements(&text(&Request::wipe("contact")))[4..].join(" "),
        "WipeRequest ClientState TableName"
    );
    let summary = Summary { table: "contact".into(), ..Summary::default() };
    assert_eq!(
        elements(&text(&Request::completed(&[summary])))[4..].join(" "),
        "ReplicationCompletedRequest ClientState ChangedTables ReplicationSummary Deletes Inserts TableName Updates"
    );
    assert!(text(&Request::completed(&[])).contains("<ChangedTables xmlns:a="));
}

#[test]
fn client_state_is_sent_as_told() {
    let state = |state| text(&Request::wipe("contact").with_client_state(state));
    assert!(state(Some("a&b")).contains("<ClientState>a&amp;b</ClientState>"));
    assert!(state(None).contains("<ClientState i:nil=\"true\" xmlns:i=\""));
}

#[test]
fn a_raw_body_is_sent_as_it_is() {
    let request = Request::raw(Operation::Wipe, "<nonsense");
    assert_eq!(request.envelope("T.O.K"), b"<nonsense");
    assert_eq!(request.operation().action(), format!("{MIRRORING}/IMirroringClientService/Wipe"));
}

/// The first value of a call by a reader that is not ours; line ends that stand raw are the reader's to normalise.
fn first_value(xml: &str) -> String {
    let mut reader = Reader::from_str(xml);
    let mut value = None;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) if start.name().0 == "b:string" => value = Some(String::new()),
            Event::End(end) if end.name().0 == "b:string" => return value.unwrap_or_default(),
            Event::Text(text) => value.iter_mut().for_each(|value| value.push_str(&text)),
            Event::GeneralRef(reference) => {
                let character = match &*reference {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    number => {
                        let hex = number.strip_prefix("#x").unwrap();
                        char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap()
                    }
                };
                value.iter_mut().for_each(|value| value.push(character));
            }
            Event::Eof => panic!("no value"),
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn every_text_arrives_as_it_was_sent(value in any::<String>(), pretty in any::<bool>()) {
        let request = Request::row_data(&[batch(vec![Some(value.clone())])]).pretty(pretty);
        prop_assert_eq!(first_value(&text(&request)), value);
    }
}

/// A table of columns of all types behind its key, and rows that fit it.
fn filled_table() -> impl Strategy<Value = (Table, Vec<Vec<Value>>)> {
    vec(types(), 0..7).prop_flat_map(|types| {
        let cells: Vec<_> = types.iter().map(|kind| prop_oneof![Just(Value::Null), values(*kind)]).collect();
        let column = |(place, sql_type): (usize, SqlType)| Column {
            name: format!("c{place}"),
            sql_type,
            nullable: place > 0,
            default: String::new(),
        };
        let columns = std::iter::once(SqlType::Int).chain(types).enumerate().map(column).collect();
        let rows = vec(cells, 1..5).prop_map(|mut rows| {
            (0..).zip(&mut rows).for_each(|(key, row)| row.insert(0, Value::Whole(key)));
            rows
        });
        (Just(Table { name: "y_any".to_owned(), columns }), rows)
    })
}

/// Reads the rows from a database and writes them as a cycle does, the last one in a batch of its own.
fn streamed(tenant: &Tenant, table: &Table, rows: usize, pretty: bool) -> Unsigned {
    let snapshot = tenant.snapshot().unwrap();
    let mut body = RowData::new("state", 0, pretty);
    let mut left = rows;
    body.begin_batch();
    let add = |row: RowRef<'_>| {
        left -= 1;
        if left == 0 && rows > 1 {
            body.end_batch(0, &TableInfo::from(table));
            body.begin_batch();
        }
        body.row(Change::Insert, &table.columns, row).map(|_| ())
    };
    snapshot.for_each_row::<TenantError>(table, add).unwrap();
    body.end_batch(7, &TableInfo::from(table));
    body.finish()
}

#[test]
fn rows_from_a_database_are_written_byte_by_byte_like_the_same_rows_as_texts() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap();
    let tokens = "[A-Z.]{1,2000}|[A-Z.]{5000,6000}";
    let cases = (filled_table(), any::<bool>(), tokens);
    let same = TestRunner::default().run(&cases, |((table, rows), pretty, token)| {
        tenant.add_table(&table).unwrap();
        tenant.load(&table.name, rows.clone()).unwrap();
        let mut body = streamed(&tenant, &table, rows.len(), pretty);
        tenant.drop_table(&table.name).unwrap();
        let batch = |rows: &[Vec<Value>], lsn| Batch {
            rows: rows.iter().map(|row| Row::new(Change::Insert, &table, row)).collect(),
            lsn,
            table: TableInfo::from(&table),
        };
        let (first, last) = rows.split_at(rows.len() - 1);
        let mut batches = vec![batch(first, 0), batch(last, 7)];
        batches.retain(|batch| !batch.rows.is_empty());
        let plain = Request::row_data(&batches).with_client_state(Some("state")).pretty(pretty);
        for token in ["other", &token] {
            let expected = plain.envelope(token);
            prop_assert_eq!(
                String::from_utf8_lossy(body.envelope(token)),
                String::from_utf8_lossy(&expected)
            );
        }
        Ok(())
    });
    same.unwrap();
}
