//! TableSchema of a tenant of the vendor's usual size: 413 tables, 150 of them with rows.

use std::time::Duration;

use operations_center::wire::Request;

use crate::bridge::Bridge;
use crate::figures::{Figures, median, ms};
use crate::proxy::Proxy;
use crate::stage::Stage;
use crate::tenant::Tenant;
use crate::workload;

const TABLES: usize = 413;
const WITH_ROWS: usize = 150;
/// Batches to a call.
const BATCHES: usize = 15;
const WARM_CYCLES: usize = 7;
/// First calls, each of a new tenant.
const FIRST_CALLS: usize = 3;
/// Tokens of two cycles are a second apart.
const SECOND: Duration = Duration::from_millis(1100);

pub(crate) fn measure(stage: &Stage, figures: &mut Figures) -> anyhow::Result<()> {
    let proxy = Proxy::start(&stage.registry()?)?;
    let bridge = Bridge::start(stage, "schema", &proxy.url)?;
    let tables = (0..TABLES)
        .map(|number| workload::table(&format!("y_table{number}")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut first = Vec::new();
    for number in 1..FIRST_CALLS {
        let mut other = Tenant::new(stage, &bridge, &format!("CustFirst{number}"))?;
        first.push(ms(other.open(&tables)?));
    }
    let mut tenant = Tenant::new(stage, &bridge, "CustSchema")?;
    proxy.take_requests();
    first.push(ms(tenant.open(&tables)?));
    figures.add("table_schema_413_first_ms", median(first), "ms");
    figures.add("table_schema_413_first_registry_requests", proxy.take_requests(), "requests");
    for (number, tables) in tables[..WITH_ROWS].chunks(BATCHES).enumerate() {
        let lsn = 1 + i64::try_from(number)?;
        let batches: Vec<_> = tables.iter().map(|table| workload::batch(table, 1, 3, lsn)).collect();
        tenant.call(&Request::row_data(&batches))?;
    }
    figures.add("rows_of_150_new_tables_registry_requests", proxy.take_requests(), "requests");
    tenant.complete()?;
    let mut warm = Vec::new();
    for _ in 0..WARM_CYCLES {
        std::thread::sleep(SECOND);
        warm.push(ms(tenant.open(&tables)?));
        let known = tenant.answer().matches("LSN>-1<").count();
        anyhow::ensure!(
            known == TABLES - WITH_ROWS,
            "{known} tables are to be sent, not {}",
            TABLES - WITH_ROWS
        );
        tenant.complete()?;
    }
    figures.add("table_schema_413_ms", median(warm), "ms");
    figures.add("table_schema_413_registry_requests", proxy.take_requests() / WARM_CYCLES as f64, "requests");
    Ok(())
}
