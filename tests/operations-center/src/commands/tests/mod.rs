//! The command line, each command run in this process.

mod conformance;
mod live;

use clap::CommandFactory;

use super::*;

/// An Operations Center in a folder of its own.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With an application `Nord`, whose id is `abc`, and a small tenant `Cust1`.
    fn furnished() -> Self {
        let world = Self::new();
        world.output("app register Nord --id abc --key-bits 1024").unwrap();
        world.output("tenant create Cust1 --size 2").unwrap();
        world
    }

    /// What a command prints, or its error with all causes.
    fn output(&self, line: &str) -> Result<String, String> {
        self.output_of(line.split_ascii_whitespace())
    }

    /// The same for words that have blanks in them.
    fn output_of<'w>(&'w self, words: impl IntoIterator<Item = &'w str>) -> Result<String, String> {
        let folder = self.0.path().to_str().unwrap();
        let words = ["operations-center", "--folder", folder].into_iter().chain(words);
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        run(arguments, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn json(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.output(&format!("{line} -o json")).unwrap()).unwrap()
    }
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_explains_itself_with_an_example() {
    fn visit(command: &mut clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        if command.get_subcommands().next().is_none() {
            let help = command.render_long_help().to_string();
            let usage = path.trim_start();
            assert!(
                help.contains(&format!("Example: {usage}")),
                "no example of '{usage}' in its help:\n{help}"
            );
        }
        command
            .get_subcommands_mut()
            .filter(|sub| sub.get_name() != "help")
            .for_each(|sub| visit(sub, &path));
    }
    visit(&mut Arguments::command(), "");
}

#[test]
fn a_token_is_shown_at_registration_and_on_demand_only() {
    let world = World::new();
    let printed = world.output("app register Nord --id abc --key-bits 1024 --environment stage").unwrap();
    let token = printed.lines().find_map(|line| line.strip_prefix("token       ")).unwrap().to_owned();
    assert_eq!(token.len(), 32);
    assert!(printed.starts_with("application abc\n") && printed.contains("application-key.xml"), "{printed}");
    assert!(printed.contains("SuperOffice Online Stage Federated Login"), "{printed}");
    for quiet in ["app list", "app list -o json", "app show abc", "app show Nord -o json"] {
        assert!(!world.output(quiet).unwrap().contains(&token), "{quiet}");
    }
    assert!(world.output("app show abc --secrets").unwrap().contains(&token));
    assert_eq!(world.json("app show Nord --secrets")["token"], *token);
    let other = world.json("app register Other --key-bits 1024");
    assert_eq!(other["token"].as_str().unwrap().len(), 32);
    assert!(std::path::Path::new(other["files"]["signing_certificate"].as_str().unwrap()).exists());
}

#[test]
fn what_is_registered_is_shown() {
    let world = World::furnished();
    let url = "https://mirror.example.com/m.svc";
    let error = world.output("app enable-mirroring Nord").unwrap_err();
    assert!(error.contains("mirroring needs a Mirroring URL"), "{error}");
    let error = world.output("app enable-mirroring Nord --url mirror.example.com").unwrap_err();
    assert!(error.contains("does not begin with https:// or http://"), "{error}");
    world.output(&format!("app enable-mirroring Nord --url {url}")).unwrap();
    world.output("tenant approve Cust1 Nord").unwrap();
    let shown = world.json("app show abc");
    assert_eq!((&shown["mirroring"], &shown["mirroring_url"]), (&true.into(), &url.into()));
    assert_eq!(shown["approved_by"][0]["tenant"], "Cust1");
    assert_eq!(world.json("app list")[0], shown);
    let line = world.output("app list").unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["abc", "Nord", "development", "1", url]);
    world.output("app disable-mirroring Nord").unwrap();
    assert_eq!(world.json("app show abc")["mirroring"], false);
    assert!(world.output("app show abc").unwrap().contains(&format!("off, was to {url}")));
    let rotated = world.output("app rotate-key Nord --key-bits 1024").unwrap();
    assert!(rotated.contains("the old key is no longer accepted"), "{rotated}");
}

