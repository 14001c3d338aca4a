//! Access rules: a cluster that lets nobody do what no rule allows, and each time one rule is missing.

use super::setup::{Checked, Setup};
use super::topics::make;
use crate::support::own::{Own, settings};
use crate::support::rights::{Acl, CHECKED, allow};
use crate::support::{World, wait_until};

/// What README tells an operator to allow, for one prefix.
fn all(prefix: &str) -> Vec<Acl> {
    let (rows, system) = (format!("{prefix}."), format!("{prefix}-sys."));
    let mut acls = vec![
        Acl::topics(&system, "Delete"),
        Acl::transactions(&rows, "Write"),
        Acl::transactions(&rows, "Describe"),
        Acl::group(&format!("{prefix}-bridge"), "Read"),
    ];
    for root in [&rows, &system] {
        let operations = ["Create", "Write", "Read", "Describe", "DescribeConfigs"];
        acls.extend(operations.map(|operation| Acl::topics(root, operation)));
    }
    acls
}

/// Allows all but some, and checks. A row topic is there before.
fn without(kafka: &str, registry: &str, missing: impl Fn(&str) -> Vec<Acl>) -> (World, Checked) {
    let world = World::on(kafka, registry);
    make(&world, "contact", 1, ("cleanup.policy", "compact"));
    let missing = missing(&world.prefix);
    let acls: Vec<_> = all(&world.prefix).into_iter().filter(|acl| !missing.contains(acl)).collect();
    assert_eq!(acls.len() + missing.len(), all(&world.prefix).len(), "the missing are among all");
    allow(kafka, &acls);
    let checked = Setup::new(&world).check();
    (world, checked)
}

#[test]
fn each_missing_right_is_named_with_the_rule_that_gives_it() {
    // One of its own: the rules below are about the cluster, too.
    let own = Own::with(|options| options.settings = settings(CHECKED));
    let world = own.world();
    let (kafka, registry) = (&world.cluster.kafka, &world.cluster.registry);
    // Who may create topics on the cluster may do so anywhere.
    allow(kafka, &["ClusterAction", "Alter", "Describe"].map(Acl::cluster));
    std::thread::scope(|scope| {
        let cases: [fn(&str, &str); 9] = [
            nothing_missing,
            create_of_system_topics,
            create_of_row_topics,
            write_to_system_topics,
            read_of_system_topics,
            write_to_row_topics,
            transactional_id,
            group,
            what_only_the_check_needs,
        ];
        let running = cases.map(|case| scope.spawn(move || case(kafka, registry)));
        running.into_iter().for_each(|case| case.join().unwrap());
    });
}

fn nothing_missing(kafka: &str, registry: &str) {
    let (world, checked) = without(kafka, registry, |_| vec![]);
    assert_eq!(checked.code, 0, "{}", checked.text);
    let item = Setup::new(&world).item("rights on row topics");
    let line = checked.lines.iter().find(|line| line.item == item).unwrap();
    assert_eq!(line.found, "Read and Write: 1");
}

fn create_of_system_topics(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::topics(&format!("{prefix}-sys."), "Create")]);
    let prefix = &world.prefix;
    let found = format!("Create is refused on topics {prefix}-sys.*");
    let advice = format!("--operation Create --topic {prefix}-sys. --resource-pattern-type prefixed");
    checked.assert_only_fault(&format!("{prefix} new system topics"), &found, &advice);
}

fn create_of_row_topics(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::topics(&format!("{prefix}."), "Create")]);
    let prefix = &world.prefix;
    let found = format!("Create is refused on topics {prefix}.*");
    let advice = format!("--operation Create --topic {prefix}. --resource-pattern-type prefixed");
    checked.assert_only_fault(&format!("{prefix} new row topics"), &found, &advice);
}

fn write_to_system_topics(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::topics(&format!("{prefix}-sys."), "Write")]);
    let prefix = &world.prefix;
    let found = format!("Write is refused on topics {prefix}-sys.*");
    let advice = format!("--operation Write --topic {prefix}-sys. --resource-pattern-type prefixed");
    checked.assert_only_fault(&format!("{prefix} probe transaction"), &found, &advice);
}

fn read_of_system_topics(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::topics(&format!("{prefix}-sys."), "Read")]);
    let prefix = &world.prefix;
    let found = format!("Read is refused on topics {prefix}-sys.*");
    let advice = format!("--operation Read --topic {prefix}-sys. --resource-pattern-type prefixed");
    checked.assert_only_fault(&format!("{prefix} probe transaction"), &found, &advice);
}

fn write_to_row_topics(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::topics(&format!("{prefix}."), "Write")]);
    let prefix = &world.prefix;
    let found = format!("Write is refused on topics {prefix}.*: {}", world.topic("contact"));
    let advice = format!("--operation Write --topic {prefix}. --resource-pattern-type prefixed");
    checked.assert_only_fault(&format!("{prefix} rights on row topics"), &found, &advice);
}

fn transactional_id(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::transactions(&format!("{prefix}."), "Write")]);
    let prefix = &world.prefix;
    let found = format!("Write is refused on transactional ids {prefix}.*");
    let advice = format!("--operation Write --transactional-id {prefix}. --resource-pattern-type prefixed");
    checked.assert_only_fault(&format!("{prefix} probe transaction"), &found, &advice);
}

fn group(kafka: &str, registry: &str) {
    let (world, checked) =
        without(kafka, registry, |prefix| vec![Acl::group(&format!("{prefix}-bridge"), "Read")]);
    let prefix = &world.prefix;
    // A resource without any rule is everybody's here.
    assert_eq!(checked.code, 0, "{}", checked.text);
    allow(kafka, &[Acl::group(&format!("{prefix}-bridge"), "DescribeConfigs")]);
    let mut checked = Setup::new(&world).check();
    wait_until("the rule counts", || {
        let is_told = checked.code == 1;
        if !is_told {
            checked = Setup::new(&world).check();
        }
        is_told
    });
    let found = format!("Read is refused on group {prefix}-bridge");
    let advice = format!("--operation Read --group {prefix}-bridge");
    checked.assert_only_fault(&format!("{prefix} group"), &found, &advice);
}

fn what_only_the_check_needs(kafka: &str, registry: &str) {
    let (world, checked) = without(kafka, registry, |prefix| {
        let system = format!("{prefix}-sys.");
        let rows = format!("{prefix}.");
        let settings = [&system, &rows].map(|root| Acl::topics(root, "DescribeConfigs"));
        [settings.as_slice(), &[Acl::topics(&system, "Delete")]].concat()
    });
    let prefix = &world.prefix;
    let found = format!("settings of topics not shown: DescribeConfigs is refused on topics {prefix}-sys.*");
    let advice =
        format!("--operation DescribeConfigs --topic {prefix}-sys. --resource-pattern-type prefixed");
    checked.assert_warning(&format!("{prefix} settings"), &found, &advice);
    let found = format!("settings not shown: DescribeConfigs is refused on topics {prefix}.*");
    checked.assert_warning(&format!("{prefix} rows topics"), &found, "--operation DescribeConfigs --topic");
    let probes = || {
        let names = world.cluster.topics();
        let probes =
            names.into_iter().filter(|name| name.starts_with(&format!("{prefix}-sys.mirrorbus-check.")));
        probes.collect::<Vec<_>>()
    };
    let left = probes();
    let again = Setup::new(&world).check();
    assert_eq!(again.code, 0, "{}", again.text);
    let told = "stays for the checks to come: Delete is refused on topics";
    assert!(again.text.contains(&format!("{} {told}", left[0])), "{}", again.text);
    assert_eq!(probes(), left, "used again");
}
