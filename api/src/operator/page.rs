//! Lists in pages, newest first: how many rows, and where the next page begins.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use time::OffsetDateTime;

use crate::problem::{Answer, Problem};

/// How many rows are asked for.
pub fn limit(text: Option<&str>) -> Answer<usize> {
    let Some(text) = text else { return Ok(50) };
    let limit = text.parse().ok().filter(|limit| (1..=200).contains(limit));
    limit.ok_or_else(|| Problem::invalid("/limit", "has to be 1 to 200"))
}

/// Cuts `rows`, of which one more than `limit` was asked for, and answers where the next page
/// begins.
pub fn cut<T>(
    rows: &mut Vec<T>,
    limit: usize,
    place: impl Fn(&T) -> (OffsetDateTime, String),
) -> Option<String> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let (at, id) = place(rows.last().filter(|_| more)?);
    Some(URL_SAFE_NO_PAD.encode(format!("{}/{id}", at.unix_timestamp_nanos())))
}

/// Where a page begins: after the row of this time and this id.
pub fn read_cursor<Id: FromStr>(cursor: &str) -> Answer<(OffsetDateTime, Id)> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (nanos, id) = text.split_once('/')?;
        let nanos: u64 = nanos.parse().ok()?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).ok()?;
        Some((at, id.parse().ok().filter(|_| !id.contains('\0'))?))
    };
    read().ok_or_else(|| Problem::invalid("/cursor", "is not one that this list gave"))
}