#[test]
fn a_tenant_is_approved_set_and_shown() {
    let world = World::furnished();
    world.output("tenant approve Cust1 Nord").unwrap();
    world.output("tenant maintenance Cust1 on").unwrap();
    let set = world.output("tenant set Cust1 BatchSize=20000 SkipTables=contact,nothing").unwrap();
    assert!(set.contains("note: Cust1 has no table nothing now"), "{set}");
    let shown = world.json("tenant show Cust1");
    assert_eq!((&shown["maintenance"], &shown["batch_size"]), (&true.into(), &20_000.into()));
    assert_eq!(shown["skip_tables"], serde_json::json!(["contact", "nothing"]));
    assert_eq!((&shown["approved"][0]["application"], &shown["tables"]), (&"abc".into(), &33.into()));
    assert_eq!(world.json("tenant list")[0]["approved"], shown["approved"]);
    let line = world.output("tenant list").unwrap().lines().nth(1).unwrap().to_owned();
    assert!(line.starts_with("Cust1 ") && line.ends_with(" on           abc"), "{line}");
    world.output("tenant set Cust1 BatchSize= SkipTable=").unwrap();
    world.output("tenant maintenance Cust1 off").unwrap();
    world.output("tenant revoke Cust1 abc").unwrap();
    let text = world.output("tenant show Cust1").unwrap();
    assert!(text.contains("1000000 (default)") && !text.contains("approved"), "{text}");
    for (preference, rule) in
        [("BatchSize=0", "above 0"), ("BatchSize", "NAME=VALUE"), ("Size=1", "SkipTable")]
    {
        let error = world.output(&format!("tenant set Cust1 {preference}")).unwrap_err();
        assert!(error.contains(rule), "{error}");
    }
}

#[test]
fn a_tenant_is_changed_backed_up_restored_and_dropped() {
    let world = World::furnished();
    let truth = || world.json("truth Cust1");
    let before = truth();
    assert_eq!(before["tables"].as_array().unwrap().len(), 33);
    let backup = world.0.path().join("monday.db");
    world.output(&format!("tenant backup Cust1 --to {}", backup.display())).unwrap();
    world.output("tenant change Cust1 --updates 30").unwrap();
    assert_ne!(truth(), before);
    world.output("tenant maintenance Cust1 on").unwrap();
    let restored = world.output(&format!("tenant restore Cust1 {}", backup.display())).unwrap();
    assert!(restored.contains("Cust1 is restored, from version "), "{restored}");
    assert_eq!(truth(), before);
    assert_eq!(world.json("tenant show Cust1")["maintenance"], true);
    assert!(
        world.output("tenant restore Cust1 nowhere.db").unwrap_err().contains("nowhere.db does not exist")
    );
    assert!(world.output("tenant drop Cust1").unwrap_err().contains("confirm with --yes"));
    world.output("tenant drop Cust1 --yes").unwrap();
    assert_eq!(world.json("tenant list"), serde_json::json!([]));
    assert!(backup.exists());
}

#[test]
fn a_restore_is_overtaken_on_demand() {
    let world = World::furnished();
    let tenant = Center::open(world.0.path()).unwrap().tenant("Cust1").unwrap();
    for table in tenant.tables().unwrap() {
        tenant.enable_tracking(&table.name).unwrap();
    }
    let backup = world.0.path().join("monday.db");
    world.output(&format!("tenant backup Cust1 --to {}", backup.display())).unwrap();
    for _ in 0..3 {
        world.output("tenant change Cust1").unwrap();
    }
    let before = tenant.version().unwrap();
    world.output(&format!("tenant restore Cust1 {}", backup.display())).unwrap();
    assert!(tenant.version().unwrap() < before);
    world.output("tenant change Cust1").unwrap();
    let overtaken = tenant.version().unwrap();
    let printed = world.output(&format!("tenant restore Cust1 {} --overtake", backup.display())).unwrap();
    assert!(tenant.version().unwrap() > overtaken);
    assert!(printed.contains(&format!("brought it to version {}", tenant.version().unwrap())), "{printed}");
    assert!(!tenant.settings().unwrap().maintenance);
}

#[test]
fn the_truth_leaves_out_what_is_never_sent() {
    let world = World::furnished();
    world.output("tenant set Cust1 SkipTable=contact").unwrap();
    let tables = |line: &str| world.json(line)["tables"].as_array().unwrap().len();
    assert_eq!((tables("truth Cust1"), tables("truth Cust1 --all")), (32, 33));
    let one = world.json("truth Cust1 --table contact");
    assert_eq!(
        (one["tables"][0]["table"].as_str(), one["tables"][0]["rows"].as_u64()),
        (Some("contact"), Some(2))
    );
    let text = world.output("truth Cust1 --table contact").unwrap();
    assert!(
        text.lines().nth(1).unwrap().starts_with(one["tables"][0]["checksum"].as_str().unwrap()),
        "{text}"
    );
}

