//! Most memory that the bridge takes while tenants send calls of 1 MB at once: what it has at rest, and at most 1.2
//! times the budget for bodies in flight.

use crate::bridge::BUDGET_MB;
use crate::figures::Figures;
use crate::stage::Stage;
use crate::tenant::Tenant;
use crate::throughput::send_all;
use crate::workload;

const TENANTS: [usize; 3] = [1, 4, 32];
const CALLS: usize = 20;
const ALLOWED: f64 = 1.2;

/// Says whether the bound was kept.
pub(crate) fn measure(stage: &Stage, figures: &mut Figures) -> anyhow::Result<bool> {
    let table = workload::table("sale")?;
    let bodies = workload::large_bodies(&table)?;
    let mut kept = true;
    for count in TENANTS {
        let bridge = stage.bridge(&format!("memory{count}"))?;
        let base = bridge.process.resident_mb()?;
        let mut tenants = (0..count)
            .map(|number| Tenant::new(stage, &bridge, &format!("CustMemory{count}x{number}")))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for tenant in &mut tenants {
            tenant.open(std::slice::from_ref(&table))?;
        }
        let calls = tenants
            .iter_mut()
            .map(|tenant| tenant.prepare(&bodies, CALLS, 100))
            .collect::<anyhow::Result<Vec<_>>>()?;
        bridge.process.forget_peak()?;
        send_all(&mut tenants, &calls)?;
        let peak = bridge.process.peak_mb()?;
        let bound = base + ALLOWED * BUDGET_MB;
        figures.add(format!("base_resident_mb_{count}_tenants"), base, "MiB");
        figures.add(format!("peak_resident_mb_{count}_tenants"), peak, "MiB");
        if peak > bound {
            eprintln!("bench: FAILED: {count} tenants took {peak:.0} MiB, allowed are {bound:.0}");
            kept = false;
        }
    }
    Ok(kept)
}
