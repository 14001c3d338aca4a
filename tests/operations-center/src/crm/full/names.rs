//! Names of the generated tables and of their keys.

/// What a CRM is about.
const AREAS: &[&str] = &[
    "agreement",
    "asset",
    "budget",
    "campaign",
    "catalog",
    "claim",
    "complaint",
    "contract",
    "course",
    "dashboard",
    "delivery",
    "event",
    "forecast",
    "form",
    "goal",
    "invoice",
    "knowledge",
    "lead",
    "mailing",
    "meeting",
    "order",
    "partner",
    "pipeline",
    "pricelist",
    "report",
    "resource",
    "service",
    "subscription",
    "survey",
    "territory",
];

/// What belongs to each; every area has some of these.
const FACETS: &[&str] = &[
    "attachment",
    "category",
    "comment",
    "field",
    "group",
    "history",
    "item",
    "link",
    "member",
    "note",
    "option",
    "rule",
    "status",
    "step",
    "template",
    "value",
];
const FACETS_PER_AREA: usize = 11;

/// Tables that carry a customer's own fields for one of the sample's tables, with their number of columns. The first
/// is the widest of all.
const EXTRA: &[(&str, usize)] =
    &[("contact", 111), ("person", 96), ("sale", 81), ("project", 70), ("appointment", 60), ("document", 52)];

/// Tables of partners.
const PARTNER: &[&str] = &[
    "y_calibration",
    "y_consignment",
    "y_crew",
    "y_fleet",
    "y_harvest",
    "y_inspection",
    "y_lease",
    "y_machine",
    "y_permit",
    "y_recipe",
    "y_route",
    "y_sensor",
    "y_stay",
    "y_vessel",
];

/// Tables of areas whose key is named neither after the table nor `id`, by their place.
const ODD_KEYS: [usize; 5] = [40, 110, 180, 250, 320];
/// Columns of a table that is not wide.
const WIDTHS: [usize; 12] = [5, 6, 7, 8, 9, 10, 11, 12, 14, 17, 21, 26];

/// How a table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing is NULL, everything has a default, the key is named after the table.
    Classic,
    /// Many columns may be NULL, few have defaults, the key is `id`.
    Recent,
    /// A partner's: columns begin with `x_` and may be NULL.
    Partner,
    /// Numbered columns for whatever a customer wants to keep.
    Extra,
}

/// A table to be made.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) table: String,
    pub(super) key: String,
    /// The table that it belongs to.
    pub(super) owner: Option<&'static str>,
    pub(super) style: Style,
    pub(super) width: usize,
}

/// `count` names, or as many as the lists yield.
pub(super) fn all(count: usize) -> Vec<Name> {
    let areas = AREAS.iter().enumerate().flat_map(|(place, area)| area_tables(place, area));
    areas.chain(EXTRA.iter().map(extra)).chain(partners()).take(count).collect()
}

fn area_tables(place: usize, area: &'static str) -> impl Iterator<Item = Name> {
    // The customer service side of a CRM is younger than its sales side.
    let style = if place % 3 == 2 { Style::Recent } else { Style::Classic };
    let facets = FACETS.iter().cycle().skip(place * 5 % FACETS.len()).take(FACETS_PER_AREA);
    std::iter::once(None).chain(facets.map(Some)).enumerate().map(move |(number, facet)| {
        let index = place * (FACETS_PER_AREA + 1) + number;
        let table = match (facet, style) {
            (None, _) => area.to_owned(),
            (Some(facet), Style::Recent) => format!("{area}_{facet}"),
            (Some(facet), _) => format!("{area}{facet}"),
        };
        let key = match style {
            _ if ODD_KEYS.contains(&index) => format!("{}_no", facet.unwrap_or(&area)),
            Style::Recent => "id".to_owned(),
            _ => format!("{table}_id"),
        };
        let width = WIDTHS.get((index * 5 + place) % WIDTHS.len()).copied().unwrap_or(8);
        Name { table, key, owner: facet.map(|_| area), style, width }
    })
}

fn extra(&(owner, width): &(&'static str, usize)) -> Name {
    let table = format!("{owner}extra");
    Name { key: format!("{table}_id"), table, owner: Some(owner), style: Style::Extra, width }
}

fn partners() -> impl Iterator<Item = Name> {
    PARTNER.iter().enumerate().map(|(place, table)| Name {
        table: (*table).to_owned(),
        key: "id".to_owned(),
        owner: (place % 2 == 0).then_some("contact"),
        style: Style::Partner,
        width: 5 + place % 7,
    })
}
