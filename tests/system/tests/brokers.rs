//! Nodes of three that die, stand still or come back in mid-call. One cluster for all of these tests, one test at a time.

use std::time::{Duration, Instant};

use mirrorbus::failpoint;
use mirrorbus_librdkafka::Isolation;
use operations_center::wire::Request;

use crate::support::vendor::Vendor;
use crate::support::{Own, World, batch, contact, on_three_nodes, wait_until};

/// A call has 45 seconds, and its caller a little more.
const DEADLINE: Duration = Duration::from_secs(50);

/// A call of so many rows from this id on.
fn rows(lsn: i64, from: i32, count: i32) -> Request {
    let rows: Vec<_> = (from..from + count).map(|id| ("I", id, "x")).collect();
    Request::row_data(&[batch(&contact(), lsn, &rows)])
}

/// Records of committed transactions in `contact`'s topic.
fn records(world: &World) -> usize {
    world.cluster.read(&world.topic("contact"), Isolation::ReadCommitted).len()
}

#[test]
fn the_death_of_a_partitions_leader_in_mid_call_delays_the_call_and_loses_and_repeats_nothing() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        vendor.open(&[contact()]);
        world.settle();
        let began = Instant::now();
        let kill = || {
            let leader = own.services.leader_of(&world.topic("contact"), 0).unwrap();
            own.services.kill_node(leader).unwrap();
        };
        let answer = vendor.answer_with(&bridge, &rows(3, 1, 500), failpoint::ROW_SENT, kill);
        assert!(answer.is_successful, "{}\n{}", answer.message(), bridge.log());
        assert!(began.elapsed() < DEADLINE);
        assert_eq!((world.contacts().len(), records(&world)), (500, 500));
        vendor.complete();
        assert_eq!(vendor.open(&[contact()])["contact"], 3);
    });
}

#[test]
fn whichever_node_dies_the_next_cycle_asks_another() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        for node in 1..=3 {
            world.settle();
            own.services.kill_node(node).unwrap();
            vendor.later();
            vendor.succeed(&Request::authenticate());
            assert_eq!(vendor.schema(&[contact()])["contact"], 1, "node {node}");
            own.services.start_kafka().unwrap();
        }
        // librdkafka's word for asking a dead node that was the controller once.
        assert!(!bridge.log().contains("waiting for controller"), "{}", bridge.log());
    });
}

#[test]
fn the_death_of_the_transactions_coordinator_leaves_a_call_whole_or_not_at_all() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        let mut there = 1;
        for (lsn, point) in [(2, failpoint::ROW_SENT), (3, failpoint::POSITIONS_CONFIRMED)] {
            own.services.start_kafka().unwrap();
            vendor.open(&[contact()]);
            world.settle();
            let began = Instant::now();
            let kill = || {
                let id = format!("{}.{}", world.prefix, world.tenant);
                let coordinator = own.services.coordinator_of(&id).unwrap();
                own.services.kill_node(coordinator).unwrap();
            };
            let from = 1000 * i32::try_from(lsn).unwrap();
            let answer = vendor.answer_with(&bridge, &rows(lsn, from, 100), point, kill);
            assert!(began.elapsed() < DEADLINE);
            println!("{point}: {}", answer.message());
            let at_once = world.contacts().len();
            assert!(
                at_once == there + 100 || (!answer.is_successful && at_once == there),
                "{at_once} of {there}"
            );
            // Two nodes are enough for the next call, and for all that follow. It decides what was undecided.
            vendor.rows(&[batch(&contact(), lsn, &[("U", 1, "y")])]);
            let seen = world.contacts().len();
            assert!(seen == there + 100 || (!answer.is_successful && seen == there), "{seen} of {there}");
            vendor.complete();
            assert_eq!(vendor.open(&[contact()])["contact"], lsn);
            there = world.contacts().len();
            assert!(there == seen, "what was decided changed later");
        }
    });
}

