//! A configuration to be checked, and what the check said of it.

use std::path::PathBuf;
use std::process::Command;

use crate::support::World;
use crate::support::bridge::program;
use crate::support::world::application;

/// A configuration that is right unless a test breaks it.
pub struct Setup<'w> {
    pub world: &'w World,
    pub kafka: String,
    pub registry: String,
    pub copies: (i32, i32),
    pub key_file: String,
    pub certificate_file: String,
}

/// One item of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub item: String,
    pub status: String,
    pub found: String,
    pub advice: String,
}

/// What the program said.
#[derive(Debug)]
pub struct Checked {
    pub code: i32,
    pub lines: Vec<Line>,
    pub text: String,
}

impl<'w> Setup<'w> {
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            kafka: world.cluster.kafka.clone(),
            registry: world.cluster.registry.clone(),
            copies: (1, 1),
            key_file: "application-key.xml".to_owned(),
            certificate_file: "signing-certificate.pem".to_owned(),
        }
    }

    /// The name of an item of this set-up's prefix.
    pub fn item(&self, name: &str) -> String {
        format!("{} {name}", self.world.prefix)
    }

    fn write(&self) -> PathBuf {
        let number: u32 = rand::random();
        let file = self.world.folder().join(format!("check-{number:08x}.toml"));
        let Self { kafka, registry, copies: (copies, in_sync), key_file, certificate_file, .. } = self;
        let (id, prefix) = (&application().id, &self.world.prefix);
        let text = format!(
            r#"
public_url = "https://mirror.example.com/MirroringClientService.svc"
[kafka]
bootstrap_servers = "{kafka}"
replication_factor = {copies}
min_insync_replicas = {in_sync}
[registry]
url = "{registry}"
[[applications]]
id = "{id}"
prefix = "{prefix}"
private_key_file = "{key_file}"
certificate_files = ["{certificate_file}"]
"#
        );
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Both forms of the report, asked for at once.
    pub fn check(&self) -> Checked {
        self.check_with(&[])
    }

    pub fn check_with(&self, more: &[&str]) -> Checked {
        let file = self.write();
        let run = |output: &str| {
            let mut command = Command::new(program("mirrorbus"));
            command.args(["check", "--output", output, "--config"]).arg(&file).args(more);
            command.output().unwrap()
        };
        let (json, text) = std::thread::scope(|scope| {
            let text = scope.spawn(|| run("text"));
            (run("json"), text.join().unwrap())
        });
        assert_eq!(json.status.code(), text.status.code(), "{json:?}\n{text:?}");
        for output in [&json, &text] {
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let list: Vec<serde_json::Value> = serde_json::from_slice(&json.stdout).unwrap();
        let lines = list.iter().map(line).collect();
        Checked { code: json.status.code().unwrap(), lines, text: String::from_utf8(text.stdout).unwrap() }
    }
}

fn line(object: &serde_json::Value) -> Line {
    assert_eq!(object.as_object().unwrap().len(), 4);
    let text = |key: &str| object[key].as_str().unwrap().to_owned();
    Line { item: text("item"), status: text("status"), found: text("found"), advice: text("advice") }
}

impl Checked {
    pub fn of_status(&self, status: &str) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.status == status).collect()
    }

    /// There is this line, in both forms, with these words in what was found and in what to do.
    pub fn assert_line(&self, status: &str, item: &str, found: &str, advice: &str) {
        let is_it = |line: &&Line| {
            line.item == item
                && line.status == status
                && line.found.contains(found)
                && line.advice.contains(advice)
        };
        assert!(self.lines.iter().any(|line| is_it(&line)), "no {status} {item}: {found}\n{}", self.text);
        let is_text = |line: &&str| {
            line.starts_with(&format!("{status:<7}  {item} "))
                && line.contains(found)
                && line.split_once(" -> ").is_some_and(|(_, told)| told.contains(advice))
        };
        assert!(self.text.lines().any(|line| is_text(&line)), "{status} {item} in\n{}", self.text);
    }

    /// This fault and no other, and exit code 1.
    pub fn assert_only_fault(&self, item: &str, found: &str, advice: &str) {
        self.assert_line("fault", item, found, advice);
        assert_eq!(self.of_status("fault").len(), 1, "{}", self.text);
        assert_eq!(self.code, 1);
    }

    /// This warning, no fault, and exit code 0.
    pub fn assert_warning(&self, item: &str, found: &str, advice: &str) {
        self.assert_line("warning", item, found, advice);
        assert_eq!(self.of_status("fault"), Vec::<&Line>::new());
        assert_eq!(self.code, 0);
    }
}
