//! Connections that nobody uses at the moment.

use mirrorbus_schemas::topic::Tenant;

use super::{Session, address};
use crate::error::PostgresError;
use crate::place::Place;

/// Connections kept for whoever comes next. One that is in a transaction is not here.
const KEPT: usize = 4;

#[derive(Default)]
pub(crate) struct Pool {
    idle: Vec<(String, Session)>,
}

impl Pool {
    /// A connection to a tenant's database that nothing was done on yet, or nothing that was not ended.
    pub(crate) async fn take(&mut self, place: &Place, tenant: &Tenant) -> Result<Session, PostgresError> {
        self.take_at(place, place.address(tenant)).await
    }

    /// The same by address.
    pub(crate) async fn take_at(&mut self, place: &Place, address: String) -> Result<Session, PostgresError> {
        self.idle.retain(|(_, session)| !session.is_closed());
        if let Some(index) = self.idle.iter().rposition(|(of, _)| *of == address) {
            return Ok(self.idle.remove(index).1);
        }
        Session::connect(&address::resolve(&address, place.password_file())?).await
    }

    /// Closes the connections to an address.
    pub(crate) fn close(&mut self, address: &str) {
        self.idle.retain(|(of, _)| of != address);
    }

    /// Takes a connection back on which no transaction is open.
    pub(crate) fn put(&mut self, address: String, session: Session) {
        if self.idle.len() >= KEPT {
            self.idle.remove(0);
        }
        self.idle.push((address, session));
    }
}
