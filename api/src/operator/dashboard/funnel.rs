//! The page of the funnel: how shoppers get to a paid order, and where they stop.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Frame, page};
use crate::{
    app::App,
    operator::{
        funnel::{self, Asked, BUCKETS, Counts, Funnel, LAST_STEPS, REASONS, STAGES},
        tokens::Operator,
    },
    problem::{Answer, Kind},
};

/// How wide the charts are drawn; they are shown as wide as the page is.
const WIDE: i64 = 720;
/// How high the chart of the parts of the time is.
const HIGH: i64 = 160;

/// What is shown of each stage.
struct Stage {
    name: &'static str,
    of: &'static str,
    count: i64,
    conversion: String,
    width: i64,
    y: i64,
}

/// What is shown of a part of the time: orders that were held in it.
struct Part {
    name: String,
    held: i64,
    paid: i64,
    open: i64,
    abandoned: i64,
    carts_abandoned: i64,
    abandonment: String,
    x: i64,
    width: i64,
    paid_y: i64,
    paid_high: i64,
    open_y: i64,
    open_high: i64,
    abandoned_y: i64,
    abandoned_high: i64,
}

/// Abandoned orders by the last thing that happened in them.
struct LastStep {
    name: String,
    by_reason: [i64; REASONS.len()],
}

struct ProductRow {
    sku: String,
    stages: Vec<i64>,
    carts_abandoned: i64,
    abandoned: i64,
    abandonment: String,
    revenue: String,
}

/// What the page says of a funnel.
struct Shown {
    from: String,
    to: String,
    stages: Vec<Stage>,
    totals: Counts,
    revenue: String,
    cart_abandonment: String,
    checkout_abandonment: String,
    last_steps: Vec<LastStep>,
    parts: Vec<Part>,
    products: Vec<ProductRow>,
}

#[derive(Template)]
#[template(path = "operator/funnel.html")]
struct FunnelPage {
    frame: Frame,
    asked: Asked,
    trouble: Option<String>,
    shown: Option<Shown>,
}

impl FunnelPage {
    fn is_bucket(&self, bucket: &str) -> bool {
        self.asked.bucket.as_deref().unwrap_or("day") == bucket
    }
}

/// `GET /funnel`
pub async fn show(
    State(app): State<App>,
    operator: Operator,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let asked = without_blanks(asked);
    let (trouble, shown) = match funnel::find(&app, &asked).await {
        Ok(funnel) => (None, Some(Shown::of(&funnel))),
        Err(problem) if problem.kind == Kind::InvalidRequest => (Some(problem.detail), None),
        Err(problem) => return Err(problem),
    };
    let status = if trouble.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let frame = Frame::new(operator, "/funnel");
    Ok((status, page(&FunnelPage { frame, asked, trouble, shown })?).into_response())
}

/// A form sends a field that was left empty as an empty text.
fn without_blanks(asked: Asked) -> Asked {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Asked {
        from: filled(asked.from),
        to: filled(asked.to),
        bucket: filled(asked.bucket),
        time_zone: filled(asked.time_zone),
        sku: filled(asked.sku),
    }
}

impl Shown {
    fn of(funnel: &Funnel) -> Self {
        let totals = &funnel.totals;
        let name = |index: usize| funnel.span.names.get(index).cloned().unwrap_or_default();
        let highest = funnel.buckets.iter().map(|counts| counts.stage("stock_held")).max();
        let scale = Scale { highest: highest.unwrap_or_default(), parts: funnel.buckets.len() };
        let part = |(index, counts)| Part::of(name(index), index, counts, scale);
        Self {
            from: name(0),
            to: crate::checkouts::rfc3339(funnel.span.to),
            stages: stages(totals),
            revenue: revenue(totals),
            cart_abandonment: percent(totals.cart_abandonment()),
            checkout_abandonment: percent(totals.checkout_abandonment()),
            last_steps: LAST_STEPS.map(|step| last_step(totals, step)).into(),
            parts: funnel.buckets.iter().enumerate().map(part).collect(),
            products: funnel.by_sku.iter().map(ProductRow::of).collect(),
            totals: totals.clone(),
        }
    }
}

