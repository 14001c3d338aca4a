//! What can go wrong with a mirror in PostgreSQL, and what to do about it.

use std::path::PathBuf;

use mirrorbus_mirror::DestinationError;
use thiserror::Error;
use tokio_postgres::error::SqlState;

/// A failure of the connection, of the server, or of what the mirror finds there.
#[derive(Debug, Error)]
pub enum PostgresError {
    /// The address cannot be used as it was given.
    #[error("the address of PostgreSQL: {rule}")]
    Address {
        /// What is wrong with it.
        rule: String,
    },
    /// A file that the address names cannot be used.
    #[error("{what} {}: {rule}", path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        rule: String,
    },
    /// The server refused, or could not be reached.
    #[error("{action}")]
    Sql {
        /// What was tried, on which table where it was one.
        action: String,
        /// What was said.
        #[source]
        source: ServerError,
    },
    /// The server is of a kind that the mirror cannot use.
    #[error("this PostgreSQL cannot be used: {rule}")]
    Server {
        /// What it lacks.
        rule: String,
    },
    /// The schema belongs to something else.
    #[error("schema {schema} {rule}")]
    Schema {
        /// The schema.
        schema: String,
        /// What is wrong with it.
        rule: String,
    },
    /// Somebody keeps the tenant from being taken over.
    #[error("schema {schema} is held by another process that loads, repairs or exchanges it: {who}")]
    Held {
        /// The schema.
        schema: String,
        /// Who, as the server knows them.
        who: String,
    },
    /// There is no such table in the mirror.
    #[error("schema {schema} has no table {table} of the mirror")]
    NoTable {
        /// The schema.
        schema: String,
        /// The table.
        table: String,
    },
    /// A value that no column of its kind can hold.
    #[error("table {table}, column {column}: a value that is none of the column's kind")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Keys of a batch that differ in the topic and that PostgreSQL takes for one, such as 0.0 and -0.0.
    #[error("table {table}: some of its keys are one for PostgreSQL")]
    Keys {
        /// The table.
        table: String,
    },
    /// What the mirror remembers of a table cannot be read.
    #[error("the mirror's memory of table {table} cannot be read")]
    Memory {
        /// The table.
        table: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A name that no table or tenant can have stands where one was expected.
    #[error("the mirror's memory holds the name of no table")]
    Name(#[from] mirrorbus_schemas::topic::NameError),
    /// The tenant was not loaded, or was lost by an error since.
    #[error("the tenant is not loaded")]
    NotLoaded,
    /// The operating system refused a thread.
    #[error("start a thread for the connections")]
    Thread(#[source] std::io::Error),
}

/// What PostgreSQL or the network said. Only the server's code and message: its details hold values of rows.
#[derive(Debug, Error)]
#[error("{text}{}", advice(code.as_ref()))]
pub struct ServerError {
    text: String,
    code: Option<SqlState>,
}

impl From<&tokio_postgres::Error> for ServerError {
    fn from(error: &tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            let text = format!("{} ({})", said.message(), said.code().code());
            return Self { text, code: Some(said.code().clone()) };
        }
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self { text, code: None }
    }
}

/// What an operator can do.
fn advice(code: Option<&SqlState>) -> &'static str {
    match code {
        Some(code) if *code == SqlState::DISK_FULL => "; make room on the server",
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => "; see the grants that the README lists",
        Some(code) if *code == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
            "; drop the view or function that uses it, and make it again afterwards"
        }
        Some(code) if *code == SqlState::FEATURE_NOT_SUPPORTED => {
            "; if a view uses the column, drop it and make it again afterwards"
        }
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            "; somebody's transaction keeps the table locked, pg_stat_activity tells whose"
        }
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => "; raise max_connections",
        _ => "",
    }
}

impl PostgresError {
    pub(crate) fn sql(action: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let action = action.into();
        move |error| Self::Sql { action, source: ServerError::from(&error) }
    }

    pub(crate) fn address(rule: impl Into<String>) -> Self {
        Self::Address { rule: rule.into() }
    }

    /// The server's code, where it was the server that refused.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql { source, .. } => source.code.as_ref(),
            _ => None,
        }
    }
}

impl PostgresError {
    /// Whether values were refused: SQLSTATE class 22.
    pub(crate) fn is_of_data(&self) -> bool {
        self.code().is_some_and(|code| code.code().starts_with("22"))
    }
}

impl From<PostgresError> for DestinationError {
    fn from(error: PostgresError) -> Self {
        Self::Fault(Box::new(error))
    }
}
