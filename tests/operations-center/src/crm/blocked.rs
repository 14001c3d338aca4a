//! Blocked tables: those that a tenant has and works with, and that never leave.
//!
//! The kinds are the vendor's: whatever is a secret, belongs to one machine or one session, or would mislead whoever
//! reads it elsewhere. Of the vendor's own list only the kinds and a few names are public; the others are made up.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::CrmError;
use super::plan::{Planned, Share};
use crate::tenant::Table;

/// Tables of one kind: their names, and their columns after the key.
struct Kind {
    tables: &'static [&'static str],
    columns: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    // Credentials.
    Kind {
        tables: &[
            "accesstoken",
            "apikey",
            "certificatestore",
            "credentials",
            "encryptionkey",
            "loginattempt",
            "oauthclient",
            "passwordhistory",
            "passwordreset",
            "refreshtoken",
            "trustedapplication",
            "twofactor",
        ],
        columns: &[
            "associate_id int default ((0))",
            "secret nvarchar(254) default (N'')",
            "expires datetime default (N'1760-01-01 00:00:00')",
        ],
    },
    // Mail accounts.
    Kind {
        tables: &[
            "mail_account",
            "mail_bounce",
            "mail_filter",
            "mail_folder",
            "mail_in_filter",
            "mail_outbox",
            "mail_server",
            "mail_signature",
            "mail_sync",
        ],
        columns: &[
            "associate_id int null",
            "server nvarchar(254) null",
            "login nvarchar(99) null",
            "port int null",
            "last_checked datetime null",
        ],
    },
    // Sessions.
    Kind {
        tables: &[
            "chatsession",
            "onlineuser",
            "presence",
            "recordlock",
            "sessionstate",
            "sessiontoken",
            "usersession",
            "websession",
        ],
        columns: &[
            "associate_id int default ((0))",
            "machine nvarchar(99) default (N'')",
            "started datetime default (N'1760-01-01 00:00:00')",
            "lastactive datetime default (N'1760-01-01 00:00:00')",
            "state smallint default ((0))",
        ],
    },
    // Licences.
    Kind {
        tables: &[
            "activation",
            "activationkey",
            "licence",
            "licencehistory",
            "licencemodule",
            "licenceowner",
            "licenceseat",
            "productversion",
        ],
        columns: &[
            "name nvarchar(99) default (N'')",
            "seats int default ((0))",
            "validuntil datetime default (N'17600101 00:00:00')",
            "checksum nvarchar(254) default (N'')",
        ],
    },
    // Counters.
    Kind {
        tables: &[
            "counter",
            "counterhour",
            "documentcounter",
            "nextnumber",
            "quotausage",
            "refcounter",
            "storagecounter",
            "ticketcounter",
            "usagecounter",
        ],
        columns: &[
            "scope nvarchar(49) default (N'')",
            "value int default ((0))",
            "updated datetime default (N'1760-01-01 00:00:00')",
        ],
    },
    // Travel: copies of the database that leave with a salesman and come back.
    Kind {
        tables: &[
            "travelarea",
            "travelconflict",
            "travelcopy",
            "traveldevice",
            "travelfile",
            "travelkey",
            "travellog",
            "travelqueue",
        ],
        columns: &[
            "associate_id int default ((0))",
            "tablenumber int default ((-1))",
            "recordnumber int default ((0))",
            "stamped datetime default (N'1760-01-01 00:00:00')",
        ],
    },
    // Search.
    Kind {
        tables: &[
            "findstate",
            "savedsearch",
            "searchcolumn",
            "searchcriteria",
            "searchgroup",
            "searchhistory",
            "searchindex",
            "searchvalue",
            "searchword",
        ],
        columns: &[
            "associate_id int default ((0))",
            "fieldname nvarchar(99) default (N'')",
            "operator smallint default ((0))",
            "value nvarchar(254) default (N'')",
            "rank smallint default ((0))",
        ],
    },
    // Windows and what else a screen remembers.
    Kind {
        tables: &[
            "columnwidth",
            "desktopstate",
            "favouritebar",
            "gridlayout",
            "panelstate",
            "recentlist",
            "tabstate",
            "tooltipseen",
            "windowlayout",
            "windowposition",
        ],
        columns: &[
            "associate_id int default ((0))",
            "windowname nvarchar(99) default (N'')",
            "xpos smallint default ((0))",
            "ypos smallint default ((0))",
            "width smallint default ((0))",
            "height smallint default ((0))",
        ],
    },
    // Logs.
    Kind {
        tables: &[
            "accesslog",
            "batchlog",
            "changelog",
            "errorlog",
            "integrationlog",
            "log_events",
            "loginlog",
            "scriptlog",
            "synclog",
            "tracelog",
            "upgradelog",
        ],
        columns: &["severity int null", "message nvarchar(max) null", "happened datetime null"],
    },
    // What integrations and background work have to do.
    Kind {
        tables: &[
            "batchtask",
            "exportjob",
            "importjob",
            "jobqueue",
            "jobresult",
            "messagequeue",
            "pushsubscription",
            "scheduledjob",
            "webhook",
            "webhookdelivery",
            "webhookfailure",
        ],
        columns: &[
            "name nvarchar(254) null",
            "target nvarchar(1999) null",
            "attempts int null",
            "due datetime null",
        ],
    },
    // Files and caches.
    Kind {
        tables: &[
            "binaryobject",
            "binaryobjectlink",
            "cacheentry",
            "filelock",
            "imagecache",
            "renderedpage",
            "temporaryfile",
            "uploadchunk",
        ],
        columns: &[
            "mimetype nvarchar(99) default (N'')",
            "bytes int default ((0))",
            "content varbinary(max) null",
        ],
    },
    // Rights and preferences.
    Kind {
        tables: &[
            "dataright",
            "functionright",
            "preferencevalue",
            "roleassignment",
            "rolefunction",
            "userpreference",
            "visiblefor",
        ],
        columns: &[
            "associate_id int default ((0))",
            "name nvarchar(99) default (N'')",
            "value nvarchar(254) default (N'')",
        ],
    },
];

