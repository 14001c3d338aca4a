//! The sample tenant's tables: names, columns and proportions like the vendor's CRM, nothing copied from it.
//!
//! As there, the first column is an `int` key, almost nothing is nullable, and "no value" is 0, an empty text or
//! 1760; NULL, and the types that the vendor's own tables do not use, come with partners' tables (`y_`) and columns
//! (`x_`).

use super::CrmError;
use super::plan::{Planned, Share};
use crate::tenant::Table;

/// A table: name, rows per hundred of the sample's size, columns.
pub(super) struct Definition {
    pub(super) name: &'static str,
    /// 0 for a table that stays empty.
    pub(super) per_hundred: u64,
    pub(super) columns: &'static [&'static str],
}

impl Definition {
    /// The table and its share of the rows.
    ///
    /// # Errors
    /// [`CrmError::Definition`] for a column that is written wrongly.
    pub(super) fn planned(&self) -> Result<Planned, CrmError> {
        let table = Table::parse(self.name, self.columns)
            .map_err(|source| CrmError::Definition { table: self.name, source })?;
        let share = if self.name == EXTREMES { Share::Extremes } else { Share::PerHundred(self.per_hundred) };
        Ok(Planned { table, share })
    }
}

const fn table(name: &'static str, per_hundred: u64, columns: &'static [&'static str]) -> Definition {
    Definition { name, per_hundred, columns }
}

/// The table that holds one row per extreme value; see `extremes`.
const EXTREMES: &str = "y_extremes";

/// The tables of a small tenant, beside its blocked ones.
pub(super) const SMALL: &[&str] = &[
    "address",
    "appointment",
    "associate",
    "business",
    "category",
    "contact",
    "contactinterest",
    "country",
    "document",
    "email",
    "person",
    "phone",
    "product",
    "project",
    "projectmember",
    "sale",
    "selection",
    "y_booking",
];

pub(super) const TABLES: &[Definition] = &[
    table("activityevent", 0, &["activityevent_id int", "kind smallint default ((0))", "happened datetime"]),
    table(
        "appointment",
        500,
        &[
            "appointment_id int",
            "contact_id int default ((0))",
            "person_id int default ((0))",
            "associate_id int default ((0))",
            "registered datetime default (N'1760-01-01 00:00:00')",
            "done datetime default (N'1760-01-01 00:00:00')",
            "do_by datetime default (N'1760-01-01 00:00:00')",
            "task_idx int default ((0))",
            "priority_idx smallint default ((0))",
            "alldayevent smallint default ((0))",
            "status smallint default ((0))",
            "text_id int default ((-1))",
            "location nvarchar(254) default (N'')",
        ],
    ),
    table(
        "associate",
        10,
        &[
            "associate_id int",
            "name nvarchar(100)",
            "person_id int default ((0))",
            "group_idx int default ((0))",
            "type smallint default ((0))",
            "deleted smallint default ((0))",
            "lastlogin datetime default (N'1760-01-01 00:00:00')",
        ],
    ),
    table(
        "address",
        200,
        &[
            "address_id int",
            "owner_id int default ((0))",
            "address1 nvarchar(254) default (N'')",
            "city nvarchar(254) default (N'')",
            "zipcode nvarchar(99) default (N'')",
            "lattitude float default ((0))",
            "longitude float default ((0))",
        ],
    ),
    table(
        "business",
        12,
        &[
            "business_id int",
            "name nvarchar(239)",
            "rank smallint default ((0))",
            "deleted smallint default ((0))",
        ],
    ),
    table(
        "category",
        12,
        &[
            "category_id int",
            "name nvarchar(239)",
            "rank smallint default ((0))",
            "deleted smallint default ((0))",
        ],
    ),
    table(
        "contact",
        100,
        &[
            "contact_id int",
            "name nvarchar(219)",
            "department nvarchar(219) default (N'')",
            "number1 nvarchar(49) default (N'')",
            "associate_id int default ((0))",
            "business_idx int default ((0))",
            "category_idx int default ((0))",
            "country_id int default ((25))",
            "orgnr nvarchar(49) default (N'')",
            "registered datetime default (N'1760-01-01 00:00:00')",
            "updated datetime default (N'1760-01-01 00:00:00')",
            "text_id int default ((-1))",
            "xstop smallint default ((0))",
            "x_credit_limit money null",
            "x_customer_since date null",
        ],
    ),
    table(
        "contactinterest",
        80,
        &["contactinterest_id int", "contact_id int", "cinterest_idx int", "startdate datetime"],
    ),
    table(
        "country",
        20,
        &["country_id int", "name nvarchar(239)", "iso nvarchar(3)", "interarea_prefix nvarchar(9)"],
    ),
    table("currency", 5, &["currency_id int", "name nvarchar(239)", "rate float", "units float"]),
    table(
        "document",
        80,
        &[
            "document_id int",
            "appointment_id int default ((0))",
            "name nvarchar(254) default (N'')",
            "header nvarchar(254) default (N'')",
            "our_ref nvarchar(254) default (N'')",
            "registered datetime default (N'17600101 00:00:00')",
            "locktime datetime default (N'17600101 00:00:00')",
            "x_digest varbinary(max) null",
        ],
    ),
    table(
        "email",
        200,
        &[
            "email_id int",
            "person_id int default ((0))",
            "email_address nvarchar(254)",
            "rank smallint default ((0))",
        ],
    ),
    table("heading", 0, &["heading_id int", "name nvarchar(239)", "rank smallint default ((0))"]),
    table("historyevent", 0, &["historyevent_id int", "note ntext null", "happened datetime2 null"]),
    table(
        "person",
        250,
        &[
            "person_id int",
            "contact_id int default ((0))",
            "firstname nvarchar(99) default (N'')",
            "middlename nvarchar(99) default (N'')",
            "lastname nvarchar(99) default (N'')",
            "title nvarchar(239) default (N'')",
            "year_of_birth smallint default ((0))",
            "rank smallint default ((0))",
            "retired smallint default ((0))",
            "registered datetime default (N'1760-01-01 00:00:00')",
            "updated datetime default (N'1760-01-01 00:00:00')",
            "x_birthday date null",
            "x_external_id uniqueidentifier null",
            "x_consent bit null",
        ],
    ),
    table(
        "phone",
        300,
        &[
            "phone_id int",
            "owner_id int default ((0))",
            "phone nvarchar(99) default (N'')",
            "search_phone nvarchar(99) default (N'')",
        ],
    ),
    table(
        "product",
        30,
        &[
            "product_id int",
            "name nvarchar(239)",
            "code nvarchar(254) null",
            "unit_price float",
            "x_weight decimal(9,3) null",
        ],
    ),
    table(
        "project",
        20,
        &[
            "project_id int",
            "name nvarchar(239)",
            "project_number nvarchar(49) default (N'')",
            "associate_id int default ((0))",
            "status_idx int default ((0))",
            "enddate datetime default (N'1760-01-01 00:00:00')",
            "text_id int default ((-1))",
        ],
    ),
    table(
        "projectmember",
        60,
        &[
            "projectmember_id int",
            "project_id int",
            "person_id int",
            "projectmemberstatus_idx int default ((0))",
        ],
    ),
    table(
        "quote",
        10,
        &[
            "quote_id int",
            "sale_id int",
            "archived smallint default ((0))",
            "expires datetime",
            "total float",
        ],
    ),
    table(
        "quoteline",
        40,
        &[
            "quoteline_id int",
            "quote_id int",
            "quantity float",
            "discount_percent float",
            "total_price float",
            "description nvarchar(max) null",
        ],
    ),
    table(
        "relation",
        30,
        &["relation_id int", "source_id int", "target_id int", "comment nvarchar(254) default (N'')"],
    ),
    table(
        "sale",
        60,
        &[
            "sale_id int",
            "contact_id int default ((0))",
            "person_id int default ((0))",
            "associate_id int default ((0))",
            "heading nvarchar(219) default (N'')",
            "amount float default ((0))",
            "probability smallint default ((0))",
            "saledate datetime default (N'1760-01-01 00:00:00')",
            "status smallint default ((0))",
            "x_margin money null",
        ],
    ),
    table(
        "salehist",
        60,
        &["salehist_id int", "sale_id int", "amount float", "probability smallint", "modified datetime"],
    ),
    table("selection", 5, &["selection_id int", "name nvarchar(239)", "lastmembershipchange datetime"]),
    table("selectionmember", 150, &["selectionmember_id int", "selection_id int", "record_id int"]),
    table(
        "task",
        12,
        &["task_id int", "name nvarchar(239)", "direction smallint default ((0))", "color int default ((0))"],
    ),
    table(
        "text",
        120,
        &["text_id int", "type smallint default ((0))", "owner_id int default ((0))", "text ntext"],
    ),
    table(
        "ticket",
        40,
        &[
            "id int",
            "title nvarchar(255) null",
            "created_at datetime null",
            "owned_by int null",
            "priority int null",
        ],
    ),
    table(
        "y_booking",
        30,
        &[
            "id int",
            "x_room nvarchar(50) null",
            "x_day date null",
            "x_from time null",
            "x_until time null",
            "x_confirmed bit null",
            "x_price decimal(10,2) null",
            "x_changed datetime2 null",
        ],
    ),
    table(
        "y_delivery",
        25,
        &[
            "id int",
            "x_sale int null",
            "x_tracking bigint null",
            "x_key uniqueidentifier null",
            "x_slip varbinary(max) null",
            "x_shipped datetime2 null",
        ],
    ),
    table("y_setting", 0, &["id int", "x_name nvarchar(100) null", "x_value nvarchar(max) null"]),
    table(
        EXTREMES,
        0,
        &[
            "id int",
            "x_smallint smallint null",
            "x_bigint bigint null",
            "x_bit bit null",
            "x_float float null",
            "x_decimal decimal(38,10) null",
            "x_money money null",
            "x_datetime datetime null",
            "x_datetime2 datetime2 null",
            "x_date date null",
            "x_time time null",
            "x_binary varbinary(max) null",
            "x_guid uniqueidentifier null",
            "x_text nvarchar(255) null",
            "x_long nvarchar(max) null",
            "x_ntext ntext null",
            "x_int int null",
        ],
    ),
];
