//! Tables and columns as they are announced, wiped and summed up.

use mirrorbus_schemas::event::Kind;
use operations_center::wire::{Batch, Request, Summary, TableInfo};

use super::{Refusal, assert_refused, open, refusal};
use crate::support::vendor::{column, row, table, typed};
use crate::support::{World, batch, contact};

fn schema(tables: &[TableInfo]) -> Request {
    Request::table_schema(tables)
}

#[test]
fn co_01_a_list_of_tables_that_is_nil_or_absent_drops_nothing() {
    let (world, _bridge, vendor) = open();
    let written = "<Tables xmlns:a=\"http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1\" \
                   xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"/>";
    for tables in ["<Tables i:nil=\"true\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"/>", ""] {
        vendor.later().succeed(&Request::authenticate());
        let answer = vendor.send(&vendor.call(&schema(&[])).replaced(written, tables));
        assert!(answer.is_successful, "{}", answer.message());
        assert_eq!(answer.positions, Some(vec![]), "{tables}");
        vendor.complete();
        assert_eq!(world.contacts(), [(1, Some("mine".into()))]);
    }
    assert_eq!(vendor.open(&[contact()])["contact"], 3);
    assert!(world.events().iter().all(|event| event.kind != Kind::Dropped));
}

#[test]
fn co_03_a_table_announced_twice_is_one_table_unless_the_two_differ() {
    let (world, _bridge, vendor) = open();
    vendor.later();
    vendor.succeed(&Request::authenticate());
    let mut other = contact();
    other.columns[1].sql_type = "int".into();
    let refusals = [
        refusal(
            "CO-03 other columns",
            schema(&[contact(), other]),
            "BAD_CONTENT",
            "table contact, stands twice, with other columns",
        ),
        refusal(
            "CO-03 other case",
            schema(&[contact(), table("Contact")]),
            "BAD_TABLE",
            "differs from contact only in case",
        ),
    ];
    assert_refused(&world, &vendor, &refusals);
    let (one, other) = (table("Contact"), table("cONTACT"));
    let rows = |tables: &[&TableInfo]| {
        let batches: Vec<_> = tables.iter().map(|table| batch(table, 0, &[("I", 9, "x")])).collect();
        Request::row_data(&batches)
    };
    let alike = "only in case";
    let refusals = [
        refusal("CO-03 rows of a look-alike", rows(&[&one]), "BAD_TABLE", alike),
        refusal("CO-03 two look-alikes", rows(&[&table("sale"), &table("Sale")]), "BAD_TABLE", alike),
        refusal("CO-03 rows beside a look-alike", rows(&[&contact(), &other]), "BAD_TABLE", alike),
        refusal("CO-03 wipe of a look-alike", Request::wipe("Contact"), "BAD_TABLE", alike),
    ];
    assert_refused(&world, &vendor, &refusals);
    let answer = vendor.succeed(&schema(&[contact(), contact()]));
    assert_eq!(answer.positions.unwrap().len(), 1);
}

/// Names that are no table's: none of them becomes a topic, whatever call brings it.
#[test]
fn co_04_a_table_whose_name_no_topic_can_have_is_refused_by_every_call() {
    let (world, _bridge, vendor) = open();
    vendor.later();
    vendor.succeed(&Request::authenticate());
    let long = "x".repeat(300);
    let names = [
        "../x",
        "a.b",
        "__consumer_offsets",
        ".",
        "..",
        &long,
        "",
        "\u{1f980}",
        "\"; DROP TABLE",
        "with blank",
        " contact",
        "1a",
        "a\nb",
    ];
    let refusals: Vec<Refusal> = names
        .into_iter()
        .flat_map(|name| {
            let info = table(name);
            let requests = [
                schema(&[contact(), info.clone()]),
                Request::wipe(name),
                Request::row_data(&[
                    batch(&contact(), 0, &[("U", 1, "x")]),
                    batch(&info, 4, &[("I", 1, "x")]),
                ]),
            ];
            requests.map(|request| {
                refusal(format!("CO-04 {name:.20}"), request, "BAD_TABLE", "table name does not match")
            })
        })
        .collect();
    assert_refused(&world, &vendor, &refusals);
    // A name that only a file system of another kind would mind is a table's like any other.
    vendor.cycle(&[batch(&contact(), 4, &[]), batch(&table("CON"), 4, &[("I", 1, "x")])]);
    assert_eq!(world.named_rows("CON"), [(1, Some("x".into()))]);
}

