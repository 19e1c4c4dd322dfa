//! `GET /v1/funnel`: how shoppers get from a product to a paid order, and where they stop.

mod counts;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use domain::Sku;
use read_model::funnel::{self, Ask, Span, When};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{
    Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

pub use self::counts::{Counts, LAST_STEPS, REASONS, STAGES};
use crate::{
    app::App,
    checkouts::rfc3339,
    problem::{Answer, Problem},
};

/// In how many parts a time may be divided.
const MOST_BUCKETS: usize = 1_000;
/// How many products are listed.
const MOST_PRODUCTS: usize = 1_000;
/// The parts that a time may be divided in.
pub const BUCKETS: [&str; 4] = ["hour", "day", "week", "month"];

/// The path of the funnel.
pub fn router() -> Router<App> {
    Router::new().route("/v1/funnel", get(read))
}

/// What is asked for, as it came.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    pub from: Option<String>,
    pub to: Option<String>,
    pub bucket: Option<String>,
    pub time_zone: Option<String>,
    pub sku: Option<String>,
}

/// The funnel of a time.
pub struct Funnel {
    pub span: Span,
    pub time_zone: String,
    pub bucket: &'static str,
    pub sku: Option<Sku>,
    pub as_of: OffsetDateTime,
    pub totals: Counts,
    /// One for each start in `span`.
    pub buckets: Vec<Counts>,
    /// Those that were held most often first.
    pub by_sku: Vec<(String, Counts)>,
}

async fn read(State(app): State<App>, Query(asked): Query<Asked>) -> Answer<Json<Value>> {
    Ok(Json(funnel_json(&find(&app, &asked).await?)))
}

/// Reads the funnel that is asked for.
pub async fn find(app: &App, asked: &Asked) -> Answer<Funnel> {
    let (ask, sku) = asked.checked(app)?;
    let pool = &app.model.pool;
    let span = funnel::span(pool, &ask).await?.ok_or_else(|| {
        Problem::invalid("/time_zone", "has to be a name like Europe/Berlin, of a time zone")
    })?;
    check(&span)?;
    let as_of = OffsetDateTime::now_utc();
    let counted = funnel::counts(pool, &span, sku.as_ref()).await?;

    let mut buckets = vec![Counts::default(); span.starts.len()];
    let mut products = std::collections::BTreeMap::<String, Counts>::new();
    let mut totals = Counts::default();
    for count in counted {
        let part = usize::try_from(count.part).unwrap_or_default();
        if let Some(bucket) = part.checked_sub(1).and_then(|index| buckets.get_mut(index)) {
            bucket.add(&count);
            totals.add(&count);
        } else {
            products.entry(count.sku.clone()).or_default().add(&count);
        }
    }
    if let Some(sku) = &sku {
        products = [(sku.to_string(), totals.clone())].into();
    }
    let mut by_sku: Vec<_> = products.into_iter().collect();
    by_sku.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.standing()));
    by_sku.truncate(MOST_PRODUCTS);
    Ok(Funnel {
        span,
        time_zone: ask.time_zone,
        bucket: ask.bucket,
        sku,
        as_of,
        totals,
        buckets,
        by_sku,
    })
}

impl Asked {
    fn checked(&self, app: &App) -> Answer<(Ask, Option<Sku>)> {
        let mut errors = Vec::new();
        let mut wrong = |pointer: &str, detail: &str| errors.push((pointer.into(), detail.into()));
        let mut when = |pointer: &str, text: &Option<String>| {
            let text = text.as_deref()?;
            let when = read_when(text);
            if when.is_none() {
                wrong(pointer, "has to be a time (RFC 3339) or a date, of the years 2000 to 2999");
            }
            when
        };
        let (from, to) = (when("/from", &self.from), when("/to", &self.to));
        let named = self.bucket.as_deref().unwrap_or("day");
        let bucket = BUCKETS.into_iter().find(|bucket| *bucket == named);
        if bucket.is_none() {
            wrong("/bucket", "has to be hour, day, week or month");
        }
        let time_zone = self.time_zone.as_deref().unwrap_or("UTC");
        if !is_zone_name(time_zone) {
            wrong("/time_zone", "has to be a name like Europe/Berlin, of a time zone");
        }
        let sku = self.sku.as_deref().and_then(|sku| {
            let known = sku.parse().ok().filter(|sku| app.model.catalogue.product(sku).is_some());
            if known.is_none() {
                wrong("/sku", "is not a product of this shop");
            }
            known
        });
        match bucket {
            Some(bucket) if errors.is_empty() => {
                Ok((Ask { from, to, bucket, time_zone: time_zone.to_owned() }, sku))
            }
            _ => Err(Problem::invalid_all(errors)),
        }
    }
}

