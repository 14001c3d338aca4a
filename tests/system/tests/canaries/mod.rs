//! Nothing that is secret or a customer's leaves the bridge but by the topics: a run with everything in it, each field
//! with a text that stands nowhere else, and then a search of all that came out.
//!
//! The names of tables and columns may be told; values, tokens, keys and passwords may not. A nonce comes back in the
//! answer to its own Authenticate, which is what it is for.

mod run;
mod stub;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use operations_center::application::Application;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

use self::run::{NONCE, NUMBERS, Run, canary};
use crate::support::World;
use crate::support::bridge::Bridge;
use crate::support::world::application;

/// Everything that the operators' listener serves.
const ADMIN_PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];
const PASSWORDS: [(&str, &str); 2] =
    [("sasl-password", "CANARY-sasl-password"), ("registry-password", "CANARY-registry-password")];

/// Something secret, and what it is.
struct Secret {
    what: String,
    text: String,
}

impl Secret {
    /// Whether a line has it. The short numbers among them stand within times and references by chance: a number is one
    /// only where no digit or letter goes on.
    fn stands_in(&self, line: &str) -> bool {
        let is_number = self.text.bytes().all(|byte| byte.is_ascii_digit());
        let goes_on = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        line.match_indices(&self.text).any(|(at, text)| {
            let (before, after) = (&line.as_bytes()[..at], &line.as_bytes()[at + text.len()..]);
            !is_number || !(goes_on(before.last()) || goes_on(after.first()))
        })
    }
}

/// Text canaries all begin alike; numbers, tokens and keys are looked for as they would be written.
fn secrets() -> Vec<Secret> {
    let secret = |what: &str, text: &str| Secret { what: what.to_owned(), text: text.to_owned() };
    let mut secrets =
        vec![secret("a text", "CANARY"), secret("a text in base64", &STANDARD.encode("CANARY")[..8])];
    secrets.extend(NUMBERS.map(|number| secret("a number", number)));
    secrets.extend(key_material(application()));
    secrets
}

/// The beginnings of the private numbers: hex, decimal, and base64 as RSAXML has it.
fn key_material(application: &Application) -> Vec<Secret> {
    let key = application.application_key();
    let mut numbers = vec![("d", key.d(), key.size())];
    numbers.extend(key.primes().iter().map(|prime| ("a prime", prime, key.size() / 2)));
    let texts = numbers.into_iter().flat_map(|(what, number, bytes)| {
        let digits = number.to_bytes_be();
        let padded = [vec![0; bytes - digits.len()], digits].concat();
        let hex = format!("{number:x}");
        let forms = [hex.to_uppercase(), hex, number.to_string(), STANDARD.encode(padded)];
        forms.map(|form| Secret { what: format!("{what} of the private key"), text: form[..24].to_owned() })
    });
    texts.collect()
}

/// Where a secret stands in a text: what it is, and what is around it.
fn leaks(place: &str, text: &str) -> Vec<String> {
    let lines = text.lines();
    let found = lines.flat_map(|line| {
        let here = secrets().into_iter().filter(|secret| secret.stands_in(line)).collect::<Vec<_>>();
        here.into_iter().map(move |secret| format!("{place} has {}: {line}", secret.what))
    });
    found.collect()
}

