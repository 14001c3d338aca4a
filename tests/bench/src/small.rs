//! Calls of one row: back to back, and 20 ms apart beside a raw producer that does the same.

use std::time::{Duration, Instant};

use crate::figures::{Figures, ms, percentile};
use crate::load::Call;
use crate::parse;
use crate::raw::Raw;
use crate::stage::Stage;
use crate::tenant::Tenant;
use crate::workload;

const BACK_TO_BACK: usize = 2000;
/// As many calls share a token's second: about what goes through in one.
const PER_SECOND: usize = 250;
const APART: Duration = Duration::from_millis(20);
const CALLS_APART: usize = 1000;
/// The two take turns in blocks of so many.
const BLOCK: usize = 100;
const WARM_UP: usize = 500;

pub(crate) fn measure(stage: &Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let table = workload::table("person")?;
    let bodies = workload::small_bodies(&table)?;
    let bridge = stage.bridge("small")?;
    let mut tenant = Tenant::new(stage, &bridge, "CustSmall")?;
    tenant.open(std::slice::from_ref(&table))?;
    for call in tenant.prepare(&bodies, WARM_UP, PER_SECOND)? {
        tenant.send(&call)?;
    }
    let calls = tenant.prepare(&bodies, BACK_TO_BACK, PER_SECOND)?;
    let cpu = bridge.process.cpu()?;
    let began = Instant::now();
    let mut took = calls.iter().map(|call| tenant.send(call)).collect::<anyhow::Result<Vec<_>>>()?;
    figures.add("one_row_calls_per_s", BACK_TO_BACK as f64 / began.elapsed().as_secs_f64(), "calls/s");
    figures.add(
        "one_row_cpu_us_per_call",
        (bridge.process.cpu()? - cpu).as_secs_f64() * 1e6 / BACK_TO_BACK as f64,
        "us",
    );
    figures.add_latencies("one_row_ms", &mut took);
    let records = parse::records(&bodies[0].with_token("none"))?;
    let raw = Raw::open(stage)?;
    let mut back_to_back = (0..WARM_UP).map(|_| raw.call(&records)).collect::<anyhow::Result<Vec<_>>>()?;
    figures.add_latencies("raw_one_row_ms", &mut back_to_back);
    let calls = tenant.prepare(&bodies, CALLS_APART, PER_SECOND / 5)?;
    let (mut with_bridge, mut alone) = (Vec::new(), Vec::new());
    for block in calls.chunks(BLOCK) {
        let mut next = block.iter();
        apart(BLOCK, &mut alone, || raw.call(&records))?;
        apart(block.len(), &mut with_bridge, || {
            next.next().map_or(Ok(Duration::ZERO), |call: &Call| tenant.send(call))
        })?;
    }
    figures.add_latencies("small_call_bridge_ms", &mut with_bridge);
    figures.add_latencies("small_call_raw_ms", &mut alone);
    for percent in [50, 99] {
        let extra = ms(percentile(&with_bridge, percent)) - ms(percentile(&alone, percent));
        figures.add(format!("small_call_extra_ms_p{percent}"), extra, "ms");
    }
    Ok(())
}

/// Begins a call every 20 ms, or at once where the one before took longer.
fn apart(
    count: usize,
    took: &mut Vec<Duration>,
    mut call: impl FnMut() -> anyhow::Result<Duration>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    for number in 1..=count {
        took.push(call()?);
        let next = APART * u32::try_from(number)?;
        std::thread::sleep(next.saturating_sub(began.elapsed()));
    }
    Ok(())
}
