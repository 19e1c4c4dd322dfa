//! A virtual shopper: looks around by a schedule of their own, keeps a cart, goes to the till.

use std::sync::Arc;

use system_tests::Chance;
use tokio::time::{Instant, sleep_until};

use crate::{
    arrivals::Arrivals,
    goods::{Line, Which},
    mix::{Act, act, at_the_till, mean_pause_s},
    recorder::Kind,
    till::Visit,
    world::{Judged, Said, World},
};

/// Of those who look at a product, one in so many puts it into the cart.
const ADDS_ONE_IN: u64 = 8;
/// Of those who do, one in so many takes two.
const TAKES_TWO_ONE_IN: u64 = 4;
const MOST_LINES: usize = 4;

/// A shopper, small enough for a few hundred thousand of them.
pub struct Shopper {
    world: Arc<World>,
    number: u32,
    chance: Chance,
    arrivals: Arrivals,
    cart: Vec<Line>,
    /// The product that was looked at last.
    product: Which,
    orders: u32,
}

impl Shopper {
    /// The `number`th shopper, from `began` on.
    pub fn new(world: Arc<World>, number: u32, chance: &Chance, began: Instant) -> Self {
        let mut chance = chance.branch(u64::from(number));
        let arrivals = Arrivals::new(chance.branch(1), mean_pause_s(), began);
        let product = world.goods.pick(&mut chance);
        Self { world, number, chance, arrivals, cart: Vec::new(), product, orders: 0 }
    }

    /// Shops until `until`. An answer that takes long holds up the next act, but not the time that
    /// it was meant for.
    pub async fn shops_until(mut self, until: Instant) {
        loop {
            let due = self.arrivals.next();
            if due >= until {
                return;
            }
            sleep_until(due).await;
            // What waits for an answer is larger than a shopper who waits for the next act: it is
            // there only for as long.
            match act(&mut self.chance) {
                Act::ReadsTheList => Box::pin(self.reads_the_list(due)).await,
                Act::OpensAPage => Box::pin(self.opens_a_page(due)).await,
                Act::LooksAtAProduct => Box::pin(self.looks_at_a_product(due)).await,
                Act::ChecksTheCart => Box::pin(self.checks_the_cart(due)).await,
                Act::GoesToTheTill => self.goes_to_the_till(due),
            }
        }
    }

    async fn reads_the_list(&self, due: Instant) {
        let world = &self.world;
        let judge = |body: &[u8]| body.starts_with(b"{\"products\":[{");
        world
            .ask(Kind::List, due, &world.goods.list, |head, body| {
                right_if(head.status == 200 && judge(body), "no list of products")
            })
            .await;
    }

    async fn opens_a_page(&mut self, due: Instant) {
        self.product = self.world.goods.pick(&mut self.chance);
        let world = &self.world;
        let page = world.goods.page(self.product);
        world
            .ask(Kind::Page, due, page, |head, body| {
                right_if(head.status == 200 && !body.is_empty(), "no page")
            })
            .await;
        self.may_add();
    }

    async fn looks_at_a_product(&mut self, due: Instant) {
        let (world, product) = (&self.world, self.product);
        let judge = |body: &[u8]| world.goods.is_of(product, body);
        world
            .ask(Kind::Product, due, world.goods.json(product), |head, body| {
                right_if(head.status == 200 && judge(body), "not this product")
            })
            .await;
        self.may_add();
    }

    async fn checks_the_cart(&mut self, due: Instant) {
        if self.cart.is_empty() {
            self.add();
        }
        let (world, cart) = (&self.world, &self.cart);
        let request = world.goods.stock_check(cart);
        let said = world.ask(Kind::StockCheck, due, &request, |head, body| {
            match world.goods.follow(cart, body).filter(|_| head.status == 200) {
                Some(left) => Judged::Right(left),
                None => Judged::Wrong("not about this cart"),
            }
        });
        if let Said::This(left) = said.await {
            self.cart = left;
        }
    }

    /// In a tab of its own: the shopper goes on with their schedule.
    fn goes_to_the_till(&mut self, due: Instant) {
        if self.cart.is_empty() {
            self.add();
        }
        self.orders += 1;
        let label = format!("shopper {}, order {}", self.number, self.orders);
        let lines = self.world.goods.order_lines(&std::mem::take(&mut self.cart));
        let mut chance = self.chance.branch(u64::from(self.orders) << 32);
        let plan = at_the_till(&mut chance, self.world.hold_ttl);
        let visit = Visit::new(Arc::clone(&self.world), label, lines, chance);
        self.world.at_the_till.spawn(visit.goes_by(plan, due));
    }

    fn may_add(&mut self) {
        if self.chance.below(ADDS_ONE_IN) == 0 {
            self.add();
        }
    }

    /// Puts the product that was looked at into the cart, if it is not in there.
    fn add(&mut self) {
        let product = self.product;
        if self.cart.len() < MOST_LINES && self.cart.iter().all(|line| line.product != product) {
            let quantity = if self.chance.below(TAKES_TWO_ONE_IN) == 0 { 2 } else { 1 };
            self.cart.push(Line { product, quantity });
        }
    }
}

fn right_if(right: bool, else_it_is: &'static str) -> Judged<()> {
    if right { Judged::Right(()) } else { Judged::Wrong(else_it_is) }
}