#[test]
fn with_two_of_three_nodes_down_a_call_fails_in_its_time_and_the_same_bridge_goes_on_afterwards() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        vendor.open(&[contact()]);
        world.settle();
        let began = Instant::now();
        let kill = || {
            let leader = own.services.leader_of(&world.topic("contact"), 0).unwrap();
            for node in (1..=3).filter(|node| *node != leader) {
                own.services.kill_node(node).unwrap();
            }
        };
        let answer = vendor.answer_with(&bridge, &rows(2, 2, 100), failpoint::ROW_SENT, kill);
        assert!(!answer.is_successful, "acknowledged with one copy of three");
        assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
        vendor.later();
        vendor.fail(&Request::authenticate());
        own.services.start_kafka().unwrap();
        assert_eq!(
            vendor.cycle(&[batch(&contact(), 2, &[("I", 2, "x")])])["contact"],
            1,
            "not -1, and not 2"
        );
        assert_eq!(world.contacts(), [(1, Some("x".into())), (2, Some("x".into()))]);
        assert_eq!(vendor.open(&[contact()])["contact"], 2);
    });
}

#[test]
fn a_partition_with_too_few_copies_takes_no_rows_until_they_are_back() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        world.cluster.create_topic_on(&[1, 2], &world.topic("contact"), &[("min.insync.replicas", "2")]);
        // Where there are topics but no positions, only calls newer than the clock open a cycle.
        vendor.set_now(40);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        vendor.open(&[contact()]);
        let began = Instant::now();
        let pause = || own.services.pause_node(2).unwrap();
        let answer = vendor.answer_with(&bridge, &rows(2, 2, 100), failpoint::ROW_SENT, pause);
        assert!(!answer.is_successful, "acknowledged with one copy of two");
        assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
        own.services.start_kafka().unwrap();
        assert_eq!(world.contacts().len(), 1);
        assert_eq!(vendor.cycle(&[batch(&contact(), 2, &[("I", 2, "x")])])["contact"], 1);
        assert_eq!(world.contacts().len(), 2);
    });
}

#[test]
fn while_nodes_restart_in_turn_no_table_is_asked_for_again_and_no_row_is_lost() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        let over = std::sync::atomic::AtomicBool::new(false);
        let (acknowledged, failed, turn) = std::thread::scope(|scope| {
            let turn = vendor.at(&bridge);
            let over = &over;
            let cycles = scope.spawn(move || {
                let (mut acknowledged, mut failed, mut id) = (vec![1], 0, 1);
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    id += 1;
                    if one_cycle(&turn, id) {
                        acknowledged.push(id);
                    } else {
                        failed += 1;
                    }
                }
                (acknowledged, failed, turn)
            });
            for node in 1..=3 {
                if node == 2 {
                    own.services.kill_node(node).unwrap();
                } else {
                    own.services.stop_node(node).unwrap();
                }
                own.services.start_kafka().unwrap();
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            cycles.join().unwrap()
        });
        println!("{} cycles acknowledged, {failed} failed", acknowledged.len());
        assert!(acknowledged.len() > 3, "hardly a cycle in all the time");
        let ids: Vec<i32> = world.contacts().into_iter().map(|(id, _)| id).collect();
        let lost: Vec<_> = acknowledged.iter().filter(|id| !ids.contains(id)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        assert!(!bridge.log().contains("asked for again"), "{}", bridge.log());
        assert!(turn.open(&[contact()])["contact"] > 0);
    });
}

/// A cycle that inserts one row. Says whether it was acknowledged; an answered position may never be -1.
fn one_cycle(vendor: &Vendor, id: i32) -> bool {
    // Token times are a second apart, and must not run away from the clock.
    std::thread::sleep(Duration::from_millis(200));
    vendor.later();
    if !vendor.answer(&Request::authenticate()).is_successful {
        return false;
    }
    let schema = vendor.answer(&Request::table_schema(&[contact()]));
    if !schema.is_successful {
        return false;
    }
    let positions = schema.positions.unwrap();
    assert!(positions.iter().all(|position| position.lsn > 0), "asked for everything: {positions:?}");
    let taken = vendor.answer(&rows(i64::from(id), id, 1)).is_successful;
    if taken {
        // Whether it takes effect is another matter.
        vendor.answer(&Request::completed(&[] as &[operations_center::wire::Summary]));
    }
    taken
}

