//! `PUT /v1/checkouts/{order_id}`: starts a checkout, or answers the one that there is.

use std::{collections::BTreeMap, net::SocketAddr, ops::ControlFlow, time::Duration};

use axum::{
    Json,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    Fingerprint, Money, OrderId, OrderState, PricedLine, Refusal, Sku, StockLine, allocate, order,
};
use futures::future::try_join_all;
use read_model::{StoredOrder, appends};
use tokio::time::Instant;
use workflows::{CheckoutInput, CheckoutMemo};

use super::{
    access::Access, answer, changed, no_store, order_id, retry_after, summary, wait_until,
};
use crate::{
    addresses::Starting,
    admission::Admitted,
    app::App,
    body::JsonBody,
    checkouts::view::unwritten_json,
    problem::{Answer, Kind, Problem},
    requests::StartCheckout,
    temporal::Started,
};

/// How long all of it may take: nobody waits for the answer any longer.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long units stay promised to an order whose outcome is open.
const OPEN_FOR: Duration = Duration::from_secs(30);
/// How long a shopper waits for what was promised to others before being told that it is gone.
const PROMISES_SETTLE: Duration = Duration::from_millis(50);
/// How long a shopper waits for the stock to be held before being told to look again.
const OUTCOME_WITHIN: Duration = Duration::from_secs(2);

