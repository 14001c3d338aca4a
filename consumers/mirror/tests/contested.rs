//! Another mirror writes to the same copy.

use mirrorbus_mirror::{MirrorError, Settings, spawn};

use super::destination::InMemory;
use super::shared::Tenants;
use super::source::until;

#[test]
fn alone_the_one_that_is_refused_ends() {
    let mut tenants = Tenants::new("alone", 2);
    let destination = InMemory::default();
    let settings = Settings { group: None, ..tenants.settings() };
    let first = spawn(settings.clone(), destination.named("first")).unwrap();
    tenants.commit();
    until("the first one mirrors", || destination.writers("Cust0").contains(&"first".to_owned()));
    let second = spawn(settings, destination.named("second")).unwrap();
    until("the first one has ended", || {
        tenants.commit();
        first.is_finished()
    });
    assert!(!first.watch().readiness().is_ready);
    assert!(matches!(first.stop(), Err(MirrorError::Fenced { .. })));
    until("the second one goes on", || destination.writers("Cust1").contains(&"second".to_owned()));
    second.stop().unwrap();
}

#[test]
fn in_a_group_a_stranger_is_taken_back_from_a_few_times_and_then_named() {
    let mut tenants = Tenants::new("stranger", 3);
    let destination = InMemory::default();
    let running = spawn(tenants.settings(), destination.named("member")).unwrap();
    let watch = running.watch();
    until("all are mirrored", || {
        tenants.commit();
        tenants.names().all(|tenant| !destination.writers(tenant).is_empty())
    });
    // Whatever the member loads, the stranger takes over again.
    let (mut last, mut taken) = (destination.take_over("Cust1"), 1);
    until("it is given up", || {
        tenants.commit();
        if destination.owners("Cust1") > last {
            last = destination.take_over("Cust1");
            taken += 1;
        }
        watch.readiness().report.contains("outside of group")
    });
    assert_eq!(taken, 4, "once, and after each time that it was taken back");
    assert!(!watch.readiness().is_ready);
    let refused = format!("errors_total{{application=\"{}\",kind=\"fenced\"}} 4", tenants.source.prefix);
    assert!(watch.metrics().unwrap().contains(&refused), "{refused}");
    let mirrored = destination.rows("Cust0", "contact").len();
    until("the others go on", || {
        tenants.commit();
        ["Cust0", "Cust2"].iter().all(|tenant| destination.rows(tenant, "contact").len() > mirrored)
    });
    assert_eq!(destination.owners("Cust1"), last, "nobody takes it back any more");
    assert!(!running.is_finished());
    running.stop().unwrap();
}

#[test]
fn a_copy_that_was_exchanged_is_loaded_again() {
    for group in [None, Some("exchanged".to_owned())] {
        let mut tenants = Tenants::new("exchanged", 1);
        let destination = InMemory::default();
        let group = group.map(|group| format!("{group}-{}", tenants.source.prefix));
        let settings = Settings { group, ..tenants.settings() };
        let running = spawn(settings, destination.clone()).unwrap();
        tenants.commit();
        until("it is mirrored", || destination.rows("Cust0", "contact").len() == 2);
        destination.disown("Cust0");
        tenants.commit();
        until("it goes on", || destination.rows("Cust0", "contact").len() == 4);
        assert_eq!(destination.owners("Cust0"), 2);
        running.stop().unwrap();
    }
}