#[test]
fn co_05_columns_that_cannot_be_are_refused_by_name() {
    let (world, _bridge, vendor) = open();
    vendor.later();
    vendor.succeed(&Request::authenticate());
    let names: Vec<String> = (0..5000).map(|number| format!("c{number}")).collect();
    let wide: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "int")).collect();
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("id", "int"), ("\"; --", "int")], "the name does not match"),
        (&[("id", "int"), ("a", "int"), ("a", "int")], "column a, stands twice"),
        (&[("id", "int"), ("a", "int"), ("A", "int")], "column A, stands twice"),
        (&[], "table t, has no columns"),
        (&wide, "table t, has more columns than the limit"),
        (&[("id", "int"), ("price", "decimal(99,1)")], "column price, a decimal needs 1 to 38 digits"),
        (&[("id", "int"), ("nothing", "")], "column nothing, has no type"),
    ];
    let refusals: Vec<Refusal> = cases
        .into_iter()
        .flat_map(|(columns, rule)| {
            let info = typed("t", columns);
            let rows = Batch { rows: vec![], lsn: 4, table: info.clone() };
            let requests = [schema(&[contact(), info]), Request::row_data(&[rows])];
            requests.map(|request| refusal(format!("CO-05 {rule}"), request, "BAD_CONTENT", rule))
        })
        .collect();
    assert_refused(&world, &vendor, &refusals);
}

#[test]
fn co_05_a_type_that_nobody_knows_is_kept_as_text_and_told() {
    let (world, bridge, vendor) = World::with_bridge();
    let places = typed("places", &[("id", "int"), ("place", "geography"), ("name", "nvarchar(-1)")]);
    let one = row("I", &[Some("[I:1]"), Some("POINT (1 2)"), Some("[I:5]")]);
    vendor.open(std::slice::from_ref(&places));
    vendor.rows(&[Batch { rows: vec![one], lsn: 4, table: places }]);
    let [kept] = world.decoded("places").try_into().unwrap();
    let text = |text: &str| apache_avro::types::Value::String(text.into());
    assert_eq!((&kept["place"], &kept["name"]), (&text("POINT (1 2)"), &text("[I:5]")));
    let told =
        bridge.log().lines().any(|line| line.contains("type is not known") && line.contains("geography"));
    assert!(told && !bridge.log().contains("nvarchar(-1)"));
}

/// The whole text comes to the subscriber as a property of the schema, and to SQL nowhere: no row has it.
#[test]
fn co_06_a_default_is_carried_and_never_executed() {
    const DEFAULT: &str = "default ((1)); DROP TABLE \"contact\"; --";
    let world = World::new();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    let mut crm = crate::support::crm::Crm::new(&world, 1);
    let mut wide = contact();
    wide.columns.push(column("kind", "int", true));
    wide.columns[2].default_value = DEFAULT.into();
    vendor.open(std::slice::from_ref(&wide));
    let one = row("I", &[Some("[I:1]"), Some("a"), None]);
    vendor.rows(&[Batch { rows: vec![one], lsn: 4, table: wide }]);
    vendor.complete();
    let schema = world.cluster.newest_schema(&world.topic("contact"));
    assert!(schema.contains(&serde_json::to_string(DEFAULT).unwrap()), "{schema}");
    let kept = &world.decoded("contact")[0];
    assert_eq!(kept["kind"], apache_avro::types::Value::Null);
    let file = crm.mirror_file(&world);
    let mirrored = || {
        let progress = mirror_sqlite::progress(&file).unwrap_or_default();
        progress
            .iter()
            .any(|partition| partition.topic == world.topic("contact") && partition.next_offset > 0)
    };
    crate::support::wait_until("the mirror has the row", mirrored);
    crm.stop_mirrors();
    let rows = mirror_sqlite::checksum(&file, "contact").unwrap();
    assert_eq!(rows, world.cluster.checksum(&world.topic("contact")));
}

#[test]
fn co_18_a_wipe_needs_a_name_and_no_table() {
    let (world, _bridge, vendor) = open();
    vendor.wipe("never_seen");
    vendor.wipe("never_seen");
    assert_eq!(world.cluster.topic_id(&world.topic("never_seen")), None);
    let before = world.ends_but_events();
    let wipe = Request::wipe("contact");
    let nil = "<TableName i:nil=\"true\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"/>";
    for name in [nil, ""] {
        let answer = vendor.send(&vendor.call(&wipe).replaced("<TableName>contact</TableName>", name));
        let message = answer.message();
        assert!(
            !answer.is_successful
                && message.starts_with("BAD_CONTENT: ")
                && message.contains("TableName is missing"),
            "{message}"
        );
        assert_eq!(world.ends_but_events(), before, "CO-18 nil");
    }
    assert_eq!(world.contacts().len(), 1);
}

