//! Calls in one tenant's name, each with a new token.
//!
//! A receiver tells an earlier cycle from a later one by the tokens' `nbf`, which has whole seconds. So a cycle's
//! first token must be newer than every token used for the tenant before; the tenant's database remembers the last.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::answer::Answer;
use crate::application::Application;
use crate::client::CallError;
use crate::clock::Clock;
use crate::cycle::CycleError;
use crate::tenant::{Tenant, TenantError};
use crate::token::Token;
use crate::transport::{Call, Transport};
use crate::wire::{Operation, Request, Unsigned};

/// Waiting longer than this means that a clock was set back, not that cycles follow each other fast.
const MAX_WAIT_SECONDS: i64 = 60;

/// One application's calls to one receiver for one tenant.
pub struct Caller<'a> {
    transport: &'a dyn Transport,
    application: &'a Application,
    tenant: &'a Tenant,
    clock: &'a dyn Clock,
    stopped: Option<&'a AtomicBool>,
    /// The last token time that the tenant's database knows from here.
    noted: Cell<i64>,
    calls: Cell<u64>,
    bytes: Cell<u64>,
}

impl<'a> Caller<'a> {
    /// A caller that has not called yet. `transport` is a [`Client`](crate::client::Client), or stands before one.
    #[must_use]
    pub fn new(
        transport: &'a dyn Transport,
        application: &'a Application,
        tenant: &'a Tenant,
        clock: &'a dyn Clock,
    ) -> Self {
        let (noted, calls, bytes) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { transport, application, tenant, clock, stopped: None, noted, calls, bytes }
    }

    /// A caller that makes no more calls once `stopped` is true; a call that was begun goes on to its answer.
    #[must_use]
    pub fn stopped_by(self, stopped: &'a AtomicBool) -> Self {
        Self { stopped: Some(stopped), ..self }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &'a Tenant {
        self.tenant
    }

    /// The application.
    #[must_use]
    pub fn application(&self) -> &'a Application {
        self.application
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// What carries the calls.
    #[must_use]
    pub fn transport(&self) -> &'a dyn Transport {
        self.transport
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// How many bytes their bodies had.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// A token as the vendor would make it now.
    ///
    /// # Errors
    /// [`TenantError`] when its time cannot be noted.
    pub fn token(&self) -> Result<Token, TenantError> {
        let now = self.clock.now_seconds();
        // Calls of one second need not wait for whoever is writing to the tenant.
        if now > self.noted.get() {
            self.tenant.set_last_not_before(now)?;
            self.noted.set(now);
        }
        Ok(Token::new(self.application, self.tenant.name(), now))
    }

    /// A token that is newer than all before it; waits for the clock where it must.
    ///
    /// # Errors
    /// [`CycleError::ClockBehind`] when that would take more than a minute.
    pub fn opening_token(&self) -> Result<Token, CycleError> {
        let next = self.tenant.last_not_before()? + 1;
        let seconds = next - self.clock.now_seconds();
        if seconds > MAX_WAIT_SECONDS {
            return Err(CycleError::ClockBehind { seconds });
        }
        self.clock.wait_until_ms(next * 1000);
        Ok(self.token()?)
    }

    /// Makes one call with a token of its own.
    ///
    /// # Errors
    /// [`CycleError`] when there is no answer, or none that keeps to the contract. A failure that the receiver
    /// reports is an answer.
    pub fn call(&self, request: &Request) -> Result<Answer, CycleError> {
        self.call_with(request, &self.token()?)
    }

    /// Makes one call with a token that was made before.
    ///
    /// # Errors
    /// As [`Caller::call`].
    pub fn call_with(&self, request: &Request, token: &Token) -> Result<Answer, CycleError> {
        let operation = request.operation();
        let signed = &sign(operation, token)?;
        let (tables, body) = (&request.tables(), &request.envelope(signed));
        self.send(&Call { operation, tables, token, signed, body })
    }

    /// Makes one RowData call about these tables, whose rows are written already, with a token of its own.
    ///
    /// # Errors
    /// As [`Caller::call`].
    pub(crate) fn call_unsigned(&self, tables: &[&str], body: &mut Unsigned) -> Result<Answer, CycleError> {
        let (operation, token) = (Operation::RowData, &self.token()?);
        let signed = &sign(operation, token)?;
        self.send(&Call { operation, tables, token, signed, body: body.envelope(signed) })
    }

    fn send(&self, call: &Call<'_>) -> Result<Answer, CycleError> {
        if self.stopped.is_some_and(|stopped| stopped.load(Ordering::SeqCst)) {
            return Err(CycleError::Stopped);
        }
        self.calls.set(self.calls.get() + 1);
        self.bytes.set(self.bytes.get() + u64::try_from(call.body.len()).unwrap_or(u64::MAX));
        Ok(self.transport.send(call)?)
    }
}

fn sign(operation: Operation, token: &Token) -> Result<String, CallError> {
    token.sign().map_err(|source| CallError::Token { operation, source })
}
