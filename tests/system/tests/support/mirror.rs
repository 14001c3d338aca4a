//! A mirror as a process, whatever it keeps its tables in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use demo::mirrored::{InPostgres, Mirrored, in_sqlite};
use mirror_postgres::Postgres;
use mirror_sqlite::Sqlite;
use mirrorbus_mirror::{Copies, Copy, failpoint};
use mirrorbus_schemas::topic::Tenant;
use services::guard::{self, Guarded, Signal};

use super::bridge::{Failpoints, program};
use super::postgres::Database;
use super::world::World;

/// Where a mirror's tables are.
pub enum Kept {
    InSqlite(PathBuf),
    InPostgres(Box<Database>),
}

/// A running mirror; it ends with the value.
pub struct Mirror {
    process: Guarded,
    pub failpoints: Failpoints,
    log: PathBuf,
}

impl Kept {
    pub fn in_sqlite(world: &World) -> Self {
        Self::InSqlite(world.folder().join("mirror"))
    }

    pub fn in_postgres() -> Self {
        Self::InPostgres(Box::new(Database::new()))
    }

    /// Starts a mirror of the world's tenants with small batches.
    pub fn start(&self, world: &World) -> Mirror {
        let number: u32 = rand::random();
        let failpoints = Failpoints(world.folder().join(format!("failpoints-{number}")));
        std::fs::create_dir(&failpoints.0).unwrap();
        let log = world.folder().join(format!("mirror-{number}.log"));
        let file = std::fs::File::create(&log).unwrap();
        let mut command = guard::process();
        command.env(failpoint::FOLDER, &failpoints.0);
        command.arg(program(self.program())).arg("run").args(self.options());
        command.args(["--kafka", &world.cluster.kafka, "--registry", &world.cluster.registry]);
        command.args(["--prefix", &world.prefix, "--batch-records", "5000"]);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Mirror { process: Guarded::spawn(command).unwrap(), failpoints, log }
    }

    /// Runs another verb to its end; gives what it printed as JSON, and its exit code.
    pub fn carry_out(&self, world: &World, verb: &[&str]) -> (Vec<serde_json::Value>, i32) {
        let mut command = std::process::Command::new(program(self.program()));
        command.args(verb).args(self.options()).args(["-o", "json", "--prefix", &world.prefix]);
        command.args(["--kafka", &world.cluster.kafka, "--registry", &world.cluster.registry]);
        let done = command.output().unwrap();
        let printed = String::from_utf8(done.stdout).unwrap();
        println!("{verb:?}: {} {}", done.status, String::from_utf8_lossy(&done.stderr));
        let printed = serde_json::Deserializer::from_str(&printed).into_iter();
        (printed.map(Result::unwrap).collect(), done.status.code().unwrap())
    }

    fn program(&self) -> &'static str {
        match self {
            Self::InSqlite(_) => "mirror-sqlite",
            Self::InPostgres(_) => "mirror-postgres",
        }
    }

    fn options(&self) -> [String; 2] {
        match self {
            Self::InSqlite(folder) => ["--folder".to_owned(), folder.to_str().unwrap().to_owned()],
            Self::InPostgres(database) => ["--postgres".to_owned(), database.url()],
        }
    }

    /// The same tables, to be looked at beside whoever writes to them.
    pub fn copies(&self) -> Box<dyn Copies> {
        match self {
            Self::InSqlite(folder) => Box::new(Sqlite::open(folder).unwrap()),
            Self::InPostgres(database) => Box::new(Postgres::new(database.place()).unwrap()),
        }
    }

    /// How far the first partition of a table is applied.
    pub fn position(&self, world: &World, table: &str) -> i64 {
        let tenant = Tenant::new(&world.tenant).unwrap();
        let memory = self.copies().inspect(&tenant, Copy::Live).unwrap().unwrap_or_default();
        memory.positions.get(&(world.topic(table), 0)).map_or(0, |position| position.next_offset)
    }

    /// Keys below `moving` with their names as numbers, and the number of rows, of one moment of `contact`.
    pub fn look(&self, world: &World, moving: i32) -> (Vec<(i64, i32)>, i64) {
        const ROWS: &str = "SELECT id, name, (SELECT count(*) FROM contact) FROM contact WHERE id <";
        let sql = format!("{ROWS} {moving}");
        let rows: Vec<(i64, String, i64)> = match self {
            Self::InSqlite(_) => {
                let connection = self.sqlite(world);
                let mut select = connection.prepare(&sql).unwrap();
                let rows = select.query_map([], |row| row.try_into()).unwrap();
                rows.map(Result::unwrap).collect()
            }
            Self::InPostgres(database) => {
                let rows = database.query(&world.tenant, &sql).into_iter();
                rows.map(|row| (row.get::<_, i32>(0).into(), row.get(1), row.get(2))).collect()
            }
        };
        let count = rows.first().map_or(0, |row| row.2);
        (rows.into_iter().map(|(id, name, _)| (id, name.parse().unwrap())).collect(), count)
    }

    /// Changes a tenant's tables behind the mirror's back.
    pub fn run_sql(&self, world: &World, sql: &str) {
        match self {
            Self::InSqlite(_) => self.sqlite(world).execute_batch(sql).unwrap(),
            Self::InPostgres(database) => drop(database.query(&world.tenant, sql)),
        }
    }

    fn sqlite(&self, world: &World) -> rusqlite::Connection {
        let Self::InSqlite(folder) = self else { panic!("not kept in SQLite") };
        let path = mirror_sqlite::tenant_path(folder, &Tenant::new(&world.tenant).unwrap());
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(20)).unwrap();
        connection
    }

    /// Rows, checksum and counts of every table.
    pub fn tables(&self, world: &World) -> BTreeMap<String, Mirrored> {
        match self {
            Self::InSqlite(folder) => {
                let tenant = Tenant::new(&world.tenant).unwrap();
                in_sqlite(&mirror_sqlite::tenant_path(folder, &tenant)).unwrap()
            }
            Self::InPostgres(database) => {
                InPostgres::connect(&database.url(), &world.tenant).unwrap().tables().unwrap()
            }
        }
    }
}

impl Mirror {
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) {
        self.process.signal(Signal::Kill);
        self.process.wait(Duration::from_secs(10)).unwrap();
    }

    /// Stops it where it is, with its connections open: SIGSTOP.
    pub fn pause(&mut self) {
        self.process.pause();
    }

    /// Lets a paused one go on: SIGCONT.
    pub fn resume(&mut self) {
        self.process.signal(Signal::Continue);
    }

    /// The exit code of one that ends by itself.
    pub fn code(mut self) -> i32 {
        self.process.wait(Duration::from_secs(60)).unwrap().code().unwrap()
    }

    /// Asks it to end and waits until it has.
    pub fn stop(mut self) {
        self.process.signal(Signal::Terminate);
        let status = self.process.wait(Duration::from_secs(60)).unwrap();
        assert!(status.success(), "the mirror ended with {status}: {}", self.log());
    }
}