/// Counts are the vendor's claim. They stand in the receipt beside what was committed and decide nothing.
#[test]
fn co_19_counts_that_are_wrong_complete_the_cycle_and_stand_in_its_receipt() {
    let (world, _bridge, vendor) = open();
    vendor.rows(&[batch(&contact(), 5, &[("I", 2, "b"), ("D", 1, "")])]);
    let counts =
        |table: &str, inserts, updates, deletes| Summary { deletes, inserts, table: table.into(), updates };
    let claimed = [
        counts("contact", 1_000_000, -5, i32::MIN),
        counts("nobody_knows", 1, 1, 1),
        counts("../x", 1, 0, 0),
        counts("", 0, 0, 0),
    ];
    vendor.succeed(&Request::completed(&claimed));
    assert_eq!(vendor.open(&[contact()])["contact"], 5);
    let events = world.events();
    let receipt = events.iter().rfind(|event| event.kind == Kind::CycleCompleted).unwrap();
    let [contact] = receipt.tables.as_slice() else { panic!("{receipt:?}") };
    let claims = (contact.claimed_inserts, contact.claimed_updates, contact.claimed_deletes);
    assert_eq!(claims, (1_000_000, -5, i64::from(i32::MIN)));
    assert_eq!((contact.committed_upserts, contact.committed_deletes), (1, 1));
}

#[test]
fn co_19_only_counts_that_differ_from_what_was_committed_raise_an_alarm() {
    let (world, _bridge, vendor) = open();
    let alarms = || world.events().into_iter().filter(|event| event.kind == Kind::Alarm).collect::<Vec<_>>();
    let complete = |inserts, updates, deletes| {
        let contact = Summary { deletes, inserts, table: "contact".into(), updates };
        vendor.succeed(&Request::completed(&[contact]));
    };
    vendor.rows(&[batch(&contact(), 5, &[("I", 2, "b"), ("U", 1, "c"), ("D", 2, "")])]);
    complete(1, 1, 1);
    assert_eq!(alarms(), []);
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 6, &[("I", 3, "d")])]);
    complete(2, 0, 0);
    let alarms = alarms();
    let [alarm] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((alarm.tables[0].claimed_inserts, alarm.tables[0].committed_upserts), (2, 1));
}

#[test]
fn co_19_a_count_that_is_no_number_is_refused() {
    let (world, _bridge, vendor) = open();
    let before = world.ends_but_events();
    let call = vendor.call(&Request::completed(&[Summary {
        inserts: 7,
        table: "contact".into(),
        ..Summary::default()
    }]));
    for count in ["x", "2147483648", "1.0", ""] {
        let answer = vendor.send(&call.replaced("<a:Inserts>7<", &format!("<a:Inserts>{count}<")));
        assert!(
            !answer.is_successful && answer.message().contains("Inserts is not a whole number"),
            "{}",
            answer.message()
        );
        assert_eq!(world.ends_but_events(), before);
    }
}

#[test]
fn co_20_a_client_state_decides_nothing_and_has_a_limit() {
    let (world, _bridge, vendor) = open();
    let state = |bytes: usize| "s".repeat(bytes);
    let rows = |name: &str| Request::row_data(&[batch(&contact(), 0, &[("U", 1, name)])]);
    let large = state(64 * 1024);
    for text in ["<b onclick=\"x\">&amp;</b>", "another tenant's", large.as_str()] {
        vendor.succeed(&rows(&text[..4]).with_client_state(Some(text)));
        assert_eq!(world.contacts(), [(1, Some(text[..4].into()))]);
    }
    vendor.succeed(&rows("nil").with_client_state(None));
    let limit = "ClientState is longer than 64 KiB";
    let too_large = |request: Request, bytes| request.with_client_state(Some(&state(bytes)));
    let requests = [
        too_large(rows("x"), 64 * 1024 + 1),
        too_large(rows("x"), 10_000_000),
        too_large(Request::authenticate(), 10_000_000),
        too_large(Request::wipe("contact"), 64 * 1024 + 1),
        too_large(Request::completed(&[]), 64 * 1024 + 1),
        too_large(schema(&[contact()]), 64 * 1024 + 1),
    ];
    let refusals = requests.map(|request| refusal("CO-20", request, "BAD_CONTENT", limit));
    assert_refused(&world, &vendor, &refusals);
}
