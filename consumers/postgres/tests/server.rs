//! A server of a test's own, to be restarted, filled up, or encrypted.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Stopped at the end.
pub(crate) struct Server {
    folder: TempDir,
    bin: PathBuf,
    pub(crate) port: u16,
}

/// The newest PostgreSQL that is installed.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is not installed");
    let newest = versions.map(|entry| entry.unwrap().path()).max().unwrap();
    newest.join("bin")
}

impl Server {
    /// With more lines for its two files of settings.
    pub(crate) fn start(settings: &str, hba: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Self { folder, bin: bin(), port };
        if is_root() {
            assert!(
                Command::new("chown").arg("postgres").arg(server.folder.path()).status().unwrap().success()
            );
        }
        server.run("initdb", &["-A", "trust", "-U", "postgres", "-N", "-D"]);
        let data = server.data();
        let base = format!(
            "port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nautovacuum=off\n{settings}\n"
        );
        append(&data.join("postgresql.conf"), &base);
        if let Some(hba) = hba {
            std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
        }
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Gives a file that the server reads to its user.
    pub(crate) fn place_file(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, text).unwrap();
        assert!(Command::new("chmod").arg("600").arg(&path).status().unwrap().success());
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(&path).status().unwrap().success());
        }
    }

    pub(crate) fn up(&self) {
        let log = self.folder.path().join("log");
        self.run("pg_ctl", &["-w", "-l", log.to_str().unwrap(), "start", "-D"]);
    }

    /// As in a crash: nothing is written any more.
    pub(crate) fn crash(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop", "-D"]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_postgres(&self.bin.join(program));
        let status = command.args(arguments).arg(self.data()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}");
    }
}

fn append(path: &Path, text: &str) {
    let before = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, before + text).unwrap();
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut command = as_postgres(&self.bin.join("pg_ctl"));
        let _ =
            command.args(["-m", "immediate", "stop", "-D"]).arg(self.data()).stdout(Stdio::null()).status();
    }
}
