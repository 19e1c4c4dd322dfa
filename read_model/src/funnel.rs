//! The funnel as it is at this moment: the counts that the worker keeps, and what is not in them
//! yet, read in one statement so that nothing is missed and nothing counted twice.

use domain::Sku;
use sqlx::PgPool;
use time::{Date, Duration, OffsetDateTime, Time};

use crate::ReadError;

/// How long a time is divided. The counts are by quarters of an hour.
pub const LONGEST: Duration = Duration::days(400);
/// `invalid_parameter_value` (PostgreSQL, "Error Codes"): what a time zone of no name is.
const NO_SUCH_ZONE: &str = "22023";

/// An end of the time that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A moment.
    At(OffsetDateTime),
    /// The beginning of a day in the time zone.
    Day(Date),
}

/// What time is asked about, and how it is divided.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where it begins; seven days before the end if it is not said.
    pub from: Option<When>,
    /// Where it ends; with the day if it is not said.
    pub to: Option<When>,
    /// `hour`, `day`, `week` or `month`.
    pub bucket: &'static str,
    /// A name of the time zone database.
    pub time_zone: String,
}

/// The time that is asked about, divided.
#[derive(Clone, Debug)]
pub struct Span {
    /// Where it begins.
    pub from: OffsetDateTime,
    /// Where it ends; what happens then is not in it.
    pub to: OffsetDateTime,
    /// Where each part begins, the first with `from`.
    pub starts: Vec<OffsetDateTime>,
    /// The same as people write it in the time zone.
    pub names: Vec<String>,
}

/// Divides a time. None when there is no such time zone.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn span(pool: &PgPool, ask: &Ask) -> Result<Option<Span>, ReadError> {
    let (from_at, from_day) = parts(ask.from);
    let (to_at, to_day) = parts(ask.to);
    let row = sqlx::query!(
        r#"
        with until as (
            select coalesce(
                $3::timestamptz,
                $4::date::timestamp at time zone $5,
                (date_trunc('day', now() at time zone $5) + interval '1 day') at time zone $5
            ) as at
        ), span as (
            select until.at as until, coalesce(
                $1::timestamptz,
                $2::date::timestamp at time zone $5,
                ((until.at at time zone $5) - interval '7 days') at time zone $5
            ) as since
            from until
        ), part as (
            select since as start from span
            union
            -- Hours are counted as they pass: a day on which clocks change has 23 or 25 of them.
            select generate_series(date_trunc('hour', since, $5), soon, interval '1 hour')
            from span
            -- Of a time that is too long the beginning is divided: its asker is told so.
            cross join lateral (select least(until, since + make_interval(days => $7))) as cut (soon)
            where $6 = 'hour'
            union
            select local at time zone $5
            from span
            cross join lateral (select least(until, since + make_interval(days => $7))) as cut (soon)
            cross join lateral generate_series(
                date_trunc($6, since at time zone $5), soon at time zone $5,
                ('1 ' || $6)::interval) as local
            where $6 <> 'hour'
        )
        select since as "since!", until as "until!",
            array(
                select start from part where start = since or start > since and start < until
                order by start
            ) as "starts!: Vec<OffsetDateTime>",
            array(
                select to_char(start at time zone $5,
                    case $6 when 'hour' then 'YYYY-MM-DD HH24:MI' else 'YYYY-MM-DD' end)
                from part where start = since or start > since and start < until
                order by start
            ) as "names!: Vec<String>"
        from span
        "#,
        from_at,
        from_day,
        to_at,
        to_day,
        ask.time_zone,
        ask.bucket,
        i32::try_from(LONGEST.whole_days()).unwrap_or(i32::MAX),
    )
    .fetch_one(pool)
    .await;
    match row {
        Ok(row) => {
            let (starts, names) = (row.starts, row.names);
            Ok(Some(Span { from: row.since, to: row.until, starts, names }))
        }
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_ZONE) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

const fn parts(when: Option<When>) -> (Option<OffsetDateTime>, Option<Date>) {
    match when {
        Some(When::At(at)) => (Some(at), None),
        Some(When::Day(day)) => (None, Some(day)),
        None => (None, None),
    }
}

