//! Reports are read back.

use super::*;
use crate::conformance::Level;

fn report() -> Report {
    let line = |id, level, outcome, observed: &str| LineReport {
        id,
        rule: "a rule",
        source: "trust, documented",
        level,
        outcome,
        observed: observed.to_owned(),
        seconds: 0.5,
    };
    Report {
        url: "http://a.example/?a=1&b=2".to_owned(),
        application: "0123".to_owned(),
        began: "2026-01-31T12:00:00Z".to_owned(),
        mirror: false,
        passed: false,
        lines: vec![
            line("http.page", Level::Recommended, Outcome::Fail, "status 404"),
            line("token.audience", Level::Required, Outcome::Fail, "IsSuccessful=true \"<&>\u{1}"),
            line("token.issuer", Level::Required, Outcome::Pass, "IsSuccessful=false"),
            line("rows.final-state", Level::Required, Outcome::NotObserved, "no view"),
        ],
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>, &Report) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out, &report()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn json_is_read_back_with_stable_words() {
    let value: serde_json::Value = serde_json::from_str(&written(json)).unwrap();
    assert_eq!(value["passed"], false);
    assert_eq!(value["lines"][1]["outcome"], "fail");
    assert_eq!(value["lines"][3]["outcome"], "not-observed");
    assert_eq!(value["lines"][0]["level"], "recommended");
    assert_eq!(value["lines"][1]["observed"], "IsSuccessful=true \"<&>\u{1}");
}

/// Names and attributes of all elements, and all text.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start) => {
                let attribute = |attribute: quick_xml::events::attributes::Attribute<'_>| {
                    (
                        attribute.key.0.to_string(),
                        quick_xml::escape::unescape(&attribute.value).unwrap().into_owned(),
                    )
                };
                let attributes = start.attributes().map(Result::unwrap).map(attribute).collect();
                found.push((start.name().0.to_string(), attributes));
            }
            quick_xml::events::Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn junit_counts_required_failures_only_and_skips_the_rest_with_reasons() {
    let elements = elements(&written(junit));
    let attribute = |place: usize, name: &str| {
        elements[place].1.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone()).unwrap()
    };
    assert_eq!(elements[0].0, "testsuites");
    assert_eq!([attribute(0, "tests"), attribute(0, "failures"), attribute(0, "skipped")], ["4", "1", "2"]);
    let named = |name: &str| elements.iter().filter(|(found, _)| found == name).collect::<Vec<_>>();
    assert_eq!(named("testsuite").len(), 3);
    assert_eq!(named("testcase").len(), 4);
    assert_eq!(named("failure")[0].1[0].1, "IsSuccessful=true \"<&> ");
    assert_eq!(named("skipped")[0].1[0].1, "advice: status 404");
    assert_eq!(named("skipped")[1].1[0].1, "not observed: no view");
}

#[test]
fn text_says_how_each_line_ended_and_what_was_not_looked_at() {
    let text = written(text);
    assert!(text.contains("\nadvice        http.page"), "{text}");
    assert!(text.contains("4 lines: 1 pass, 1 fail, 1 are advice, 1 were not observed"), "{text}");
    assert!(text.contains("give --mirror") && text.contains("does not keep to"), "{text}");
}
