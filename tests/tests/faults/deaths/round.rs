//! One death with an order at every point: all come close, then each goes to its point and waits
//! there, then the victims are killed and brought back, and everybody arrives.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use system_tests::{Operator, Shop, Shopper, Stop, assert_invariants, within};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{
    journey::{Errand, Journey, Traveller},
    scene::{Scene, Victim},
};
use crate::faults::{buying, temporal::Temporal};

/// How long all of them may take to come close, on a machine that does other things as well.
const CLOSE_WITHIN: Duration = Duration::from_mins(3);
/// How long one may take from there to its point.
const THERE_WITHIN: Duration = Duration::from_mins(1);
/// How long all of them may take to their ends once the dead are back.
const ENDS_WITHIN: Duration = Duration::from_mins(3);
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// Units that there are of the product that most of them buy.
const UNITS: i64 = 200;
/// How many move at the same time: each asks again and again how far it has come.
const MOVING: usize = 5;

/// Whose turn it is, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// To come close.
    Nobody,
    /// Of those whose hold has to end first, which takes its time.
    HoldsThatEnd,
    Most,
    /// Of those who keep others waiting when they wait.
    Last,
    /// The dead are back.
    Everybody,
}

impl Turn {
    fn of(errand: &Errand) -> Self {
        let holds_up_others = ["transaction.", "inbox."];
        if holds_up_others.iter().any(|who| errand.point.starts_with(who)) {
            return Self::Last;
        }
        match errand.journey {
            Journey::Expired | Journey::ExpiredUnapproved => Self::HoldsThatEnd,
            _ => Self::Most,
        }
    }
}

/// What those of a round share.
struct Shared {
    shop: Arc<Shop>,
    operator: Operator,
    temporal: Temporal,
    turn: watch::Sender<Turn>,
    close: watch::Sender<usize>,
    /// The order of each errand.
    orders: Mutex<Vec<Uuid>>,
    /// Each with the number of the errand that it is for.
    stops: Mutex<Vec<(usize, Stop)>>,
    moving: Semaphore,
}

impl Shared {
    fn is_reached(&self, number: usize) -> bool {
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.iter().any(|(of, stop)| *of == number && stop.is_reached())
    }

    /// Waits until somebody waits there.
    async fn reached(&self, number: usize) {
        while !self.is_reached(number) {
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn turn(&self, turn: Turn) {
        drop(self.turn.subscribe().wait_for(|now| *now >= turn).await);
    }

    async fn travel(self: Arc<Self>, number: usize, errand: Errand, shopper: Shopper, sku: String) {
        let traveller = Traveller {
            shop: &self.shop,
            operator: &self.operator,
            temporal: &self.temporal,
            errand: &errand,
            shopper: &shopper,
            sku: &sku,
        };
        let one_of_few = self.moving.acquire().await.unwrap();
        traveller.prepare().await;
        drop(one_of_few);
        self.close.send_modify(|close| *close += 1);
        self.turn(Turn::of(&errand)).await;
        let one_of_few = self.moving.acquire().await.unwrap();
        let come = traveller.come(|whom| {
            let stop = self.shop.stop_at(&errand.point, whom);
            self.stops.lock().unwrap_or_else(PoisonError::into_inner).push((number, stop));
        });
        // The next one may go as soon as this one waits, which is not the end of its request.
        tokio::join!(come, async {
            tokio::select! {
                () = self.reached(number) => {}
                () = self.turn(Turn::Everybody) => {}
            }
            drop(one_of_few);
        });
        self.turn(Turn::Everybody).await;
        let _one_of_few = self.moving.acquire().await.unwrap();
        traveller.arrives().await;
    }
}

/// Errands that meet one death.
pub struct Round<'a> {
    scene: &'a Scene,
    errands: Vec<Errand>,
}

impl<'a> Round<'a> {
    pub const fn of(scene: &'a Scene, errands: Vec<Errand>) -> Self {
        Self { scene, errands }
    }

