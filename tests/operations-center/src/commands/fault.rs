//! The faults of `operations-center cycle`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use operations_center::fault::{Fault, Faulty, Script};

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// A fault that happens in this cycle, as PLACE=KIND; give several by repeating this.
    ///
    /// PLACE is OPERATION[:TABLE][:NUMBER]. OPERATION is authenticate, tableschema, wipe, rowdata, completed, or *
    /// for all. TABLE keeps to calls about that table. NUMBER, from 1, is one of those calls alone.
    ///
    /// KIND is one of:
    /// refuse (the vendor gives up before the call);
    /// hang-up (after the upload, without reading the answer), hang-up@50% or hang-up@BYTES (in the middle of it);
    /// repeat (the answer is lost, the very same bytes are sent again), repeat:new-token;
    /// together (sent at once with the next call, if that is about other tables);
    /// slow:BYTES_PER_SECOND;
    /// huge:BYTES (RowData calls of about that size);
    /// stale or stale:SECONDS (the token has ended so long ago);
    /// wrong:audience, wrong:issuer, wrong:signature (of the token);
    /// skew:SECONDS (the vendor's clock is so far ahead, or behind with a minus);
    /// flip:POSITION, flip:random or flip:random:SEED (one bit of the body is turned over).
    ///
    /// Examples: rowdata:2=hang-up@50%, wipe:contact=repeat, '*=flip:17', rowdata=slow:20000.
    ///
    /// The report tells what happened and what the receiver answered. A fault that no call came to makes the command
    /// fail, and so does a cycle that failed at a call which a receiver should have taken. Whether it was right in
    /// what it made of a damaged call is for you to judge.
    #[arg(long = "fault", value_name = "PLACE=KIND", verbatim_doc_comment)]
    faults: Vec<Fault>,
    /// A file of faults, one per line; lines that begin with # are left out.
    #[arg(long, value_name = "FILE")]
    fault_file: Option<PathBuf>,
}

impl Arguments {
    /// The faults of the file, then those of the command line.
    pub(crate) fn script(&self) -> anyhow::Result<Script> {
        let script = self.fault_file.as_deref().map(Script::read).transpose()?.unwrap_or_default();
        Ok(script.and(Script::new(self.faults.clone())))
    }
}

/// Prints what happened, and decides whether a cycle that `ended` so went as it was scripted.
pub(crate) fn report(
    faulty: &Faulty<'_>,
    ended: anyhow::Result<()>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for happened in faulty.happened() {
        writeln!(out, "fault {happened}")?;
    }
    let not_reached: Vec<String> = faulty.not_reached().into_iter().map(Fault::to_string).collect();
    for fault in &not_reached {
        writeln!(out, "fault {fault}: not reached")?;
    }
    match ended {
        Err(error) if faulty.may_last_call_fail() => writeln!(out, "the cycle ended there: {error:#}")?,
        ended => ended?,
    }
    if !not_reached.is_empty() {
        bail!("{} of the faults did not happen in this cycle: {}", not_reached.len(), not_reached.join(", "));
    }
    Ok(())
}
