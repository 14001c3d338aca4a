//! The lines, by what they are about.

mod authenticate;
mod cycle;
mod failed;
mod http;
mod parallel;
mod rows;
mod schema;
mod size;
mod soap;
mod token;
mod values;
mod wipe;

use super::line::Line;

/// All lines, in the order in which they are checked and told.
#[must_use]
pub(super) fn all() -> Vec<Line> {
    let groups = [
        http::lines(),
        soap::lines(),
        authenticate::lines(),
        token::lines(),
        schema::lines(),
        rows::lines(),
        wipe::lines(),
        values::lines(),
        failed::lines(),
        size::lines(),
        parallel::lines(),
        cycle::lines(),
    ];
    groups.into_iter().flatten().collect()
}
