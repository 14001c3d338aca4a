//! `operations-center conformance` against a receiver in this process.

use operations_center::receiver::{Defect, Identity, Receiver, Settings};

use super::*;
use crate::commands::conformance::CannotRun;

/// An application, and a receiver that serves it.
fn served(defect: Option<Defect>) -> (World, Receiver) {
    let world = World::furnished();
    let center = Center::open(world.0.path()).unwrap();
    let identity = Identity::load(&center.application_folder("abc")).unwrap();
    let settings = Settings { defect, ..Settings::default() };
    (world, Receiver::start(([127, 0, 0, 1], 0).into(), identity, settings).unwrap())
}

/// What a run prints, and its error.
fn printed(world: &World, line: &str) -> (String, Option<anyhow::Error>) {
    let words = ["operations-center", "--folder", world.0.path().to_str().unwrap()];
    let words = words.into_iter().chain(line.split_ascii_whitespace());
    let mut out = Vec::new();
    let error = run(Arguments::parse_from(words), &mut out).err();
    (String::from_utf8(out).unwrap(), error)
}

#[test]
fn lines_are_printed_as_they_are_checked_and_a_failed_one_is_an_error_that_names_it() {
    let (world, receiver) = served(Some(Defect::UncheckedAudience));
    let call =
        |only: &str| printed(&world, &format!("conformance Nord --url {} --only {only}", receiver.url()));
    let (text, error) = call("token.audience,auth.nonce");
    assert!(text.starts_with("pass          auth.nonce"), "{text}");
    assert!(text.contains("\nfail          token.audience"), "{text}");
    assert!(text.contains("2 lines: 1 pass, 1 fail, 0 are advice, 0 were not observed"), "{text}");
    let error = error.unwrap();
    assert_eq!(error.to_string(), "1 required lines fail: token.audience");
    assert!(!error.is::<CannotRun>());
    assert!(call("auth.nonce").1.is_none());
}

#[test]
fn a_report_goes_to_a_file_in_its_form_while_lines_are_printed_for_people() {
    let (world, receiver) = served(None);
    let file = world.0.path().join("report");
    let call = |form: &str| {
        let line = format!("conformance Nord --url {} --only auth,rows -o {form}", receiver.url());
        let (text, error) = printed(&world, &format!("{line} --out {}", file.display()));
        assert!(error.is_none() && text.starts_with("pass          auth.nonce"), "{error:?} {text}");
        std::fs::read_to_string(&file).unwrap()
    };
    let report: serde_json::Value = serde_json::from_str(&call("json")).unwrap();
    assert_eq!((&report["application"], &report["mirror"]), (&"abc".into(), &false.into()));
    assert!(report["lines"].as_array().unwrap().iter().any(|line| line["outcome"] == "not-observed"));
    assert!(call("junit").starts_with("<testsuites name=\"conformance\" "));
    assert!(call("text").starts_with("receiver     http://127.0.0.1:"));
}

#[test]
fn what_a_mirror_command_prints_is_judged() {
    let (world, receiver) = served(None);
    let script = world.0.path().join("rows.sh");
    let mirror = format!("sh {}", script.display());
    let url = receiver.url();
    let words = ["conformance", "Nord", "--url", &url, "--only", "wipe.rows", "--mirror", &mirror];
    let rows = |second: &str| {
        let rows = format!(r#"{{"id":"2","name":"Vest"}} {{"id":3,"name":"{second}"}}"#).replace(' ', "\n");
        std::fs::write(&script, format!("[ \"$2\" = contact ] && printf '{rows}\\n'\n")).unwrap();
        world.output_of(words)
    };
    assert!(rows("S\u{f8}r").unwrap().contains("the mirror has the 2 rows that are right"));
    assert!(rows("Nord").unwrap_err().contains("wipe.rows"));
}

#[test]
fn a_list_that_cannot_be_gone_through_is_another_error_than_a_failed_line() {
    let world = World::furnished();
    for line in [
        "conformance Nord",
        "conformance Nord --url http://127.0.0.1:9/",
        "conformance Nobody --url http://127.0.0.1:9/",
        "conformance Nord --url http://127.0.0.1:9/ --only tokens",
        "conformance Nord --url http://127.0.0.1:9/ --out /no/such/folder/report",
    ] {
        let (_, error) = printed(&world, line);
        assert!(error.unwrap().is::<CannotRun>(), "{line}");
    }
}

#[test]
fn the_list_names_every_line_without_an_application() {
    let world = World::new();
    let list = world.output("conformance --list").unwrap();
    assert!(list.lines().count() > 100);
    assert!(list.contains(
        "token.audience             a token for another application is refused (trust, documented)"
    ));
    assert!(list.contains("(Wipe, documented, needs --mirror)"), "{list}");
}
