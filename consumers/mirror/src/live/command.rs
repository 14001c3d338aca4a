//! The command that is run after a cycle.
//!
//! It runs beside the loop, which looks after it between two turns: rows never wait for it. The cycles topic's position
//! stays before the event until it has ended, so a mirror that is killed meanwhile runs it again.

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::Tenant;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::admin::Watch;
use crate::destination::Cycle;
use crate::settings::Settings;

const TENANT: &str = "MIRROR_TENANT";
const CYCLE: &str = "MIRROR_CYCLE";

/// Commands that run, at most one per tenant.
pub(crate) struct Commands {
    line: Option<String>,
    limit: Duration,
    running: HashMap<Tenant, Running>,
    watch: Watch,
}

struct Running {
    child: Child,
    cycle: Cycle,
    until: Instant,
}

impl Commands {
    pub(crate) fn new(settings: &Settings, watch: Watch) -> Self {
        let (line, limit) = (settings.after_cycle_command.clone(), settings.after_cycle_limit);
        Self { line, limit, running: HashMap::new(), watch }
    }

    /// Whether the tenant's command runs.
    pub(crate) fn is_running(&self, tenant: &Tenant) -> bool {
        self.running.contains_key(tenant)
    }

    /// Runs the command for a cycle. Says whether it runs.
    pub(crate) fn start(&mut self, tenant: &Tenant, cycle: &Cycle) -> bool {
        let Some(line) = &self.line else { return false };
        let spawned = Command::new("/bin/sh")
            .args(["-c", line])
            .env(TENANT, tenant.as_str())
            .env(CYCLE, &cycle.id)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // What it starts is killed with it.
            .process_group(0)
            .spawn();
        match spawned {
            Ok(child) => {
                let until = Instant::now() + self.limit;
                self.running.insert(tenant.clone(), Running { child, cycle: cycle.clone(), until });
                true
            }
            Err(error) => {
                self.fail(tenant, cycle, &error.to_string());
                false
            }
        }
    }

    /// Looks after what runs. Names the tenants whose command has ended, and the cycle that it was run for.
    pub(crate) fn ended(&mut self) -> Vec<(Tenant, Cycle)> {
        let mut ended = Vec::new();
        for (tenant, running) in &mut self.running {
            if let Some(outcome) = running.outcome() {
                ended.push((tenant.clone(), running.cycle.clone(), outcome));
            }
        }
        for (tenant, cycle, outcome) in &ended {
            self.running.remove(tenant);
            if let Err(reason) = outcome {
                self.fail(tenant, cycle, reason);
            }
        }
        ended.into_iter().map(|(tenant, cycle, _)| (tenant, cycle)).collect()
    }

    fn fail(&self, tenant: &Tenant, cycle: &Cycle, reason: &str) {
        self.watch.count_error("command");
        tracing::error!(%tenant, cycle = cycle.id, reason, "the command after the cycle failed; the next cycle runs it");
    }
}

impl Running {
    /// How it ended; nothing while it runs. Kills it when its time is over.
    fn outcome(&mut self) -> Option<Result<(), String>> {
        match self.child.try_wait() {
            Ok(Some(status)) if status.success() => Some(Ok(())),
            Ok(Some(status)) => Some(Err(status.to_string())),
            Ok(None) if Instant::now() < self.until => None,
            Ok(None) => Some(Err("its time was over".to_owned())),
            Err(error) => Some(Err(error.to_string())),
        }
    }
}

impl Drop for Running {
    /// Leaves nothing of it behind; one that has ended already is only asked for.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(%error, "the command after the cycle could not be killed");
        }
        // It was killed, or is no more.
        let _ = self.child.wait();
    }
}
