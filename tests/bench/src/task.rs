//! The Mirroring Task of `operations-center`: rows a second of a tenant's first load, into a receiver that discards
//! them and into the bridge, one after the other in every round. A bridge can only be measured by a task that is faster.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use operations_center::application::{Application, Details, Registration};
use operations_center::caller::Caller;
use operations_center::center::Center;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::cycle::{Cycle, Readiness};
use operations_center::tenant::Tenant;
use services::guard::{self, Guarded};

use crate::bridge::{free_address, program};
use crate::figures::{Figures, median};
use crate::stage::Stage;
use crate::workload;
use services::kernel::Process;

const ROWS: i64 = 300_000;
/// Rounds until caches are warm; not counted.
const WARM_UP: usize = 1;
/// The task must be so many times as fast as the bridge.
const LEAST_RATIO: f64 = 2.0;
/// An application of its own.
const DISCARDING: &str = "discarding";
const START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// A first load.
struct Load {
    rows_per_s: f64,
    mb_per_s: f64,
    /// The task's time on the processors, per row.
    cpu_us: f64,
}

struct Round {
    discarded: Load,
    bridge: Load,
}

/// One of a round's loads.
type Variant = fn(&Round) -> &Load;

/// Says whether the task was fast enough.
pub(crate) fn measure(stage: &Stage, rounds: usize, figures: &mut Figures) -> anyhow::Result<bool> {
    let bridge = stage.bridge("task")?;
    let to_bridge = Client::new(&format!("http://{}/MirroringClientService.svc", bridge.address));
    let discarding = Discarding::start(stage)?;
    let mut kept = Vec::new();
    for round in 0..WARM_UP + rounds {
        let tenant = tenant(&stage.folder.join(format!("CustTask{round}.db")))?;
        let discarded = load(&discarding.application, &tenant, &discarding.client)?;
        let bridge = load(&stage.application, &tenant, &to_bridge)?;
        eprintln!(
            "bench: round {round}: discarded {:.0}, bridge {:.0} rows/s",
            discarded.rows_per_s, bridge.rows_per_s
        );
        if round >= WARM_UP {
            kept.push(Round { discarded, bridge });
        }
    }
    Ok(report(&kept, figures) >= LEAST_RATIO)
}

/// Returns the ratio.
fn report(rounds: &[Round], figures: &mut Figures) -> f64 {
    let variants: [(&str, Variant); 2] = [("discarded", |r| &r.discarded), ("bridge", |r| &r.bridge)];
    for (name, of) in variants {
        let figure = |value: fn(&Load) -> f64| median(rounds.iter().map(|round| value(of(round))));
        figures.add(format!("task_{name}_rows_per_s"), figure(|load| load.rows_per_s), "rows/s");
        figures.add(format!("task_{name}_mb_per_s"), figure(|load| load.mb_per_s), "MB/s");
        figures.add(format!("task_{name}_cpu_us_per_row"), figure(|load| load.cpu_us), "us");
    }
    let ratio = median(rounds.iter().map(|r| r.discarded.rows_per_s / r.bridge.rows_per_s));
    figures.add("task_ratio", ratio, "");
    ratio
}

/// A new tenant of one table.
fn tenant(file: &Path) -> anyhow::Result<Tenant> {
    for ending in ["db", "db-wal", "db-shm"] {
        let left = file.with_extension(ending);
        if left.exists() {
            std::fs::remove_file(left)?;
        }
    }
    let tenant = Tenant::create(file)?;
    tenant.add_table(&workload::table("contact")?)?;
    tenant.load("contact", (1..=ROWS).map(workload::values))?;
    Ok(tenant)
}

/// A cycle, measured from TableSchema on: before, it may have to wait for a newer second.
fn load(application: &Application, tenant: &Tenant, client: &Client) -> anyhow::Result<Load> {
    let mut cycle = Cycle::new(Caller::new(client, application, tenant, &SystemClock));
    anyhow::ensure!(cycle.authenticate()? == Readiness::Ready, "the receiver is not ready");
    let (cpu, began) = (Process::own().cpu()?, Instant::now());
    let positions = cycle.table_schema()?;
    cycle.send_all(&positions)?;
    cycle.complete()?;
    let (took, cpu) = (began.elapsed().as_secs_f64(), Process::own().cpu()? - cpu);
    let report = cycle.report();
    anyhow::ensure!(report.rows() == ROWS.unsigned_abs(), "{} rows were sent, not {ROWS}", report.rows());
    let rows = report.rows() as f64;
    Ok(Load {
        rows_per_s: rows / took,
        mb_per_s: report.bytes as f64 / 1e6 / took,
        cpu_us: cpu.as_secs_f64() * 1e6 / rows,
    })
}

/// `operations-center receiver --discard` as a process; it ends with the value.
struct Discarding {
    _guarded: Guarded,
    application: Application,
    client: Client,
}

impl Discarding {
    fn start(stage: &Stage) -> anyhow::Result<Self> {
        let folder = stage.folder.join("operations-center");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let registration = Registration::new(Details::named(DISCARDING));
        let application = Center::open(&folder)?.register(registration)?;
        let address = free_address()?;
        let log = stage.folder.join("discarding.log");
        let output = File::create(&log)?;
        let mut command = guard::command();
        command.arg(program("operations-center")?).args(["receiver", DISCARDING, "--discard", "--folder"]);
        command.arg(folder).arg("--listen").arg(address.to_string());
        command.stdout(output.try_clone()?).stderr(output);
        let mut guarded = Guarded::spawn(command)?;
        let url = format!("http://{address}/MirroringClientService.svc");
        let began = Instant::now();
        while ureq::get(&url).call().is_err() {
            let ended = guarded.wait(PAUSE).is_some();
            let waits = !ended && began.elapsed() < START;
            anyhow::ensure!(waits, "the receiver did not start, see {}", log.display());
        }
        Ok(Self { _guarded: guarded, application, client: Client::new(&url) })
    }
}
