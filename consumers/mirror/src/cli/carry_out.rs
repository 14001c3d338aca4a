//! What each verb does.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use mirrorbus_schemas::topic::{Table, Tenant};
use serde_json::json;

use crate::admin::{Watch, serve};
use crate::cli::error::{self, Failure};
use crate::cli::options::Choice;
use crate::cli::output::Output;
use crate::cli::verb::{
    Arguments, ChecksumOptions, RegenerateOptions, Run, StatusOptions, Verb, VerifyOptions,
};
use crate::cli::{Program, Role, text};
use crate::copies::{Copies, Copy, Scope};
use crate::error::chain;
use crate::running::run_watched;
use crate::stop::Stop;
use crate::verbs::{Progress, Regenerate, Status, TenantReport, Verify, checksums};

/// Does what was asked. A failure is told in the log, and with `-o json` on standard output too.
pub(crate) fn carry_out<P: Program>(arguments: &Arguments<P::Options>, stop: &Stop) -> ExitCode {
    let output = arguments.output;
    let done = match &arguments.verb {
        Verb::Run(options) => run::<P>(options, output, stop),
        Verb::Status(options) => status::<P>(options, output, stop),
        Verb::Verify(options) => verify::<P>(options, output, stop),
        Verb::Regenerate(options) => regenerate::<P>(options, output, stop),
        Verb::Checksum(options) => checksum::<P>(options, output),
    };
    let code = done.unwrap_or_else(|Failure { code, reason }| {
        tracing::error!("{reason}");
        if output == Output::Json {
            // Whoever reads it may be gone; the code tells all the same.
            let _ = output.result(&json!({ "error": reason }), "");
        }
        code
    });
    ExitCode::from(code)
}

fn open<P: Program>(options: &P::Options, role: Role) -> Result<P::Destination, Failure> {
    P::open(options, role).map_err(|error| Failure::failed(&*error))
}

fn run<P: Program>(options: &Run<P::Options>, output: Output, stop: &Stop) -> Result<u8, Failure> {
    let mut settings = options.reading.settings()?;
    options.operation.apply(&mut settings);
    settings.whole_cycles = options.cycles.whole_cycles;
    let watch = Watch::new(&settings.prefix);
    let admin = options.operation.admin_listen.map(|address| {
        let unheard =
            |error| Failure { code: error::FAILED, reason: format!("--admin-listen {address}: {error}") };
        serve(address, watch.clone()).map_err(unheard)
    });
    // Answers until the mirror has ended.
    let _admin = admin.transpose()?;
    let mut destination = open::<P>(&options.destination, Role::Mirror)?;
    drop_kept(&mut destination, options.keep.keep);
    run_watched(&settings, &mut destination, stop, &watch)?;
    output.result(&json!({ "stopped": true }), "")?;
    Ok(0)
}

/// A destination that is away, or cannot list its tenants, hinders no mirror: it is waited for, and another day will do.
fn drop_kept(destination: &mut impl Copies, keep: Duration) {
    let tenants = destination.tenants().unwrap_or_else(|error| {
        tracing::warn!(error = chain(&error), "old copies are not looked for");
        Vec::new()
    });
    for tenant in tenants {
        match destination.drop_kept(&tenant, keep) {
            Ok(dropped) => {
                for copy in dropped {
                    tracing::info!(%tenant, copy, "an old copy was thrown away");
                }
            }
            Err(error) => {
                tracing::warn!(%tenant, error = chain(&error), "old copies could not be thrown away");
            }
        }
    }
}

fn status<P: Program>(
    options: &StatusOptions<P::Options>,
    output: Output,
    stop: &Stop,
) -> Result<u8, Failure> {
    let needed: &[&str] = if options.offline { &["--prefix"] } else { &["--kafka", "--prefix"] };
    let mut settings = options.connection.some_settings(needed)?;
    options.choice.apply(&mut settings);
    let mut destination = open::<P>(&options.destination, Role::Operator)?;
    let tenants = Status { settings: &settings, is_offline: options.offline, stop }.run(&mut destination)?;
    output.result(&json!({ "tenants": tenants }), text::status(&tenants))?;
    Ok(0)
}

