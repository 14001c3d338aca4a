//! Making, working on and altering tenants.

use std::sync::atomic::{AtomicI64, Ordering};

use operations_center::clock::Clock;
use operations_center::crm::blocked;

use super::*;
use crate::commands::tenant::work;

#[test]
fn a_tenant_is_made_of_any_schema_and_size() {
    let world = World::new();
    let made = world.output("tenant create Small --schema small").unwrap();
    assert!(made.starts_with("tenant Small: 20 tables, "), "{made}");
    assert!(made.contains("(2 tables are blocked)"), "{made}");
    let made = world.output("tenant create Sample --rows 2000").unwrap();
    assert!(made.starts_with("tenant Sample: 33 tables, 2000 rows, in "), "{made}");
    world.output("tenant create Full --schema full --rows 300").unwrap();
    let tables = |line: &str| world.json(line)["tables"].as_array().unwrap().len();
    assert_eq!((tables("truth Full"), tables("truth Full --all")), (413, 523));
    let error = world.output("tenant create Other --rows 2000 --size 10").unwrap_err();
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn the_same_seed_makes_the_same_tenant_and_another_another() {
    let world = World::new();
    for (name, seed) in [("A", 7), ("B", 7), ("C", 8)] {
        world.output(&format!("tenant create {name} --schema small --seed {seed}")).unwrap();
    }
    let [a, b, c] = ["A", "B", "C"].map(|name| world.json(&format!("truth {name}"))["tables"].clone());
    assert!(a == b && a != c);
}

#[test]
fn what_is_rare_is_done_on_demand() {
    let world = World::new();
    world.output("tenant create Cust1 --schema small").unwrap();
    let merged = world.output("tenant change Cust1 --merges 2 --seed 1").unwrap();
    let contact = merged.lines().find(|line| line.starts_with("contact ")).unwrap().to_owned();
    assert_eq!(contact.split_whitespace().collect::<Vec<_>>(), ["contact", "0", "0", "2"]);
    let burst = world.output("tenant change Cust1 --burst 30").unwrap();
    let person = burst.lines().find(|line| line.starts_with("person ")).unwrap().to_owned();
    assert_eq!(person.split_whitespace().collect::<Vec<_>>(), ["person", "20", "0", "0"]);
    let upgraded = world.output("tenant change Cust1 --upgrade sale").unwrap();
    assert_eq!(upgraded.lines().filter(|line| line.starts_with("sale ")).count(), 1);
    let error = world.output("tenant change Cust1 --upgrade nothing").unwrap_err();
    assert!(error.contains("has no table nothing"), "{error}");
    let error = world.output("tenant change Cust1 --merges 1 --inserts 5").unwrap_err();
    assert!(error.contains("cannot be used with"), "{error}");
}

/// A clock that is where it is waited for.
struct Waited(AtomicI64);

impl Clock for Waited {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn wait_until_ms(&self, moment_ms: i64) {
        self.0.fetch_max(moment_ms, Ordering::SeqCst);
    }
}

#[test]
fn users_work_for_as_long_as_asked_and_say_so_every_minute() {
    let world = World::new();
    world.output("tenant create Cust1 --schema small").unwrap();
    let center = Center::open(world.0.path()).unwrap();
    let work_for = |options: &str| -> Result<String, String> {
        let words = format!("work Cust1 --seed 3 {options}");
        let arguments = <work::Arguments as clap::Args>::augment_args(clap::Command::new("work"))
            .try_get_matches_from(words.split_ascii_whitespace())
            .map_err(|error| error.to_string())?;
        let arguments = <work::Arguments as clap::FromArgMatches>::from_arg_matches(&arguments).unwrap();
        let (clock, mut out) = (Waited(AtomicI64::new(1_772_438_400_000)), Vec::new());
        work::run(&arguments, &center, &clock, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    };
    let lines = work_for("--per-minute 20 --merges-per-hour 0 --bursts-per-hour 0 --for 150s").unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("2026-03-02T08:01:00Z  7 inserts, 11 updates, 2 deletes in "), "{lines:?}");
    assert!(lines[2].starts_with("2026-03-02T08:02:30Z  "), "{lines:?}");
    let merges = work_for("--per-minute 0 --merges-per-hour 60 --for 1m").unwrap();
    assert!(merges.contains(" 1 deletes in ") && merges.contains("1 merges, 0 bursts"), "{merges}");
    let bursts = work_for("--per-minute 0 --bursts-per-hour 60 --burst-rows 9 --for 1m").unwrap();
    assert!(bursts.contains("0 merges, 1 bursts"), "{bursts}");
    for (options, rule) in [
        ("--per-minute -1", "unexpected argument"),
        ("--per-minute=-1", "a rate is a number"),
        ("--per-minute 1 --merges-per-hour=NaN", "a rate is a number"),
        ("--per-minute 1 --for long", "invalid value 'long'"),
        ("", "--per-minute"),
    ] {
        let error = work_for(options).unwrap_err();
        assert!(error.contains(rule), "{options}: {error}");
    }
}

#[test]
fn nobody_works_on_a_tenant_that_does_not_exist() {
    let error = World::new().output("tenant work Cust1 --per-minute 5").unwrap_err();
    assert!(error.contains("operations-center tenant create Cust1"), "{error}");
}

#[test]
fn tables_and_columns_are_altered_and_the_consequence_is_told() {
    let world = World::new();
    world.output("tenant create Cust1 --size 2").unwrap();
    let alter =
        |words: &[&str]| world.output_of(["tenant", "alter"].into_iter().chain(words.iter().copied()));
    let cases: [(&[&str], &str, &str); 7] = [
        (
            &["add-table", "Cust1", "y_car", "id int", "x_plate nvarchar(9) null", "--rows", "3"],
            "table y_car is new, with 2 columns",
            "sends a Wipe and all rows (3)",
        ),
        (
            &["add-column", "Cust1", "contact", "x_rating int null", "--fill", "3"],
            "table contact has a new column x_rating int",
            "sends every row as an update",
        ),
        (
            &["add-column", "Cust1", "contact", "x_note nvarchar(20) null"],
            "new column x_note nvarchar(20)",
            "no row is sent for that",
        ),
        (
            &["retype-column", "Cust1", "sale", "x_margin", "nvarchar(40)"],
            "column x_margin of table sale is now nvarchar(40)",
            "answers -1",
        ),
        (
            &["drop-column", "Cust1", "contact", "x_credit_limit"],
            "table contact has lost its column x_credit_limit",
            "without column x_credit_limit",
        ),
        (
            &["recreate-table", "Cust1", "y_booking", "--rows", "4"],
            "table y_booking was dropped and made anew, with 8 columns",
            "sends a Wipe and all rows (4)",
        ),
        (&["drop-table", "Cust1", "y_delivery"], "table y_delivery is dropped", "must leave the mirror"),
    ];
    for (words, done, consequence) in cases {
        let printed = alter(words).unwrap();
        assert!(printed.contains(done) && printed.contains(consequence), "{printed}");
    }
    let rows = |table: &str| world.json(&format!("truth Cust1 --table {table}"))["tables"][0]["rows"].clone();
    assert_eq!((rows("y_car"), rows("y_booking")), (3.into(), 4.into()));
    let anew = alter(&["recreate-table", "Cust1", "y_booking", "id int", "x_seat int null"]).unwrap();
    assert!(anew.contains("with 2 columns"), "{anew}");
    let printed = alter(&["random", "Cust1", "--count", "5", "--seed", "2"]).unwrap();
    assert_eq!(printed.lines().count(), 10, "{printed}");
    let printed = alter(&["random", "Cust1"]).unwrap();
    assert_eq!(printed.lines().count(), 2, "{printed}");
}

#[test]
fn an_alteration_that_is_impossible_is_refused_by_name() {
    let world = World::new();
    world.output("tenant create Cust1 --size 2").unwrap();
    let alter = |words: &[&str]| {
        world.output_of(["tenant", "alter"].into_iter().chain(words.iter().copied())).unwrap_err()
    };
    let before = world.json("truth Cust1");
    let cases: [(&[&str], &str); 9] = [
        (&["add-table", "Cust1", "contact", "id int"], "has a table contact already"),
        (&["add-table", "Cust1", "sys.x", "id int"], "'sys.x' is no name"),
        (&["add-table", "Cust1", "y_x", "id int", "a-b int"], "'a-b' is no name"),
        (&["add-table", "Cust1", "y_x", "id geography"], "geography"),
        (&["drop-table", "Cust1", "nothing"], "has no table nothing"),
        (&["recreate-table", "Cust1", "y_booking", "id int null"], "not nullable"),
        (
            &["add-column", "Cust1", "contact", "x_n int null", "--fill", "three"],
            "'three' is no value of type int",
        ),
        (&["drop-column", "Cust1", "contact", "contact_id"], "is the key"),
        (&["retype-column", "Cust1", "contact", "name", "int"], "column name of table contact"),
    ];
    for (words, part) in cases {
        let error = alter(words);
        assert!(error.contains(part), "{words:?}: {error}");
    }
    assert_eq!(world.json("truth Cust1"), before);
}

#[test]
fn a_blocked_tables_change_is_told_to_stay_here() {
    let world = World::new();
    world.output("tenant create Cust1 --schema small").unwrap();
    let truth = world.json("truth Cust1");
    assert!(blocked::is_blocked("counter"));
    let dropped = world.output("tenant alter drop-table Cust1 counter").unwrap();
    assert!(dropped.contains("table counter is blocked: no receiver learns of it"), "{dropped}");
    assert_eq!(world.json("truth Cust1")["tables"], truth["tables"]);
}