/// A time or a date. A `+` that was not encoded has come as a space.
pub fn read_when(text: &str) -> Option<When> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).map(When::Day);
    let time = || OffsetDateTime::parse(&text.replace(' ', "+"), &Rfc3339).map(When::At);
    date.or_else(|_| time()).ok().filter(|when| {
        let year = match when {
            When::At(at) => at.checked_to_offset(time::UtcOffset::UTC).map(OffsetDateTime::year),
            When::Day(day) => Some(day.year()),
        };
        year.is_some_and(|year| (2_000..3_000).contains(&year))
    })
}

/// Whether a text can be the name of a time zone; whether there is one of that name, Postgres
/// knows. Rules in the place of a name, such as `CET-1`, are left out.
pub fn is_zone_name(text: &str) -> bool {
    let rule = |c: char| c.is_ascii_digit() || c == '+';
    let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '-');
    (1..=64).contains(&text.len())
        && text.chars().all(|c| plain(c) || rule(c))
        && (text.starts_with("Etc/GMT") || !text.contains(rule))
}

fn check(span: &Span) -> Answer<()> {
    if span.from >= span.to {
        return Err(Problem::invalid("/to", "has to be later than 'from'"));
    }
    if span.to - span.from > funnel::LONGEST {
        let most = funnel::LONGEST.whole_days();
        return Err(Problem::invalid("/from", format!("may be {most} days before 'to' at most")));
    }
    if span.starts.len() > MOST_BUCKETS {
        let detail = format!("would make more than {MOST_BUCKETS} of them: take a longer one");
        return Err(Problem::invalid("/bucket", detail));
    }
    Ok(())
}

fn funnel_json(funnel: &Funnel) -> Value {
    let span = &funnel.span;
    let ends = span.starts.iter().skip(1).chain([&span.to]);
    let buckets = span.starts.iter().zip(ends).zip(&funnel.buckets).map(|((from, to), counts)| {
        let mut body = counts.json();
        body.insert(0, ("from", json!(rfc3339(*from))));
        body.insert(1, ("to", json!(rfc3339(*to))));
        object(body)
    });
    let products = funnel.by_sku.iter().map(|(sku, counts)| {
        let mut body = counts.json();
        body.insert(0, ("sku", json!(sku)));
        object(body)
    });
    json!({
        "from": rfc3339(span.from), "to": rfc3339(span.to), "bucket": funnel.bucket,
        "time_zone": funnel.time_zone, "sku": funnel.sku, "as_of": rfc3339(funnel.as_of),
        "totals": object(funnel.totals.json()),
        "buckets": buckets.collect::<Vec<_>>(),
        "by_sku": products.collect::<Vec<_>>(),
    })
}

fn object(members: Vec<(&'static str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn an_end_of_the_time_is_a_moment_or_a_day() {
        assert_eq!(read_when("2026-11-01"), Some(When::Day(date!(2026 - 11 - 01))));
        let moment = Some(When::At(datetime!(2026-11-01 09:00 +1)));
        assert_eq!(read_when("2026-11-01T09:00:00+01:00"), moment);
        assert_eq!(read_when("2026-11-01T09:00:00 01:00"), moment);
        for bad in ["", "yesterday", "2026-13-01", "2026-11-01T09:00:00", "1999-12-31", "now()"] {
            assert_eq!(read_when(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_rule_is_no_name_of_a_time_zone() {
        for name in ["UTC", "Europe/Berlin", "America/Port-au-Prince", "Etc/GMT+5"] {
            assert!(is_zone_name(name), "{name}");
        }
        for bad in ["", "CET-1", "+02:00", "UTC;", "Europe/Berlin'", "Foo3", "<x>4"] {
            assert!(!is_zone_name(bad), "{bad}");
        }
    }
}