    /// The victims die at once, with somebody at each point.
    pub async fn survives(&self, victims: &[Victim]) {
        let shop = &self.scene.shop;
        let shared = Arc::new(Shared {
            shop: Arc::clone(shop),
            operator: shop.operator(),
            temporal: Temporal::of(shop).await,
            turn: watch::Sender::new(Turn::Nobody),
            close: watch::Sender::new(0),
            orders: Mutex::default(),
            stops: Mutex::default(),
            moving: Semaphore::new(MOVING),
        });
        let sku = buying::product(shop, UNITS).await;
        let mut travellers = JoinSet::new();
        for (number, errand) in self.errands.iter().cloned().enumerate() {
            let shopper = shop.shopper();
            shared.orders.lock().unwrap_or_else(PoisonError::into_inner).push(shopper.order_id);
            // Who waits with the stock locked has others wait for it, and its own is nobody else's.
            let alone = errand.point.starts_with("transaction.");
            let sku = if alone { buying::product(shop, 1).await } else { sku.clone() };
            travellers.spawn(Arc::clone(&shared).travel(number, errand, shopper, sku));
        }

        self.everybody_comes_to_their_point(&shared).await;
        self.scene.kill(victims);
        if !victims.iter().any(|victim| victim.is_ours()) {
            // Whoever waits lives, and goes on without what it stands on.
            for (_, stop) in &*shared.stops.lock().unwrap_or_else(PoisonError::into_inner) {
                stop.let_go();
            }
        }
        self.scene.bring_back(victims).await;
        self.every_order_has_ended(&shared).await;
        shared.turn.send_replace(Turn::Everybody);

        while let Some(arrived) = travellers.join_next().await {
            arrived.expect("everybody arrives");
        }
        println!("{victims:?} killed with an order at each of {} points", self.errands.len());
        self.units_are_where_they_belong(&sku).await;
        buying::every_webhook_has_an_outcome(shop).await;
        assert_invariants(shop).await;
    }

    async fn everybody_comes_to_their_point(&self, shared: &Shared) {
        let mut close = shared.close.subscribe();
        let all = self.errands.len();
        let all_close = close.wait_for(|close| *close == all);
        drop(within("everybody comes close", CLOSE_WITHIN, all_close).await);
        for turn in [Turn::HoldsThatEnd, Turn::Most, Turn::Last] {
            shared.turn.send_replace(turn);
            let numbered = self.errands.iter().enumerate();
            let moving: Vec<_> = numbered.filter(|(_, errand)| Turn::of(errand) <= turn).collect();
            let missing = || {
                let missing = moving.iter().filter(|(number, _)| !shared.is_reached(*number));
                missing.map(|(_, errand)| *errand).collect::<Vec<_>>()
            };
            // Of holds that end together the first is enough: the others come while most move.
            let enough =
                if turn == Turn::HoldsThatEnd { 1.min(moving.len()) } else { moving.len() };
            let deadline = Instant::now() + THERE_WITHIN;
            while moving.len() - missing().len() < enough {
                assert!(Instant::now() < deadline, "nobody has come for {:?}", missing());
                sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Waits until all have ended, without asking the shop for each of them again and again.
    async fn every_order_has_ended(&self, shared: &Shared) {
        let orders = shared.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let database = self.scene.shop.database().await;
        let deadline = Instant::now() + ENDS_WITHIN;
        loop {
            let query = "select order_id from orders where order_id = any($1) and state in
                ('paid', 'refunded', 'disputed', 'expired', 'cancelled', 'payment_failed')";
            let query = sqlx::query_scalar::<_, Uuid>(query).bind(&orders);
            let ended: HashSet<_> = query.fetch_all(&database).await.unwrap().into_iter().collect();
            let numbered = self.errands.iter().zip(&orders);
            let open = numbered.filter(|(errand, order)| {
                errand.journey != Journey::Counted && !ended.contains(*order)
            });
            let open: Vec<_> = open.collect();
            if open.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "these have not ended: {open:?}");
            sleep(Duration::from_millis(250)).await;
        }
    }

    async fn units_are_where_they_belong(&self, sku: &str) {
        let shared = self.errands.iter().filter(|it| !it.point.starts_with("transaction."));
        let units = shared.map(|errand| Traveller::units(errand.journey));
        let (sold, counted) = units.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let stock = self.scene.shop.operator().stock(sku).await;
        assert_eq!(stock, (UNITS + counted - sold, 0, sold), "(available, held, sold)");
    }
}
