//! Where a tenant's copy goes, by a template.

use mirrorbus_schemas::topic::Tenant;

const PLACE: &str = "{tenant}";

/// A text in which `{tenant}` stands for the tenant: a folder, a schema, a connection's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// A template; without `{tenant}` in it all tenants share one place.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What it says for a tenant.
    #[must_use]
    pub fn resolve(&self, tenant: &Tenant) -> String {
        self.0.replace(PLACE, tenant.as_str())
    }

    /// Whether every tenant has a place of its own.
    #[must_use]
    pub fn is_per_tenant(&self) -> bool {
        self.0.contains(PLACE)
    }
}