#[test]
fn a_cycle_says_what_it_waits_for() {
    let world = World::new();
    let cycle = || world.output("cycle Nord Cust1").unwrap_err();
    assert!(cycle().contains("no application 'Nord' is registered"), "{}", cycle());
    world.output("app register Nord --id abc --key-bits 1024").unwrap();
    assert!(cycle().contains("make it with 'operations-center tenant create Cust1'"), "{}", cycle());
    world.output("tenant create Cust1 --size 1").unwrap();
    assert!(cycle().contains("let it with 'operations-center tenant approve Cust1 abc'"), "{}", cycle());
    world.output("tenant approve Cust1 Nord").unwrap();
    world.output("tenant maintenance Cust1 on").unwrap();
    assert!(cycle().contains("'operations-center tenant maintenance Cust1 off'"), "{}", cycle());
    world.output("tenant maintenance Cust1 off").unwrap();
    assert!(cycle().contains("'operations-center app enable-mirroring abc --url URL'"), "{}", cycle());
    world.output("app enable-mirroring Nord --url http://127.0.0.1:9/registered").unwrap();
    assert!(cycle().contains("no answer from http://127.0.0.1:9/registered"), "{}", cycle());
    let other = world.output("cycle Nord Cust1 --url http://127.0.0.1:9/other").unwrap_err();
    assert!(other.contains("no answer from http://127.0.0.1:9/other"), "{other}");
}

#[test]
fn a_scripted_end_is_no_failure_but_a_fault_that_did_not_happen_is() {
    let world = World::furnished();
    world.output("tenant approve Cust1 Nord").unwrap();
    let cycle = |faults: &str| world.output(&format!("cycle Nord Cust1 --url http://127.0.0.1:9/ {faults}"));
    let told = cycle("--fault authenticate=refuse").unwrap();
    assert!(told.contains("fault authenticate=refuse: call 1, Authenticate: given up"), "{told}");
    assert!(told.contains("the cycle ended there: Authenticate was broken off"), "{told}");
    let error = cycle("--fault authenticate=refuse --fault wipe=repeat").unwrap_err();
    assert!(error.contains("1 of the faults did not happen in this cycle: wipe=repeat"), "{error}");
    let error = cycle("--fault authenticate=slow:100000").unwrap_err();
    assert!(error.contains("Authenticate got no answer"), "{error}");
    let error = cycle("--fault authenticate=explode").unwrap_err();
    assert!(error.contains("the unknown kind 'explode', there are: refuse, hang-up"), "{error}");
    let file = world.0.path().join("faults");
    std::fs::write(&file, "*:1=refuse\n").unwrap();
    let told = cycle(&format!("--fault-file {}", file.display())).unwrap();
    assert!(told.contains("fault *:1=refuse: call 1"), "{told}");
}

/// A zone in which it is noon now, so that no test runs at night.
fn zone_of_noon() -> String {
    use operations_center::clock::{Clock, SystemClock};
    let ahead = 12 - SystemClock.now_seconds() / 3600 % 24;
    format!("{}{:02}:00", if ahead < 0 { '-' } else { '+' }, ahead.abs())
}

#[test]
fn the_schedule_runs_for_as_long_as_it_is_told_and_the_log_says_what_it_did() {
    let world = World::furnished();
    world.output("app register Away --id xyz --key-bits 1024 --technical-contact a@example.com").unwrap();
    world.output("app enable-mirroring xyz --url http://127.0.0.1:9/?code=secret").unwrap();
    world.output("tenant approve Cust1 Away").unwrap();
    world.output("tenant approve Cust1 Nord").unwrap();
    let printed =
        world.output(&format!("run --speed max --for 39m --per-minute 2 --zone {}", zone_of_noon())).unwrap();
    // Nord has mirroring switched off.
    assert!(printed.contains("cycles: 2 (completed 0, failed 2,"), "{printed}");
    assert!(printed.contains("mails: 1; failures not mailed again within a day: 1"), "{printed}");
    assert_eq!(std::fs::read_dir(world.0.path().join("mail")).unwrap().count(), 1);

    let log = world.output("log").unwrap();
    assert_eq!(log.lines().count(), 2);
    assert!(printed.contains(&log), "the log repeats what was printed: {log}");
    assert!(log.contains("Authenticate got no answer from http://127.0.0.1:9/?(query)"), "{log}");
    let last = world.json("log --failed --last 1 --app Away");
    assert_eq!((last.as_array().unwrap().len(), &last[0]["failure"]["kind"]), (1, &"no_answer".into()));
    assert_eq!((&last[0]["tenant"], &last[0]["application"]), (&"Cust1".into(), &"xyz".into()));
    for nothing in ["log --tenant Cust2", "log --app Nord"] {
        assert_eq!(world.output(nothing).unwrap(), "");
    }
}

#[test]
fn a_schedule_of_nobody_says_how_to_begin() {
    let world = World::new();
    let printed = world.output("run --speed max --for 1h").unwrap();
    assert!(printed.contains("operations-center tenant approve"), "{printed}");
    assert!(printed.contains("cycles: 0 (completed 0,"), "{printed}");
    let other = std::fs::File::open(world.0.path().join(".run.lock")).unwrap();
    other.lock().unwrap();
    let error = world.output("run --speed max --for 1h").unwrap_err();
    assert!(error.starts_with("another 'operations-center run' is at work in "), "{error}");
    drop(other);
    let error = world.output("run --smtp localhost").unwrap_err();
    assert!(error.contains("smtp://localhost:25"), "{error}");
}