/// The first position of `contact` that is answered: calls may fail until new leaders have caught up.
fn first_answer(vendor: &Vendor) -> i64 {
    let mut positions = None;
    wait_until("a cycle is opened", || {
        if vendor.later().answer(&Request::authenticate()).is_successful {
            positions = vendor.answer(&Request::table_schema(&[contact()])).positions;
        }
        positions.is_some()
    });
    positions.unwrap()[0].lsn
}

/// Waits until others have taken over what a dead node did for the tenant as a whole.
fn without(own: &Own, world: &World, node: u32) {
    let id = format!("{}.{}", world.prefix, world.tenant);
    wait_until("others have taken over", || {
        own.services.leader_of(&world.positions(), 0).unwrap() != node
            && own.services.coordinator_of(&id).unwrap() != node
    });
}

#[test]
fn rows_lost_by_an_unclean_election_are_asked_for_again() {
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        let mistake = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")];
        world.cluster.create_topic_on(&[1, 2], &world.topic("contact"), &mistake);
        // Where there are topics but no positions, only calls newer than the clock open a cycle.
        vendor.set_now(40);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        vendor.open(&[contact()]);
        world.settle();
        own.services.kill_node(2).unwrap();
        without(own, &world, 2);
        vendor.rows(&[batch(&contact(), 2, &[("I", 2, "only on node 1"), ("U", 1, "y")])]);
        vendor.complete();
        world.settle();
        own.services.kill_node(1).unwrap();
        own.services.start_node(2).unwrap();
        wait_until("the node without the rows leads", || {
            own.services.leader_of(&world.topic("contact"), 0).unwrap() == 2
        });
        without(own, &world, 1);
        assert_eq!(
            world.contacts(),
            [(1, Some("x".into()))],
            "nothing was lost: nothing is shown by this test"
        );
        let all = batch(&contact(), 3, &[("I", 1, "y"), ("I", 2, "again")]);
        assert_eq!(first_answer(&vendor), -1);
        vendor.wipe("contact");
        vendor.rows(&[all]);
        vendor.complete();
        own.services.start_kafka().unwrap();
        assert_eq!(world.contacts(), [(1, Some("y".into())), (2, Some("again".into()))]);
        assert_eq!(vendor.open(&[contact()])["contact"], 3);
    });
}

/// How often a transaction's end is lost with a node that dies so soon after the commit was acknowledged.
const SOON_AFTER_MS: std::ops::Range<u64> = 0..40;

#[test]
#[ignore = "minutes; `make endings` runs it"]
fn a_coordinator_that_dies_just_after_a_commit_leaves_no_transaction_hanging() {
    const ROUNDS: u64 = 30;
    on_three_nodes(|own| {
        let world = own.world();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        let id = format!("{}.{}", world.prefix, world.tenant);
        vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
        let mut hanging = Vec::new();
        for round in 0..ROUNDS {
            let after_ms = SOON_AFTER_MS.start + round * (SOON_AFTER_MS.end - SOON_AFTER_MS.start) / ROUNDS;
            let lsn = vendor.open(&[contact()])["contact"];
            let coordinator = own.services.coordinator_of(&id).unwrap();
            vendor.rows(&[batch(&contact(), lsn + 1, &[("U", 1, "y")])]);
            std::thread::sleep(Duration::from_millis(after_ms));
            own.services.kill_node(coordinator).unwrap();
            own.services.start_kafka().unwrap();
            vendor.set_now(0);
            let answer = vendor.answer(&Request::authenticate());
            println!("{after_ms} ms: {} {}", answer.is_successful, answer.message());
            if answer.message().starts_with("HANGING_TRANSACTION") {
                hanging.push(after_ms);
                break;
            }
            assert_eq!(vendor.later().open(&[contact()])["contact"], lsn, "{}", answer.message());
            vendor.rows(&[batch(&contact(), lsn + 1, &[("U", 1, "y")])]);
            vendor.complete();
        }
        assert!(hanging.is_empty(), "hanging after {hanging:?} ms");
    });
}
