//! Two hundred tenants with small calls: what each keeps open.

use std::time::Duration;

use crate::figures::Figures;
use crate::stage::Stage;
use crate::tenant::Tenant;
use crate::workload;

const TENANTS: usize = 200;
/// Tenants that open at once.
const AT_ONCE: usize = 8;
const CALLS: usize = 5;
/// How long nobody calls.
const IDLE: Duration = Duration::from_secs(5);

pub(crate) fn measure(stage: &Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let bridge = stage.bridge("tenants")?;
    let table = workload::table("appointment")?;
    let bodies = workload::small_bodies(&table)?;
    figures.add("tenants_0_resident_mb", bridge.process.resident_mb()?, "MiB");
    figures.add("tenants_0_threads", bridge.process.threads()?, "threads");
    let mut tenants = (0..TENANTS)
        .map(|number| Tenant::new(stage, &bridge, &format!("CustMany{number}")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        let serve = |tenants: &mut [Tenant<'_>]| -> anyhow::Result<()> {
            for tenant in tenants {
                tenant.open(std::slice::from_ref(&table))?;
                for call in tenant.prepare(&bodies, CALLS, CALLS)? {
                    tenant.send(&call)?;
                }
            }
            Ok(())
        };
        let running: Vec<_> =
            tenants.chunks_mut(TENANTS / AT_ONCE).map(|share| scope.spawn(move || serve(share))).collect();
        running.into_iter().try_for_each(|thread| {
            thread.join().map_err(|_| anyhow::anyhow!("a tenant's thread panicked"))?
        })
    })?;
    figures.add("tenants_200_resident_mb", bridge.process.resident_mb()?, "MiB");
    figures.add("tenants_200_threads", bridge.process.threads()?, "threads");
    figures.add("tenants_200_sockets", bridge.process.sockets()?, "sockets");
    let cpu = bridge.process.cpu()?;
    std::thread::sleep(IDLE);
    let share = (bridge.process.cpu()? - cpu).as_secs_f64() / IDLE.as_secs_f64();
    figures.add("tenants_200_idle_cpu_percent", share * 100.0, "%");
    Ok(())
}
