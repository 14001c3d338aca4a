//! The bridge's own memory: a record is read as it was written or not at all, and no way leads to an LSN that nobody
//! offered.

use arbitrary::{Result, Unstructured};
use mirrorbus::batch::Lsn;
use mirrorbus::bus::memory::Memory;
use mirrorbus::bus::offsets::FoundTopic;
use mirrorbus::bus::order::CallMark;
use mirrorbus::bus::position::{NO_LSN, Position};
use serde_json::Value;

/// The first byte chooses: a record as it stands (key, line feed, value), or a history of calls.
pub fn positions(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        let mut parts = rest.splitn(2, |byte| *byte == b'\n');
        record(parts.next().unwrap_or_default(), parts.next());
    } else {
        // Where the generator runs dry, the history ends.
        let _ = history(&mut Unstructured::new(rest));
    }
}

fn record(key: &[u8], value: Option<&[u8]>) {
    let mut memory = Memory::default();
    if memory.take(Some(key), value).is_err() {
        assert_eq!(memory, Memory::default(), "a record that was refused left something");
        return;
    }
    // What an unknown field holds is never looked at, so it may be what plain JSON refuses; the rest is compared.
    let plain = serde_json::from_slice::<Value>(value.unwrap_or_default()).ok();
    let is_written =
        |field: &str, number| plain.as_ref().is_none_or(|plain| plain[field].as_i64() == Some(number));
    for (table, position) in &memory.tables {
        assert_eq!(key, format!("table/{table}").as_bytes());
        assert!(is_written("lsn", position.lsn), "another LSN than was written");
        let written = serde_json::to_vec(position).expect("a position can be written");
        let mut again = Memory::default();
        again.take(Some(key), Some(&written)).expect("what is written can be read");
        assert_eq!(again, memory);
    }
    if let Some(opened) = &memory.opened {
        assert!(is_written("token_time", opened.token_time), "another time than was written");
    }
}

/// What may be answered, kept beside the position by the rules in words: an LSN is provisional until the vendor moves
/// on within the same opening; a new population has none.
struct Model {
    lsn: i64,
    provisional: Option<(i64, i64)>,
}

fn history(bytes: &mut Unstructured<'_>) -> Result<()> {
    let mut position = Position::blank(bytes.int_in_range(0..=100)?);
    let mut model = Model { lsn: NO_LSN, provisional: None };
    while !bytes.is_empty() {
        step(bytes, &mut position, &mut model)?;
        assert_eq!(position.lsn, model.lsn);
    }
    Ok(())
}

fn step(bytes: &mut Unstructured<'_>, position: &mut Position, model: &mut Model) -> Result<()> {
    let opening = if bytes.ratio(7u8, 8u8)? { Some(bytes.int_in_range(0..=3)?) } else { None };
    match bytes.int_in_range(0..=3)? {
        0 => {
            let lsn: i64 = bytes.arbitrary()?;
            position.offer(Lsn::new(lsn), opening);
            if let (1.., Some(opening)) = (lsn, opening) {
                model.provisional = Some((lsn, opening));
            }
        }
        1 => {
            let effective = position.effective(opening);
            let moved = model.provisional.filter(|given| Some(given.1) == opening);
            assert_eq!(effective.is_some(), moved.is_some());
            if let (Some(effective), Some((lsn, _))) = (effective, moved) {
                *position = effective;
                *model = Model { lsn, provisional: None };
            }
        }
        2 => {
            let before = position.epoch;
            let found = FoundTopic { id: "t".to_owned(), spans: vec![(0, bytes.int_in_range(0..=9)?)] };
            let mark = CallMark { token_time: bytes.int_in_range(0..=9)?, digest: String::new() };
            let now = bytes.int_in_range(0..=200)?;
            *position = Position::new_population(Some(position), Some(&found), now, &mark);
            *model = Model { lsn: NO_LSN, provisional: None };
            assert!(position.epoch > before, "an epoch did not rise");
        }
        _ => {
            let written = serde_json::to_vec(position).expect("a position can be written");
            let read: Position = serde_json::from_slice(&written).expect("what is written can be read");
            assert_eq!(read, *position);
        }
    }
    Ok(())
}
