//! An entry as a line for people.

use std::fmt;

use super::entry::{Ending, Entry};
use super::moment;

/// Seconds are enough for people.
const UP_TO_SECONDS: usize = "2026-01-01T08:20:00".len();

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Completed => "completed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// One line: the schedule's time in UTC, tenant, application, outcome, then counts or what went wrong.
impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = moment::format(self.at_ms).replace('T', " ");
        let at = at.get(..UP_TO_SECONDS).unwrap_or(&at);
        let Self { tenant, application_name: application, outcome, calls, rows, bytes, .. } = self;
        write!(out, "{at}  {tenant:<12} {application:<12} {outcome:<9} {calls:>4} calls {rows:>8} rows")?;
        // Not the clock, but how long the machine took.
        let seconds = std::time::Duration::from_millis(self.took_ms).as_secs_f64();
        write!(out, " {bytes:>11} bytes {seconds:>7.2} s")?;
        if self.tables_begun_anew > 0 {
            write!(out, "  {} tables begun anew", self.tables_begun_anew)?;
        }
        match self.late_ms / 60_000 {
            0 => {}
            minutes => write!(out, "  {minutes} min late")?,
        }
        match &self.failure {
            Some(failure) => write!(out, "  {}", failure.reason),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_who_how_much_and_what_went_wrong() {
        assert_eq!(
            Entry::example().to_string(),
            "2026-01-01 08:20:00  Cust1        Nord         completed    7 calls      123 rows       45678 bytes    \
             0.31 s  2 tables begun anew"
        );
        let failed = Entry { late_ms: 90 * 60_000 + 1, tables_begun_anew: 0, ..Entry::failed_example() };
        assert!(
            failed
                .to_string()
                .ends_with(" 0.31 s  90 min late  RowData of contact was refused by the receiver: disk full"),
            "{failed}"
        );
    }
}
