//! What lists and the funnel are asked for: cursors, times, time zones, the beginning of an id.

use fuzz::Verdict;
use read_model::funnel::When;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{hold_text, refused};
use crate::{
    operator::{
        funnel::{is_zone_name, read_when},
        orders::{Filter, named},
        page::{cut, read_cursor},
    },
    products,
};

/// The cursor that a list gives after a row of this time and this id.
fn cursor_after(at: OffsetDateTime, id: &str) -> String {
    cut(&mut vec![1, 2], 1, |_| (at, id.to_owned())).unwrap()
}

#[test]
fn a_cursor_leads_where_the_one_leads_that_the_list_gives_for_that_place() {
    hold_text("cursor", |text| match (read_cursor::<Uuid>(text), read_cursor::<String>(text)) {
        (Ok((at, id)), _) => {
            let again = cursor_after(at, &id.to_string());
            assert_eq!(read_cursor::<Uuid>(&again).unwrap(), (at, id));
            Verdict::Accepted("of a uuid".to_owned())
        }
        (Err(_), Ok((at, id))) => {
            assert!(!id.contains('\0'), "Postgres takes no NUL");
            assert_eq!(read_cursor::<String>(&cursor_after(at, &id)).unwrap(), (at, id));
            Verdict::Accepted("of a text".to_owned())
        }
        (Err(_), Err(problem)) => refused(problem, None),
    });
}

#[test]
fn a_cursor_of_products_is_the_sku_that_the_page_ended_with() {
    hold_text("product-cursor", |text| match products::after(text) {
        Ok(sku) => {
            assert_eq!(products::cursor(sku.as_str()), text, "two cursors for one place");
            Verdict::accepted()
        }
        Err(problem) => refused(problem, None),
    });
}

/// Whether a text has the shape that RFC 3339 gives a time: digits, and what stands between them.
fn has_the_shape_of_a_time(text: &str) -> bool {
    let shape: String = text
        .char_indices()
        .map(|(index, c)| match c {
            // "Applications may choose" what stands between date and time.
            _ if index == "0000-00-00".len() => 'T',
            '0'..='9' => '0',
            'z' | 'Z' => 'Z',
            '+' | '-' => '-',
            other => other,
        })
        .collect();
    let Some((front, rest)) = shape.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let fraction = rest.strip_prefix('.').map(|rest| rest.trim_start_matches('0'));
    front == "0000-00-00T00:00:00" && matches!(fraction.unwrap_or(rest), "Z" | "-00:00")
}

#[test]
fn an_end_of_the_funnels_time_is_a_day_or_a_moment_that_all_of_us_can_name() {
    hold_text("funnel-time", |text| match read_when(text) {
        Some(When::Day(day)) => {
            assert_eq!(day.to_string(), text, "it is another day");
            assert!((2_000..3_000).contains(&day.year()));
            Verdict::Accepted("a day".to_owned())
        }
        Some(When::At(at)) => {
            assert!(has_the_shape_of_a_time(&text.replace(' ', "+")));
            let utc = at.checked_to_offset(UtcOffset::UTC).expect("UTC has such a moment");
            assert!((2_000..3_000).contains(&utc.year()));
            assert_eq!(read_when(&utc.format(&Rfc3339).unwrap()), Some(When::At(at)));
            Verdict::Accepted("a moment".to_owned())
        }
        None => Verdict::refused("no time"),
    });
}

#[test]
fn a_time_that_orders_are_looked_for_by_is_one_in_utc_as_well() {
    hold_text("order-time", |text| {
        let filter = Filter { from: Some(text.to_owned()), ..Filter::default() };
        match filter.search() {
            Ok(search) => {
                let from = search.from.expect("it was given");
                assert!(from.checked_to_offset(UtcOffset::UTC).is_some(), "Postgres is told UTC");
                assert!(has_the_shape_of_a_time(text));
                Verdict::accepted()
            }
            Err(problem) => refused(problem, None),
        }
    });
}

#[test]
fn the_name_of_a_time_zone_has_nothing_in_it_that_could_be_a_rule() {
    hold_text("time-zone", |text| {
        if !is_zone_name(text) {
            return Verdict::refused("no name");
        }
        assert!((1..=64).contains(&text.chars().count()));
        let numbers = text.chars().any(|c| c.is_numeric() || c == '+');
        assert!(!numbers || text.starts_with("Etc/GMT"), "it is a rule");
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-+".contains(c)));
        Verdict::Accepted(format!("{numbers}"))
    });
}

#[test]
fn the_beginning_of_an_id_means_the_ids_that_begin_so() {
    use read_model::order_search::Which;

    hold_text("order-search", |text| match named(text) {
        Some(Which::Ids(first, last)) => {
            let digits = text.replace('-', "").to_ascii_lowercase();
            for id in [first, last] {
                assert!(id.simple().to_string().starts_with(&digits), "{id} is not meant");
            }
            let count = last.as_u128() - first.as_u128();
            let free = u32::try_from(4 * (32 - digits.len())).unwrap();
            assert_eq!(count.count_ones(), free, "some ids that begin so are left out");
            Verdict::Accepted("ids".to_owned())
        }
        Some(Which::Payment(id)) => {
            assert_eq!(id, text);
            assert!(id.chars().all(|c| ('!'..='~').contains(&c)));
            Verdict::Accepted("a payment".to_owned())
        }
        Some(Which::Any) => panic!("it means something"),
        None => Verdict::refused("nothing that could be meant"),
    });
}
