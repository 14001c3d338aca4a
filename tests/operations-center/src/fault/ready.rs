//! A call once its faults are put in.

use super::deliver::{Way, end};
use super::plan::Met;
use super::{Kind, Point, alter};
use crate::client::CallError;
use crate::transport::Call;
use crate::wire::Operation;

/// A call with its faults put in.
pub(super) struct Ready {
    pub(super) call: u64,
    pub(super) operation: Operation,
    pub(super) tables: Vec<String>,
    pub(super) body: Vec<u8>,
    pub(super) way: Way,
    /// What was done, by fault.
    pub(super) done: Vec<(usize, String)>,
    /// The fault by which it is not sent.
    pub(super) refuse: Option<usize>,
    /// The fault by which it waits for the next call.
    pub(super) together: Option<usize>,
    /// The fault by which its connection ends.
    pub(super) hang_up: Option<usize>,
}

impl Ready {
    /// Call `number` of its cycle, with the faults that it met.
    pub(super) fn new(call: &Call<'_>, number: u64, met: &Met) -> Result<Self, CallError> {
        let mut ready = Self {
            call: number,
            operation: call.operation,
            tables: call.tables.iter().map(|&table| table.to_owned()).collect(),
            body: call.body.to_vec(),
            way: Way::default(),
            done: Vec::new(),
            refuse: None,
            together: None,
            hang_up: None,
        };
        ready.change_token(call, met)?;
        for (index, kind) in met {
            if let Kind::Flip(flip) = kind {
                let flipped = alter::flip(*flip, number, &mut ready.body);
                ready.done.extend(flipped.map(|what| (*index, what)));
            }
        }
        met.iter().for_each(|(index, kind)| ready.choose_way(*index, *kind));
        Ok(ready)
    }

    /// Also makes the call that goes before, with the token as it is then.
    fn change_token(&mut self, call: &Call<'_>, met: &Met) -> Result<(), CallError> {
        let mut token = call.token.clone();
        for (index, kind) in met {
            if let Some((changed, what)) = alter::token(*kind, &token) {
                token = changed;
                self.done.push((*index, what));
            }
        }
        if !self.done.is_empty() {
            self.body = alter::body_with(call, &token)?;
        }
        if met.iter().any(|(_, kind)| *kind == Kind::Repeat { new_token: true }) {
            self.way.before = Some(alter::body_with(call, &alter::renewed(&token))?);
        }
        Ok(())
    }

    fn choose_way(&mut self, index: usize, kind: Kind) {
        let length = self.body.len();
        let what = match kind {
            Kind::Refuse => {
                self.refuse = Some(index);
                "given up before it was sent".to_owned()
            }
            Kind::HangUp(point) => {
                (self.hang_up, self.way.hang_up) = (Some(index), Some(point));
                match point {
                    Point::AfterUpload => format!("hung up after all of its {length} bytes"),
                    _ => format!("hung up after {} of its {length} bytes", end(point, length)),
                }
            }
            Kind::Repeat { new_token: true } => {
                "sent before with another token of the same second".to_owned()
            }
            Kind::Repeat { new_token: false } => {
                self.way.before = Some(self.body.clone());
                "the very same bytes were sent twice".to_owned()
            }
            Kind::Slow { rate } => {
                self.way.rate = Some(rate);
                format!("its {length} bytes were sent at {rate} bytes per second")
            }
            Kind::Huge { bytes } if length >= bytes => format!("it had {length} bytes"),
            Kind::Together => return self.together = Some(index),
            _ => return,
        };
        self.done.push((index, what));
    }

    /// The vendor promises never to call at once for one tenant and table.
    pub(super) fn can_go_with(&self, held: &Self) -> bool {
        !self.tables.is_empty()
            && self.refuse.is_none()
            && !self.tables.iter().any(|table| held.tables.contains(table))
    }
}