/// A number, of a part of the time or of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of which part of the time, from 1; 0 for all of it.
    pub part: i32,
    /// Of which product; empty for what was asked for: the whole shop, or a product.
    pub sku: String,
    /// What was counted.
    pub measure: String,
    /// More exactly: how an order was abandoned, why one was refused, in which currency.
    pub detail: String,
    /// How many.
    pub count: i64,
}

/// Where a time is cut: what lies between whole quarters of an hour is read from the counts, whole
/// days of UTC from those by days, and the ends from the raw events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cuts {
    quarters_from: OffsetDateTime,
    days_from: OffsetDateTime,
    days_to: OffsetDateTime,
    quarters_to: OffsetDateTime,
    /// Whether no part of the time begins within one of its whole days.
    days_are_whole: bool,
}

impl Cuts {
    fn of(span: &Span) -> Self {
        let (quarters_from, quarters_to) = whole(span.from, span.to, 15 * 60);
        let (days_from, days_to) = whole(quarters_from, quarters_to, 24 * 3_600);
        let begins_within = |start: &OffsetDateTime| {
            (days_from..days_to).contains(start) && start.time() != Time::MIDNIGHT
        };
        let days_are_whole = !span.starts.iter().any(begins_within);
        Self { quarters_from, days_from, days_to, quarters_to, days_are_whole }
    }
}

/// The longest stretch of whole units within a time; at its end, and empty, if there is none.
fn whole(
    from: OffsetDateTime,
    to: OffsetDateTime,
    seconds: i64,
) -> (OffsetDateTime, OffsetDateTime) {
    let past = |at: OffsetDateTime| {
        let seconds = at.unix_timestamp().rem_euclid(seconds);
        Duration::seconds(seconds) + Duration::nanoseconds(at.nanosecond().into())
    };
    let down = |at: OffsetDateTime| at - past(at);
    let up = if past(from).is_zero() { from } else { down(from) + Duration::seconds(seconds) };
    if up <= down(to) { (up, down(to)) } else { (to, to) }
}