fn verify<P: Program>(
    options: &VerifyOptions<P::Options>,
    output: Output,
    stop: &Stop,
) -> Result<u8, Failure> {
    let settings = options.reading.settings()?;
    let mut destination = open::<P>(&options.destination, Role::Operator)?;
    let scope = scope(options.table.as_ref());
    let mut reports: Vec<TenantReport> = Vec::new();
    for tenant in chosen(&mut destination, options.tenant.as_ref(), &options.reading.choice)? {
        let verify = Verify { settings: &settings, tenant: &tenant, scope: &scope, copy: Copy::Live, stop };
        reports.push(if options.repair {
            verify.repair(&mut destination)?
        } else {
            verify.run(&mut destination)?
        });
    }
    if let Some(table) =
        options.table.as_ref().filter(|_| reports.iter().all(|report| report.tables.is_empty()))
    {
        return Err(Failure { code: error::FAILED, reason: format!("no such table in the mirror: {table}") });
    }
    let is_equal = reports.iter().all(TenantReport::is_equal);
    output.result(&json!({ "equal": is_equal, "tenants": reports }), text::verify(&reports, options.show))?;
    Ok(if is_equal { 0 } else { error::DIFFERENCES })
}

fn regenerate<P: Program>(
    options: &RegenerateOptions<P::Options>,
    output: Output,
    stop: &Stop,
) -> Result<u8, Failure> {
    let mut settings = options.reading.settings()?;
    settings.whole_cycles = options.cycles.whole_cycles;
    let mut destination = open::<P>(&options.destination, Role::Operator)?;
    let (tenant, scope) = (&options.tenant, &scope(options.table.as_ref()));
    let asked = Regenerate { settings: &settings, tenant, scope, keep: options.keep.keep, stop };
    let made = asked.run(&mut destination, &mut |progress| tell(progress, output))?;
    output.result(&json!({ "regenerated": made }), text::regenerated(&made))?;
    Ok(0)
}

/// Progress goes to standard error; as JSON it goes the way of results.
fn tell(progress: &Progress, output: Output) {
    let mut out = std::io::stderr().lock();
    let told = match output {
        Output::Json => output.result(&json!({ "progress": progress }), ""),
        Output::Text if out.is_terminal() => write!(out, "\r\x1b[K{}", text::progress(progress)),
        Output::Text => writeln!(out, "{}", text::progress(progress)),
    };
    if let Err(error) = told {
        tracing::debug!(%error, "nobody reads the progress");
    }
}

fn checksum<P: Program>(options: &ChecksumOptions<P::Options>, output: Output) -> Result<u8, Failure> {
    let mut destination = open::<P>(&options.destination, Role::Operator)?;
    let mut sums = Vec::new();
    for tenant in chosen(&mut destination, options.tenant.as_ref(), &options.choice)? {
        sums.extend(checksums(&mut destination, &tenant, &options.choice.tables())?);
    }
    output.result(&json!({ "tables": sums }), text::checksums(&sums))?;
    Ok(0)
}

fn scope(table: Option<&Table>) -> Scope {
    table.map_or(Scope::Tenant, |table| Scope::Table(table.clone()))
}

/// The tenant that was asked for, or all that match.
fn chosen(
    destination: &mut dyn Copies,
    asked: Option<&Tenant>,
    choice: &Choice,
) -> Result<Vec<Tenant>, Failure> {
    if let Some(asked) = asked {
        // Not every destination can list its tenants; one that is named needs no list.
        return match destination.inspect(asked, Copy::Live).map_err(|error| Failure::failed(&error))? {
            Some(_) => Ok(vec![asked.clone()]),
            None => {
                Err(Failure { code: error::FAILED, reason: format!("no such tenant in the mirror: {asked}") })
            }
        };
    }
    let mut tenants = destination.tenants().map_err(|error| Failure::failed(&error))?;
    tenants.retain(|tenant| choice.tenants().matches(tenant.as_str()));
    Ok(tenants)
}