pub async fn put(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(order): Path<String>,
    headers: HeaderMap,
    body: JsonBody,
) -> Answer<Response> {
    let order = order_id(&order)?;
    let access = Access::for_write(&headers, &app)?;
    let request = StartCheckout::read(&body.0)?;
    let client = app.trusted_proxies.client(peer.ip(), &headers);
    let cookie = access.set_cookie(order, &app);
    let asked = Asked {
        order,
        fingerprint: Fingerprint::of(
            access.secret_text(),
            &request.lines,
            request.expected_total,
            request.email.as_deref(),
        ),
        request,
        access,
        client,
    };
    // A task of its own: a client that hangs up can't leave half of this undone, and one that is not
    // waited for any longer keeps what it was promised until its outcome is known.
    let answered = tokio::spawn(async move { start_or_find(&app, asked).await });
    let answered = tokio::time::timeout(PATIENCE, answered)
        .await
        .map_err(|_| Problem::new(Kind::Overloaded).retry_after(2))?;
    let mut response = answered.map_err(|_| Problem::new(Kind::Internal))??;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

struct Asked {
    order: OrderId,
    request: StartCheckout,
    fingerprint: Fingerprint,
    access: Access,
    client: std::net::IpAddr,
}

async fn start_or_find(app: &App, asked: Asked) -> Answer<Response> {
    if let Some(stored) = app.model.orders.look(asked.order).await? {
        return known_order(&asked, &stored, StatusCode::OK);
    }
    let first_look = match admit_or_answer(app, &asked).await? {
        ControlFlow::Continue(admitted) => admitted,
        ControlFlow::Break(answer) => return Ok(answer),
    };
    let (starting, (priced, admitted)) = if asked.client.is_loopback() {
        (None, first_look)
    } else {
        // Nothing is promised to an address that may hold no more: others could be kept from units
        // that nobody gets.
        drop(first_look);
        let starting = match limit_holds(app, &asked).await {
            Err(refused) if refused.kind == Kind::TooManyHolds => {
                return known_or_too_many(app, &asked, refused).await;
            }
            limited => limited?,
        };
        match admit_or_answer(app, &asked).await? {
            ControlFlow::Continue(admitted) => (Some(starting), admitted),
            ControlFlow::Break(answer) => return Ok(answer),
        }
    };
    let order = asked.order;
    let client_key = starting.as_ref().map(|starting| starting.client_key().to_owned());
    let answered = start(app, asked, priced, client_key).await;
    if outcome_is_open(&answered) {
        keep_until_written(app.clone(), order, (admitted, starting));
    }
    answered
}

/// Promises the units to the order, or answers what it is told instead.
async fn admit_or_answer(
    app: &App,
    asked: &Asked,
) -> Answer<ControlFlow<Response, (Priced, Admitted)>> {
    // Promised until the outcome is told: whoever comes meanwhile is not told that these can be had.
    let refused = match admit(app, asked) {
        Ok(admitted) => return Ok(ControlFlow::Continue(admitted)),
        Err(_) => second_look(app, asked).await?,
    };
    match refused {
        SecondLook::CanBeHad(admitted) => Ok(ControlFlow::Continue(admitted)),
        SecondLook::Written(stored) => {
            known_order(asked, &stored, StatusCode::OK).map(ControlFlow::Break)
        }
        SecondLook::AlreadyStarted(memo) => {
            follow(app, asked, memo, StatusCode::OK).await.map(ControlFlow::Break)
        }
        SecondLook::No(refusal) => {
            app.refusals.note(asked.order, &asked.request.lines, &refusal);
            Err(Problem::refused(&refusal))
        }
    }
}

/// An address that may hold no more is refused, but not an order of it that is known already: what
/// it holds is among what was counted.
async fn known_or_too_many(app: &App, asked: &Asked, refused: Problem) -> Answer<Response> {
    let Ok(_turn) = app.memo_turns.try_acquire() else { return Err(refused) };
    match app.temporal.begun(asked.order).await? {
        Some(begun) => follow(app, asked, begun.memo, StatusCode::OK).await,
        None => Err(refused),
    }
}

/// Whether the workflow may have been started, and nobody knows yet what came of it.
fn outcome_is_open(answered: &Answer<Response>) -> bool {
    match answered {
        Ok(response) => response.status() == StatusCode::ACCEPTED,
        Err(problem) => problem.kind == Kind::TemporalUnavailable,
    }
}

/// Keeps what an order was promised, and its place among those of its address, while its outcome is
/// open, for a while.
fn keep_until_written(app: App, order: OrderId, kept: (Admitted, Option<Starting>)) {
    tokio::spawn(async move {
        drop(wait_until(&app, order, OPEN_FOR, |_| true).await);
        drop(kept);
    });
}

/// Starts the order's workflow and answers what came of it.
async fn start(
    app: &App,
    asked: Asked,
    priced: Priced,
    client_key: Option<String>,
) -> Answer<Response> {
    if let Some(email) = asked.request.email.clone() {
        let (secret, fingerprint) = (&asked.access.secret, &asked.fingerprint);
        appends::keep_email(&app.model.pool, asked.order, secret, fingerprint, email).await?;
    }
    let memo = memo(&asked, priced.0, priced.1);
    let input = input(app, &asked, client_key);
    let summary = summary(&memo.lines, memo.total);
    let mut subscription = app.model.hub.subscribe(asked.order);
    match app.temporal.start_checkout(input, memo.clone(), summary).await? {
        Started::Now => {
            // Nothing is written yet, and its writing will not be missed.
            changed(&mut subscription, Instant::now() + OUTCOME_WITHIN).await;
            match subscription.written() {
                Some(held) => known_order(&asked, &held, StatusCode::CREATED),
                None => follow(app, &asked, memo, StatusCode::CREATED).await,
            }
        }
        Started::Before => match app.temporal.begun(asked.order).await? {
            Some(begun) => follow(app, &asked, begun.memo, StatusCode::OK).await,
            None => Err(Problem::new(Kind::TemporalUnavailable).retry_after(1)),
        },
    }
}

/// Answers for an order that is written.
fn known_order(asked: &Asked, stored: &StoredOrder, status: StatusCode) -> Answer<Response> {
    if !stored.secret_hash.matches(&asked.access.secret) {
        return Err(Problem::new(Kind::CheckoutNotFound));
    }
    if stored.fingerprint != asked.fingerprint {
        return Err(Problem::new(Kind::OrderIdReused));
    }
    match &stored.refusal {
        Some(refusal) => Err(Problem::refused(refusal)),
        None => Ok(answer(status, &stored.checkout)),
    }
}

/// Waits for a started order's outcome, as long as a shopper waits.
async fn follow(
    app: &App,
    asked: &Asked,
    memo: CheckoutMemo,
    status: StatusCode,
) -> Answer<Response> {
    if !memo.secret_hash.matches(&asked.access.secret) {
        return Err(Problem::new(Kind::CheckoutNotFound));
    }
    if memo.fingerprint != asked.fingerprint {
        return Err(Problem::new(Kind::OrderIdReused));
    }
    if let Some(stored) = wait_until(app, asked.order, OUTCOME_WITHIN, |_| true).await? {
        return known_order(asked, &stored, status);
    }
    // Looked at only now: it may have been ended while its outcome was waited for.
    if status == StatusCode::OK
        && app.temporal.begun(asked.order).await?.is_some_and(|begun| begun.by_force)
    {
        return start_again(app, asked, memo).await;
    }
    Ok(still_reserving(asked, &memo))
}

/// The order's workflow was ended from outside before anything was written, and nothing else would
/// ever come of the order. Should the ended one have a hold on its way all the same, the order is
/// that run's: this one leaves it alone, and reconciliation brings it to its end.
async fn start_again(app: &App, asked: &Asked, memo: CheckoutMemo) -> Answer<Response> {
    let client = asked.client;
    let client_key = (!client.is_loopback()).then(|| app.addresses.client_key(client));
    let input = input(app, asked, client_key);
    let summary = summary(&memo.lines, memo.total);
    app.temporal.start_checkout_again(input, memo.clone(), summary).await?;
    match wait_until(app, asked.order, OUTCOME_WITHIN, |_| true).await? {
        Some(stored) => known_order(asked, &stored, StatusCode::CREATED),
        None => Ok(still_reserving(asked, &memo)),
    }
}

fn still_reserving(asked: &Asked, memo: &CheckoutMemo) -> Response {
    let reserving = Json(unwritten_json(asked.order, memo, OrderState::Reserving));
    retry_after(no_store((StatusCode::ACCEPTED, reserving).into_response()), 1)
}

type Priced = (Vec<PricedLine>, Money);

/// Promises the lines to the order, if all of them can be had by the snapshot and nobody else was
/// promised them; answers what they cost.
fn admit(app: &App, asked: &Asked) -> Result<(Priced, Admitted), Refusal> {
    let stock = stock(app, asked);
    app.admission.admit(asked.order, &asked.request.lines, stock, |stock| price(asked, stock))
}

fn stock(app: &App, asked: &Asked) -> BTreeMap<Sku, StockLine> {
    app.model.catalogue.stock(asked.request.lines.as_slice().iter().map(|line| &line.sku))
}

fn price(asked: &Asked, stock: &mut BTreeMap<Sku, StockLine>) -> Result<Priced, Refusal> {
    let priced = allocate(&asked.request.lines, asked.request.expected_total, stock)?;
    let total = order::total(&priced).ok_or(Refusal::NoTotal)?;
    Ok((priced, total))
}

enum SecondLook {
    CanBeHad((Priced, Admitted)),
    Written(Box<StoredOrder>),
    AlreadyStarted(CheckoutMemo),
    No(Refusal),
}

/// The snapshot says no. It may lag, and the units may be held by this very order, whose row was
/// written since it was looked for, or is about to be: nobody is refused before all of it was looked
/// at. In a rush Temporal is asked for a few orders at a time only: of the others, a retry that
/// overtakes its own first request on another node may be refused, and finds its hold by asking
/// once more.
async fn second_look(app: &App, asked: &Asked) -> Answer<SecondLook> {
    let skus = asked.request.lines.as_slice().iter().map(|line| line.sku.clone());
    let model = &app.model;
    try_join_all(skus.map(|sku| model.products.look(sku))).await?;
    if price(asked, &mut stock(app, asked)).is_ok() {
        // They are there, and promised to others. Of an order that holds by now the units are
        // missing from the snapshot and promised as well, for a moment.
        tokio::time::sleep(PROMISES_SETTLE).await;
    }
    let refusal = match admit(app, asked) {
        Ok(admitted) => return Ok(SecondLook::CanBeHad(admitted)),
        Err(refusal) => refusal,
    };
    if let Some(stored) = model.orders.look(asked.order).await? {
        return Ok(SecondLook::Written(Box::new(stored)));
    }
    let Ok(_turn) = app.memo_turns.try_acquire() else {
        return Ok(SecondLook::No(refusal));
    };
    match app.temporal.begun(asked.order).await? {
        Some(begun) => Ok(SecondLook::AlreadyStarted(begun.memo)),
        None => Ok(SecondLook::No(refusal)),
    }
}

/// Refuses an address that has too many open holds, those counted that it is about to have; answers
/// the place of this one among them. Counted before the database is asked: of two at once at least
/// one sees the other.
async fn limit_holds(app: &App, asked: &Asked) -> Answer<Starting> {
    let starting = app.addresses.start(asked.client, asked.order);
    let (key, others) = (starting.client_key(), starting.others());
    let open = read_model::orders::open_holds_of(&app.model.pool, key, others).await?;
    let most = i64::from(app.holds_per_address);
    if open >= most {
        return Err(Problem::new(Kind::TooManyHolds).retry_after(30));
    }
    if open + i64::try_from(others.len()).unwrap_or(most) >= most {
        // Some of those may come to nothing.
        return Err(Problem::new(Kind::TooManyHolds).retry_after(2));
    }
    Ok(starting)
}

fn input(app: &App, asked: &Asked, client_key: Option<String>) -> CheckoutInput {
    CheckoutInput {
        order_id: asked.order,
        lines: asked.request.lines.clone(),
        expected_total: asked.request.expected_total,
        secret_hash: asked.access.secret.clone(),
        fingerprint: asked.fingerprint.clone(),
        hold_ttl_ms: milliseconds(app.hold_ttl),
        expiry_grace_ms: milliseconds(app.expiry_grace),
        client_key,
    }
}

fn memo(asked: &Asked, lines: Vec<PricedLine>, total: Money) -> CheckoutMemo {
    CheckoutMemo {
        secret_hash: asked.access.secret.clone(),
        fingerprint: asked.fingerprint.clone(),
        lines,
        total,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