/// A bridge with passwords for Kafka and the registry, of which Kafka asks for none.
fn bridge(world: &World, level: &str, call_timeout_seconds: &str) -> Bridge {
    for (file, password) in PASSWORDS {
        let path = world.folder().join(file);
        fs::write(&path, password).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let variables = [
        ("MIRRORBUS_LOG", level),
        ("MIRRORBUS_CALL_TIMEOUT_SECONDS", call_timeout_seconds),
        ("MIRRORBUS_REFUSE_REUSED_TOKENS", "true"),
        ("MIRRORBUS_REGISTRY__USER", "somebody"),
        ("MIRRORBUS_REGISTRY__PASSWORD_FILE", "registry-password"),
    ];
    let files = "[kafka.property_files]\n\"sasl.password\" = \"sasl-password\"";
    Bridge::start_in(world, files, &[], &variables)
}

fn admin_pages(bridge: &Bridge) -> String {
    let get = |path: &str| {
        let url = format!("{}{path}", bridge.admin_url);
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut answer = ureq::Agent::new_with_config(config).get(url).call().unwrap();
        assert_ne!(answer.status(), 404, "{path}");
        answer.body_mut().read_to_string().unwrap()
    };
    ADMIN_PATHS.map(get).concat()
}

/// Checks all that came out of a bridge in a run; gives its log.
fn assert_silent(bridge: &Bridge, run: &Run) -> String {
    let (log, pages) = (bridge.log(), admin_pages(bridge));
    let mut found = leaks("the log", &log);
    found.extend(leaks("an admin page", &pages));
    for answer in &run.answers {
        found.extend(leaks("an answer", answer));
        if answer.contains(NONCE) && !answer.contains("AuthenticateResponse") {
            found.push(format!("an answer has a nonce: {answer}"));
        }
    }
    let parts = run.tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 60);
    found.extend(
        parts.filter(|part| log.contains(&part[..40])).map(|part| format!("the log has a token's {part}")),
    );
    if log.contains(NONCE) {
        found.push("the log has a nonce".to_owned());
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    log
}

fn with_everything(level: &str) -> String {
    let world = World::new();
    let bridge = bridge(&world, level, "45");
    let mut run = Run::new(&world, &bridge);
    run.good_cycle();
    run.strangers();
    run.refusals();
    assert!(run.answers.len() > 40, "{}", run.answers.len());
    let events = format!("{:?}", world.events());
    assert!(
        events.contains("Alarm") && events.contains("Dropped") && events.contains("CycleCompleted"),
        "{events}"
    );
    assert_eq!(leaks("an event", &events), Vec::<String>::new());
    // The values did arrive where they belong.
    let kept = format!("{:?}", world.decoded("everything"));
    assert!(kept.contains(&canary("ntext")) && kept.contains(NUMBERS[0]), "{kept}");
    assert_silent(&bridge, &run)
}

#[test]
fn a_run_with_everything_in_it_tells_nothing_at_the_finest_level_of_the_log() {
    let log = with_everything("info,mirrorbus=trace,mirrorbus_librdkafka=trace,mirrorbus_schemas=trace");
    for expected in [
        "\"DEBUG\"",
        "\"WARN\"",
        "\"ERROR\"",
        "call done",
        "call refused",
        "token refused",
        "request refused",
        "everything",
    ] {
        assert!(log.contains(expected), "no {expected} in the log");
    }
}

#[test]
fn a_run_with_everything_in_it_tells_nothing_at_the_default_level_of_the_log() {
    let log = with_everything("info");
    assert!(log.contains("call done") && !log.contains("\"DEBUG\""));
}

#[test]
fn what_a_registry_says_stays_in_the_log_and_its_password_out_of_it() {
    let registry = stub::Registry::start();
    let world = World::on(&World::new().cluster.kafka, &registry.url);
    let bridge = bridge(&world, "info,mirrorbus=trace", "45");
    let mut run = Run::new(&world, &bridge);
    run.first_calls();
    assert!(run.answers.iter().any(|answer| answer.contains("REGISTRY_UNAVAILABLE")), "{:?}", run.answers);
    assert!(registry.heard_password(PASSWORDS[1].1), "the password was never sent: nothing was shown");
    let said = run.answers.iter().any(|answer| answer.contains(stub::TEXT));
    assert!(!said && !admin_pages(&bridge).contains(stub::TEXT));
    assert_silent(&bridge, &run);
}

#[test]
fn kafka_that_does_not_answer_makes_nobody_talk() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::on(&closed.to_string(), &World::new().cluster.registry);
    let bridge = bridge(&world, "info,mirrorbus=trace", "5");
    let mut run = Run::new(&world, &bridge);
    // One call: it waits ten seconds for an answer.
    run.rows();
    assert!(
        run.answers
            .iter()
            .all(|answer| answer.contains("KAFKA_UNAVAILABLE") && !answer.contains(&closed.to_string()))
    );
    assert!(admin_pages(&bridge).contains("does not answer"));
    assert_silent(&bridge, &run);
}

#[test]
fn the_search_finds_what_it_is_made_for() {
    let key = application().application_key();
    let texts = [
        format!("a value CANARY-{}", 5),
        format!("d = {:x}", key.d()),
        format!("{:?}", STANDARD.encode(key.primes()[0].to_bytes_be())),
        format!("money {}", NUMBERS[1]),
        format!("smallint [I:{}]", NUMBERS[4]),
    ];
    for text in texts {
        assert_eq!(leaks("a text", &text).len(), 1, "{text}");
    }
    for text in ["tenant Cust1, table everything, row 1, column ntext", "2026-11-28T00:28:32.431337Z"] {
        assert!(leaks("a text", text).is_empty(), "{text}");
    }
}
