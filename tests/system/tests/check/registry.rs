//! A registry that is elsewhere, or away, or does not do what the bridge needs.

use super::proxy::{Instead, Proxy};
use super::setup::{Checked, Setup};
use crate::support::World;

#[test]
fn a_registry_with_a_wrong_path_is_a_fault_that_names_the_right_one() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    let right = setup.registry.clone();
    setup.registry = right.replace("/apis/ccompat/v7", "/api");
    let found = format!("{}/subjects: 404 Not Found", setup.registry);
    let advice = format!("set registry.url to {right}, where one answers");
    setup.check().assert_only_fault("registry", &found, &advice);
}

#[test]
fn a_registry_that_is_down_is_a_fault_that_names_it() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    setup.registry = "http://127.0.0.1:1/apis/ccompat/v7".to_owned();
    let checked = setup.check();
    let found = "http://127.0.0.1:1/apis/ccompat/v7 does not answer: ";
    checked.assert_only_fault("registry", found, "is the registry running there");
    assert!(checked.text.contains("Connection refused"), "{}", checked.text);
}

#[test]
fn an_address_that_is_kafkas_is_no_registry() {
    let world = World::new();
    let mut setup = Setup::new(&world);
    setup.registry = format!("http://{}", setup.kafka);
    setup.check().assert_only_fault("registry", "does not answer: ", "is registry.url its address");
}

fn check_with(instead: Instead) -> (World, Checked) {
    let world = World::new();
    let mut setup = Setup::new(&world);
    let registry = Proxy::start(&setup.registry, 0, instead);
    setup.registry = registry.url();
    let checked = setup.check();
    (world, checked)
}

#[test]
fn a_registry_that_lets_in_what_does_not_fit_is_a_fault() {
    let (_, checked) =
        check_with(|method, path| (method == "PUT" && path.contains("/config/")).then_some(200));
    let found = "a schema that does not fit was accepted under FULL";
    checked.assert_only_fault("registry probe subject", found, "check compatibility per subject");
}

#[test]
fn a_registry_that_does_not_know_us_is_a_fault() {
    let (_, checked) = check_with(|_, _| Some(401));
    checked.assert_only_fault(
        "registry",
        "/subjects: 401 Unauthorized",
        "registry.user and registry.password_file",
    );
}

#[test]
fn a_registry_where_we_may_only_read_is_a_fault() {
    let (_, checked) = check_with(|method, _| (method != "GET").then_some(403));
    checked.assert_only_fault("registry probe subject", "403 Forbidden", "let the user register schemas");
}

#[test]
fn a_registry_that_deletes_nothing_keeps_a_subject_that_other_checks_use_again() {
    let (world, checked) = check_with(|method, _| (method == "DELETE").then_some(405));
    assert_eq!(checked.code, 0, "{}", checked.text);
    let kept = format!("{}-sys.mirrorbus-check.kept-value", world.prefix);
    assert!(
        checked.text.contains(&format!("{kept} stays: the registry deletes nothing")),
        "{}",
        checked.text
    );
    // Both forms of the report were asked for: two checks, and the same schema from both. Registries list their
    // subjects in pages, so this one is asked for by its name.
    let versions = format!("{}/subjects/{kept}/versions", world.cluster.registry);
    assert_eq!(ureq::get(versions).call().unwrap().body_mut().read_to_string().unwrap(), "[1]");
}