fn stages(totals: &Counts) -> Vec<Stage> {
    let most = STAGES.iter().map(|stage| totals.stage(stage)).max().unwrap_or_default().max(1);
    let rows = STAGES.into_iter().enumerate().zip(0_i64..);
    let stage = |((index, stage), row): ((usize, &'static str), i64)| {
        let (name, of) = stage_name(stage);
        let count = totals.stage(stage);
        let conversion = percent(totals.conversion(index));
        // Whoever got there is seen, however few they are.
        let width = (count * WIDE / most).max(i64::from(count > 0) * 2);
        Stage { name, of, count, conversion, width, y: row * 28 }
    };
    rows.map(stage).collect()
}

fn stage_name(stage: &str) -> (&'static str, &'static str) {
    match stage {
        "product_viewed" => ("Product viewed", "sessions"),
        "added_to_cart" => ("Added to cart", "sessions"),
        "checkout_opened" => ("Checkout opened", "sessions"),
        "stock_held" => ("Stock held", "orders"),
        "payment_submitted" => ("Payment submitted", "orders"),
        _ => ("Paid", "orders"),
    }
}

fn last_step(totals: &Counts, step: &str) -> LastStep {
    let by_reason = REASONS.map(|reason| totals.abandoned_after(reason, step));
    let words = step.replace('_', " ");
    let name =
        words.get(..1).unwrap_or_default().to_uppercase() + words.get(1..).unwrap_or_default();
    LastStep { name, by_reason }
}

#[derive(Clone, Copy)]
struct Scale {
    highest: i64,
    parts: usize,
}

impl Part {
    fn of(name: String, index: usize, counts: &Counts, scale: Scale) -> Self {
        let (held, paid, open) = (counts.stage("stock_held"), counts.stage("paid"), counts.open());
        let abandoned = counts.abandoned();
        let high = |count: i64| count * HIGH / scale.highest.max(1);
        let at = |index: usize| {
            let index = i64::try_from(index).unwrap_or_default();
            index * WIDE / i64::try_from(scale.parts).unwrap_or(1).max(1)
        };
        let (x, next) = (at(index), at(index + 1));
        let gap = i64::from(next - x > 3);
        let paid_y = HIGH - high(paid);
        let open_y = HIGH - high(paid + open);
        let abandoned_y = HIGH - high(held);
        Self {
            name,
            held,
            paid,
            open,
            abandoned,
            carts_abandoned: counts.carts_abandoned(),
            abandonment: percent(counts.checkout_abandonment()),
            x,
            width: (next - x - gap).max(1),
            paid_y,
            paid_high: HIGH - paid_y,
            open_y,
            open_high: paid_y - open_y,
            abandoned_y,
            abandoned_high: open_y - abandoned_y,
        }
    }
}

impl ProductRow {
    fn of((sku, counts): &(String, Counts)) -> Self {
        Self {
            sku: sku.clone(),
            stages: STAGES.iter().map(|stage| counts.stage(stage)).collect(),
            carts_abandoned: counts.carts_abandoned(),
            abandoned: counts.abandoned(),
            abandonment: percent(counts.checkout_abandonment()),
            revenue: revenue(counts),
        }
    }
}

fn revenue(counts: &Counts) -> String {
    let all: Vec<_> = counts.revenue().iter().map(ToString::to_string).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use read_model::funnel::Count;

    use super::*;

    fn counts(all: &[(&str, &str, i64)]) -> Counts {
        let mut counts = Counts::default();
        for (measure, detail, count) in all {
            let (measure, detail) = ((*measure).to_owned(), (*detail).to_owned());
            counts.add(&Count { part: 1, sku: String::new(), measure, detail, count: *count });
        }
        counts
    }

    #[test]
    fn bars_of_a_part_stand_on_each_other_and_fill_what_was_held() {
        let held = counts(&[("stock_held", "", 10), ("paid", "", 5), ("expired", "held", 3)]);
        let part = Part::of("x".into(), 1, &held, Scale { highest: 20, parts: 2 });
        assert_eq!((part.x, part.width), (360, 359));
        assert_eq!(part.paid_high + part.open_high + part.abandoned_high, HIGH / 2);
        assert_eq!(part.abandoned_y, HIGH / 2);
        assert_eq!(
            (part.open_y + part.open_high, part.paid_y + part.paid_high),
            (part.paid_y, HIGH)
        );
    }

    #[test]
    fn the_longest_bar_is_as_wide_as_the_chart_and_few_are_still_seen() {
        let stages = stages(&counts(&[("product_viewed", "", 10_000), ("paid", "", 1)]));
        assert_eq!((stages[0].width, stages[5].width, stages[1].width), (WIDE, 2, 0));
    }

    #[test]
    fn a_field_that_was_left_empty_was_not_filled_in() {
        let asked = Asked { sku: Some(String::new()), to: Some(" ".into()), ..Asked::default() };
        let asked = without_blanks(asked);
        assert!(asked.sku.is_none() && asked.to.is_none());
    }
}