/// Those that a small tenant has.
pub(super) const SMALL: &[&str] = &["counter", "usersession"];
/// A blocked table of a full tenant has fewer rows than this.
const MOST_ROWS: usize = 60;

static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| list().collect());

/// The names of all blocked tables, kind by kind.
pub fn list() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|kind| kind.tables).copied()
}

/// Whether a table never leaves. Names are compared without case, as SQL Server does.
#[must_use]
pub fn is_blocked(table: &str) -> bool {
    NAMES.contains(table) || NAMES.contains(table.to_ascii_lowercase().as_str())
}

/// The tables that may leave: those that are not blocked, in the same order.
#[must_use]
pub fn announced(mut tables: Vec<Table>) -> Vec<Table> {
    tables.retain(|table| !is_blocked(&table.name));
    tables
}

/// All blocked tables, each with some rows.
pub(super) fn planned() -> Result<Vec<Planned>, CrmError> {
    let tables = KINDS.iter().flat_map(|kind| kind.tables.iter().map(|name| (*name, kind.columns)));
    let planned = tables.enumerate().map(|(index, (name, columns))| {
        let key = if name.contains('_') { "id int".to_owned() } else { format!("{name}_id int") };
        let columns: Vec<&str> = std::iter::once(key.as_str()).chain(columns.iter().copied()).collect();
        let table =
            Table::parse(name, &columns).map_err(|source| CrmError::Definition { table: name, source })?;
        let rows = u64::try_from(1 + index * 7 % MOST_ROWS).unwrap_or(1);
        Ok(Planned { table, share: Share::Fixed(rows) })
    });
    planned.collect()
}
