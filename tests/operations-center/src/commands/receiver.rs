//! `operations-center receiver`

use std::io::Write;
use std::net::SocketAddr;

use clap::Args;
use operations_center::center::Center;
use operations_center::receiver::{Defect, Identity, Keep, Receiver, Settings};

/// Runs a small honest receiver that keeps everything in memory.
///
/// Calls can be tried against it, and it is the smallest example of one. All is gone when it ends.
///
/// Example: operations-center receiver Nord
///
/// From another terminal, a cycle against it:
///
///   operations-center cycle Nord Cust10001 --url http://127.0.0.1:8080/MirroringClientService.svc
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The application whose calls are taken, by id or name; the receiver has its private key and signing certificate.
    app: String,
    /// Where to listen; port 0 chooses a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keeps positions but no rows, and does not even read them: to measure how fast calls can be sent.
    #[arg(long, conflicts_with = "defect")]
    discard: bool,
    /// Is wrong in one way, to see how that shows in a conformance run.
    #[arg(long, value_name = "DEFECT")]
    defect: Option<Defect>,
}

/// Runs until the process is ended.
pub(crate) fn run(arguments: &Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let receiver = start(arguments, center)?;
    writeln!(out, "listening at {}, end with Ctrl-C", receiver.url())?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}

fn start(arguments: &Arguments, center: &Center) -> anyhow::Result<Receiver> {
    let application = center.application(&arguments.app)?;
    let identity = Identity::load(&center.application_folder(&application.id))?;
    let keep = if arguments.discard { Keep::Positions } else { Keep::Rows };
    Ok(Receiver::start(arguments.listen, identity, Settings { keep, defect: arguments.defect })?)
}
