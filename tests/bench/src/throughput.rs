//! Rows a second, and time on the processors per row: parsing alone, a raw producer, the bridge with one tenant and
//! with four. One after another in every round, on the same rows, so that a machine's moods hit all of them.

use std::time::{Duration, Instant};

use services::kernel::Process;

use crate::bridge::Bridge;
use crate::figures::{Figures, median};
use crate::load::{Body, Call};
use crate::parse::{self, Record};
use crate::raw::Raw;
use crate::stage::Stage;
use crate::tenant::Tenant;
use crate::workload::{self, ROWS};

/// Calls of 1 MB in a round, of each variant.
const CALLS: usize = 120;
/// As many calls of 1 MB a second share a token's second.
const PER_SECOND: usize = 120;
const TENANTS: usize = 4;
/// Rounds until compilers and caches are warm; not counted.
const WARM_UP: usize = 2;

/// What a variant did in one round.
#[derive(Clone, Copy)]
struct Run {
    rows: usize,
    bytes: usize,
    took: Duration,
    cpu: Duration,
    /// The client's share, where it is another process than the one that is measured.
    load_cpu: Duration,
}

impl Run {
    fn rows_per_s(&self) -> f64 {
        self.rows as f64 / self.took.as_secs_f64()
    }

    fn mb_per_s(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.took.as_secs_f64()
    }

    fn us_per_row(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.rows as f64
    }
}

/// One round of every variant.
struct Round {
    parse: Run,
    raw: Run,
    one: Run,
    four: Run,
}

/// One of a round's runs.
type Variant = fn(&Round) -> &Run;

impl Round {
    /// What parsing and a raw producer give one after the other on the same rows.
    fn serial_rows_per_s(&self) -> f64 {
        1.0 / (1.0 / self.parse.rows_per_s() + 1.0 / self.raw.rows_per_s())
    }
}

pub(crate) fn measure(stage: &Stage, rounds: usize, figures: &mut Figures) -> anyhow::Result<()> {
    let table = workload::table("contact")?;
    let bodies = workload::large_bodies(&table)?;
    let plain: Vec<Vec<u8>> = bodies.iter().map(|body| body.with_token("none")).collect();
    let records = plain.iter().map(|body| parse::records(body)).collect::<anyhow::Result<Vec<_>>>()?;
    let raw = Raw::open(stage)?;
    let bridge = stage.bridge("throughput")?;
    let mut tenants = (0..TENANTS)
        .map(|number| Tenant::new(stage, &bridge, &format!("Cust{number}")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for tenant in &mut tenants {
        tenant.open(std::slice::from_ref(&table))?;
    }
    let mut kept = Vec::new();
    for round in 0..WARM_UP + rounds {
        let (parse, raw) = (run_parse(&plain)?, run_raw(&raw, &records)?);
        let one = run_bridge(&bridge, &mut tenants[..1], &bodies, CALLS)?;
        let four = run_bridge(&bridge, &mut tenants, &bodies, CALLS / 2)?;
        eprintln!(
            "bench: round {round}: parse {:.0}, raw {:.0}, bridge {:.0}, four tenants {:.0} rows/s",
            parse.rows_per_s(),
            raw.rows_per_s(),
            one.rows_per_s(),
            four.rows_per_s()
        );
        if round >= WARM_UP {
            kept.push(Round { parse, raw, one, four });
        }
    }
    report(&kept, figures);
    figures.add("bridge_resident_mb", bridge.process.resident_mb()?, "MiB");
    Ok(())
}

fn report(rounds: &[Round], figures: &mut Figures) {
    let variants: [(&str, Variant); 4] = [
        ("parse_encode", |r| &r.parse),
        ("raw", |r| &r.raw),
        ("bridge_1", |r| &r.one),
        ("bridge_4", |r| &r.four),
    ];
    for (name, of) in variants {
        figures.add(
            format!("{name}_rows_per_s"),
            median(rounds.iter().map(|r| of(r).rows_per_s())),
            "rows/s",
        );
        figures.add(format!("{name}_mb_per_s"), median(rounds.iter().map(|r| of(r).mb_per_s())), "MB/s");
        let cpu = rounds.iter().map(|r| of(r).us_per_row(of(r).cpu));
        figures.add(format!("{name}_cpu_us_per_row"), median(cpu), "us");
    }
    let load = rounds.iter().map(|r| r.one.us_per_row(r.one.load_cpu));
    figures.add("load_cpu_us_per_row", median(load), "us");
    figures.add("serial_rows_per_s", median(rounds.iter().map(Round::serial_rows_per_s)), "rows/s");
    let ratio =
        |of: fn(&Round) -> &Run| median(rounds.iter().map(|r| of(r).rows_per_s() / r.serial_rows_per_s()));
    figures.add("bridge_ratio", ratio(|r| &r.one), "");
    figures.add("bridge_ratio_4", ratio(|r| &r.four), "");
}

fn run_parse(bodies: &[Vec<u8>]) -> anyhow::Result<Run> {
    let (cpu, began) = (Process::own().cpu()?, Instant::now());
    let (mut rows, mut bytes) = (0, 0);
    for body in bodies.iter().cycle().take(CALLS * 2) {
        rows += parse::parse(body)?;
        bytes += body.len();
    }
    let took = began.elapsed();
    Ok(Run { rows, bytes, took, cpu: Process::own().cpu()? - cpu, load_cpu: Duration::ZERO })
}

fn run_raw(raw: &Raw, bodies: &[Vec<Record>]) -> anyhow::Result<Run> {
    let (cpu, began) = (Process::own().cpu()?, Instant::now());
    let (mut rows, mut bytes) = (0, 0);
    for records in bodies.iter().cycle().take(CALLS) {
        raw.call(records)?;
        rows += records.len();
        bytes += records.iter().map(|r| r.key.len() + r.value.as_ref().map_or(0, Vec::len)).sum::<usize>();
    }
    let took = began.elapsed();
    Ok(Run { rows, bytes, took, cpu: Process::own().cpu()? - cpu, load_cpu: Duration::ZERO })
}

/// Every tenant sends its calls one after another, all tenants at once.
fn run_bridge(
    bridge: &Bridge,
    tenants: &mut [Tenant<'_>],
    bodies: &[Body],
    calls: usize,
) -> anyhow::Result<Run> {
    let prepared: Vec<Vec<Call>> = tenants
        .iter_mut()
        .map(|tenant| tenant.prepare(bodies, calls, PER_SECOND))
        .collect::<anyhow::Result<_>>()?;
    let (cpu, load_cpu) = (bridge.process.cpu()?, Process::own().cpu()?);
    let began = Instant::now();
    send_all(tenants, &prepared)?;
    Ok(Run {
        rows: tenants.len() * calls * ROWS,
        bytes: prepared.iter().flatten().map(Call::bytes).sum(),
        took: began.elapsed(),
        cpu: bridge.process.cpu()? - cpu,
        load_cpu: Process::own().cpu()? - load_cpu,
    })
}

/// All tenants at once, each its calls in order.
pub(crate) fn send_all(tenants: &mut [Tenant<'_>], calls: &[Vec<Call>]) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let send = |(tenant, calls): (_, &Vec<Call>)| {
            let tenant: &mut Tenant<'_> = tenant;
            calls.iter().try_for_each(|call| tenant.send(call).map(drop))
        };
        let running: Vec<_> =
            tenants.iter_mut().zip(calls).map(|pair| scope.spawn(move || send(pair))).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
    })
}
