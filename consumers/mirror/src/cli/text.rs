//! Results for people.

use std::fmt::Write;

use crate::verbs::{
    Difference, DifferenceKind, Finding, Progress, Regenerated, Repair, TableReport, TableState, TableSum,
    TenantReport, TenantStatus,
};

/// Lines of cells with columns of equal width; the last one is as long as it is.
fn table(lines: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn number<T: ToString>(number: Option<T>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

pub(crate) fn status(tenants: &[TenantStatus]) -> String {
    let mut text = String::new();
    for tenant in tenants {
        let caught_up = match tenant.caught_up {
            Some(true) => "caught up",
            Some(false) => "behind",
            None => "kafka was not asked",
        };
        let lag = tenant.lag_seconds.filter(|seconds| *seconds > 0.0);
        let lag = lag.map(|seconds| format!(", last caught up {seconds:.0} s ago")).unwrap_or_default();
        let cycle = tenant
            .last_cycle
            .as_ref()
            .map(|cycle| format!(", last cycle {}", cycle_text(&cycle.id, cycle.completed_ms)));
        let _ = writeln!(text, "{}: {caught_up}{lag}{}", tenant.tenant, cycle.unwrap_or_default());
        let head = ["table", "state", "rows", "lag", "position", "epoch"].map(str::to_owned).to_vec();
        let mut lines = vec![head];
        for table in &tenant.tables {
            let positions: Vec<String> =
                table.partitions.iter().map(|partition| partition.position.to_string()).collect();
            lines.push(vec![
                table.table.to_string(),
                state(table.state).to_owned(),
                number(table.rows),
                number(table.lag_records),
                positions.join(","),
                number(table.epoch),
            ]);
        }
        for line in self::table(&lines).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn cycle_text(id: &str, completed_ms: i64) -> String {
    let kind = crate::table::value::Kind::Millis;
    let at = crate::table::value::Value::Whole(completed_ms).text(kind).unwrap_or_default();
    if id.is_empty() { format!("at {at} UTC") } else { format!("{id} at {at} UTC") }
}

fn state(state: TableState) -> &'static str {
    match state {
        TableState::CaughtUp => "caught up",
        TableState::Behind => "behind",
        TableState::NotBegun => "not begun",
        TableState::OtherTopic => "topic made anew",
        TableState::NoTopic => "topic is gone",
        TableState::Unknown => "-",
    }
}

pub(crate) fn checksums(sums: &[TableSum]) -> String {
    sums.iter().fold(String::new(), |mut text, sum| {
        let _ = writeln!(text, "{}.{} {} rows {}", sum.tenant, sum.table, sum.sum.rows, sum.sum.checksum);
        text
    })
}

/// Each table in a line, and below it at most `show` of its differing keys.
pub(crate) fn verify(tenants: &[TenantReport], show: usize) -> String {
    let mut text = String::new();
    for tenant in tenants {
        for report in &tenant.tables {
            table_report(&mut text, tenant.tenant.as_str(), report, show);
        }
    }
    let tables = tenants.iter().flat_map(|tenant| &tenant.tables);
    let different = tables.clone().filter(|table| !table.is_equal()).count();
    let _ = match different {
        0 => writeln!(text, "{} tables, all equal to their topics", tables.count()),
        different => {
            writeln!(text, "{} tables, {different} of them different from their topics", tables.count())
        }
    };
    text
}

fn table_report(text: &mut String, tenant: &str, report: &TableReport, show: usize) {
    let verdict = if report.is_equal() { "equal" } else { "DIFFERENT" };
    let sum =
        report.copy.as_ref().map(|sum| format!(" {} rows {}", sum.rows, sum.checksum)).unwrap_or_default();
    let _ = writeln!(text, "{tenant}.{} {verdict}{sum}", report.table);
    if let Some(topic) = report.topic.as_ref().filter(|topic| Some(*topic) != report.copy.as_ref()) {
        let _ = writeln!(text, "  topic: {} rows {}", topic.rows, topic.checksum);
    }
    for finding in &report.findings {
        let _ = writeln!(text, "  {}", finding_text(finding));
    }
    differences(text, "", &report.differences, show);
    if report.undecided > 0 {
        let _ = writeln!(text, "  {} more rows changed meanwhile and are not judged", report.undecided);
    }
    if let Some(Repair { inserts, updates, deletes, left_alone }) = &report.repair {
        differences(text, "repaired ", &report.repaired, show);
        let _ = writeln!(
            text,
            "  repair: {inserts} inserted, {updates} updated, {deletes} deleted, {left_alone} left alone"
        );
    }
}

fn differences(text: &mut String, what: &str, differences: &[Difference], show: usize) {
    for difference in differences.iter().take(show) {
        let kind = match difference.kind {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Changed => "changed",
        };
        let key: Vec<String> = difference.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = writeln!(text, "  {what}{kind} {}", key.join(" "));
    }
    if differences.len() > show {
        let _ = writeln!(text, "  {what}and {} more (-o json has all)", differences.len() - show);
    }
}

fn finding_text(finding: &Finding) -> String {
    match finding {
        Finding::NoTopic => "its topic is gone: the rows cannot be compared".to_owned(),
        Finding::OtherTopic { stored, found } => {
            format!("its topic was made anew ({stored}, now {found}): a mirror that runs reads it again")
        }
        Finding::PositionOutside { partition, position, first, end } => format!(
            "partition {partition}: position {position} is outside of {first} to {end}: a mirror that runs reads it again"
        ),
        Finding::Cut { partition, first } => {
            format!("partition {partition} begins at offset {first}: what was before cannot be compared")
        }
        Finding::Columns { detail } => format!("columns: {detail}: regenerate the table"),
        Finding::Unreadable { detail } => format!("cannot be read: {detail}"),
        Finding::ForeignKeys { rows } => {
            format!("{rows} rows with keys that no mirror wrote: regenerate the table")
        }
    }
}

pub(crate) fn progress(progress: &Progress) -> String {
    let left = progress.seconds_left.map_or_else(|| "-".to_owned(), |left| format!("{left:.0} s"));
    format!(
        "{:.1} %, {} rows, {:.0} rows/s, {left} left",
        progress.percent, progress.rows, progress.rows_per_second
    )
}

pub(crate) fn regenerated(made: &Regenerated) -> String {
    let rows: u64 = made.tables.values().sum();
    let mut text = format!(
        "{}: {} tables, {rows} rows, checked and exchanged after {:.1} s; the old copy is {}\n",
        made.tenant,
        made.tables.len(),
        made.seconds,
        made.kept
    );
    for dropped in &made.dropped {
        let _ = writeln!(text, "thrown away: {dropped}");
    }
    text
}
