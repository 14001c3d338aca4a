//! Where mirrors are kept: the server's address and the schema's name, for every tenant.

use std::path::PathBuf;

use mirrorbus_mirror::Template;
use mirrorbus_schemas::topic::Tenant;

use crate::client::address;
use crate::error::PostgresError;

/// Where tenants' copies are kept. `{tenant}` can stand in the address, in the schema's name, or in both.
#[derive(Clone, Debug)]
pub struct Place {
    url: Template,
    schema: Template,
    password_file: Option<PathBuf>,
}

impl Place {
    /// A schema for every tenant, called as the tenant is, in the database of this address:
    /// `postgres://user@host:port/database`, with `?sslmode=`, `sslrootcert=`, `passfile=`, `service=` and whatever
    /// else the README lists.
    ///
    /// # Errors
    /// [`PostgresError::Address`] for an address that cannot be read, or with a password in it: addresses are seen in
    /// lists of processes.
    pub fn new(url: impl Into<String>) -> Result<Self, PostgresError> {
        let url = url.into();
        address::check(&url)?;
        Ok(Self { url: Template::new(url), schema: Template::new("{tenant}"), password_file: None })
    }

    /// Other names for the schemas.
    ///
    /// # Errors
    /// [`PostgresError::Address`] when all tenants would have one schema of one database, or the name is empty.
    pub fn with_schema(self, schema: impl Into<String>) -> Result<Self, PostgresError> {
        let schema = schema.into();
        let is_empty = schema.is_empty();
        let schema = Template::new(schema);
        if is_empty || !(schema.is_per_tenant() || self.url.is_per_tenant()) {
            return Err(PostgresError::address(
                "without {tenant} in it or in the schema's name all tenants would share one schema",
            ));
        }
        Ok(Self { schema, ..self })
    }

    /// A file that holds the password and nothing else. It is read for every connection.
    #[must_use]
    pub fn with_password_file(self, path: impl Into<PathBuf>) -> Self {
        Self { password_file: Some(path.into()), ..self }
    }

    pub(crate) fn schema(&self, tenant: &Tenant) -> String {
        self.schema.resolve(tenant)
    }

    pub(crate) fn address(&self, tenant: &Tenant) -> String {
        self.url.resolve(tenant)
    }

    /// Whether every tenant has an address of its own.
    pub(crate) fn is_per_tenant(&self) -> bool {
        self.url.is_per_tenant()
    }

    pub(crate) fn password_file(&self) -> Option<&std::path::Path> {
        self.password_file.as_deref()
    }

    /// The address that all tenants share.
    pub(crate) fn common_address(&self) -> Option<String> {
        let nobody = Tenant::new("none").ok()?;
        (!self.url.is_per_tenant()).then(|| self.url.resolve(&nobody))
    }
}