/// Counts what happened in `span`, in each of its parts and for each product. With `only`, what
/// happened to that product is counted.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn counts(
    pool: &PgPool,
    span: &Span,
    only: Option<&Sku>,
) -> Result<Vec<Count>, ReadError> {
    let cuts = Cuts::of(span);
    Ok(sqlx::query_as!(
        Count,
        r#"
        with progress as materialized (
            select min(upto::text) filter (where source = 'orders')::xid8 as orders,
                min(upto::text) filter (where source = 'sessions')::xid8 as sessions,
                '18446744073709551615'::xid8 as the_end
            from funnel_progress
        ), uncounted as materialized (
            -- The ends of the time, which no quarter covers.
            select at, sku, measure, detail, count
            from funnel_order_steps
            where order_id = any(array(
                select order_id from orders
                where created_at >= $1 and created_at < $3
                   or created_at >= $4 and created_at < $2))
            union all
            select step.at, step.sku, step.measure, step.detail, 1
            from funnel_session_steps(array(
                select distinct session_id from analytics_events
                where occurred_at >= $1 and occurred_at < $3
                   or occurred_at >= $4 and occurred_at < $2), (select the_end from progress)) as step
            where step.at >= $1 and step.at < $3 or step.at >= $4 and step.at < $2
            union all
            -- Orders' events that are not in the counts yet.
            select at, sku, measure, detail, count
            from funnel_order_steps
            where seq = any(array(
                select seq from order_events
                where xid >= (select orders from progress)
                  and xid <= pg_snapshot_xmax(pg_current_snapshot())))
              and at >= $3 and at < $4
            union all
            -- Sessions with such events: less what they are counted for, and what they count for.
            select step.at, step.sku, what.measure, what.detail, side.count
            from (
                select array(
                    select distinct session_id from analytics_events
                    where xid >= (select sessions from progress)
                      and xid <= pg_snapshot_xmax(pg_current_snapshot())) as sessions
            ) as late
            cross join lateral (values
                (-1, (select sessions from progress)), (1, (select the_end from progress))
            ) as side (count, upto)
            cross join lateral funnel_session_steps(late.sessions, side.upto) as step
            cross join lateral (
                select step.measure, step.detail where step.at >= $3 and step.at < $4
                union all
                select 'cart_open', ''
                where step.open_until > now() and step.at >= $1 and step.at < $2
            ) as what
            union all
            select at, sku, 'cart_open', '', 1
            from funnel_open_carts
            where open_until > now() and at >= $1 and at < $2
        ), counted as (
            select width_bucket(at, $7::timestamptz[]) as part, '' as sku, measure, detail, count
            from uncounted where sku = $8
            union all
            select width_bucket(at, $7), '', measure, detail, count
            from funnel_quarters where sku = $8 and at >= $3 and at < case when $9 then $5 else $4 end
            union all
            select width_bucket(at, $7), '', measure, detail, count
            from funnel_days where sku = $8 and at >= $5 and at < $6 and $9
            union all
            select width_bucket(at, $7), '', measure, detail, count
            from funnel_quarters where sku = $8 and at >= $6 and at < $4 and $9
            union all
            select 0, sku, measure, detail, count from uncounted where sku <> '' and $8 = ''
            union all
            select 0, sku, measure, detail, count
            from funnel_quarters where sku <> '' and at >= $3 and at < $5 and $8 = ''
            union all
            select 0, sku, measure, detail, count
            from funnel_days where sku <> '' and at >= $5 and at < $6 and $8 = ''
            union all
            select 0, sku, measure, detail, count
            from funnel_quarters where sku <> '' and at >= $6 and at < $4 and $8 = ''
        )
        select part as "part!", sku as "sku!", measure as "measure!", detail as "detail!",
            sum(count)::bigint as "count!"
        from counted
        group by 1, 2, 3, 4
        having sum(count) <> 0
        "#,
        span.from,
        span.to,
        cuts.quarters_from,
        cuts.quarters_to,
        cuts.days_from,
        cuts.days_to,
        &span.starts,
        only.map_or("", Sku::as_str),
        cuts.days_are_whole,
    )
    .fetch_all(pool)
    .await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn cuts(starts: &[OffsetDateTime], to: OffsetDateTime) -> Cuts {
        Cuts::of(&Span { from: starts[0], to, starts: starts.to_vec(), names: Vec::new() })
    }

    #[test]
    fn the_cuts_of_a_time_lie_in_it_in_order_and_on_whole_units() {
        let from = datetime!(2026-11-01 09:07:30 UTC);
        assert_eq!(
            cuts(&[from], datetime!(2026-11-04 10:59 UTC)),
            Cuts {
                quarters_from: datetime!(2026-11-01 09:15 UTC),
                days_from: datetime!(2026-11-02 0:00 UTC),
                days_to: datetime!(2026-11-04 0:00 UTC),
                quarters_to: datetime!(2026-11-04 10:45 UTC),
                days_are_whole: true,
            }
        );
    }

    #[test]
    fn a_time_of_whole_days_is_not_cut() {
        let (from, to) = (datetime!(2026-11-01 0:00 UTC), datetime!(2026-11-02 0:00 UTC));
        let whole = cuts(&[from], to);
        assert_eq!((whole.quarters_from, whole.quarters_to), (from, to));
        assert_eq!((whole.days_from, whole.days_to), (from, to));
    }

    #[test]
    fn a_time_within_a_quarter_is_all_ends() {
        let to = datetime!(2026-11-01 09:10 UTC);
        let none = cuts(&[datetime!(2026-11-01 09:01 UTC)], to);
        assert_eq!([none.quarters_from, none.days_from, none.days_to, none.quarters_to], [to; 4]);
    }

    #[test]
    fn a_day_of_another_zone_is_no_day_of_the_counts() {
        let to = datetime!(2026-11-04 0:00 UTC);
        let utc = [datetime!(2026-11-01 0:00 UTC), datetime!(2026-11-02 0:00 UTC)];
        let berlin = [datetime!(2026-11-01 0:00 UTC), datetime!(2026-11-01 23:00 UTC)];
        assert!(cuts(&utc, to).days_are_whole);
        assert!(!cuts(&berlin, to).days_are_whole);
    }
}
