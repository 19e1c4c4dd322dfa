// Slow, failing and lost requests, and reloads at every step: the order stays one order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkout } from "../answers.mjs";
import { eventually, open } from "../browser.mjs";
import { payments, product, stock } from "../operator.mjs";
import { add, enterCard, goToTheTill, isHeld, isPaid, keptOrder, pay, payButton } from "../shopper.mjs";

const isCheckout = (url) => /\/v1\/checkouts\/[^/]+$/.test(url.pathname);
const isPayment = (url) => url.pathname.endsWith("/payment");
const isEvents = (url) => url.pathname.endsWith("/events");

/** Lets requests have their effect and loses the answers, so many times. */
async function loseAnswers(page, matches, method, times) {
  let lost = 0;
  await page.route(matches, async (route) => {
    if (route.request().method() !== method || lost >= times) return route.fallback();
    lost += 1;
    await route.fetch().catch(() => {});
    return route.abort();
  });
  return () => lost;
}

test("id and secret are kept before the first request is sent", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  let sent;
  await page.route(isCheckout, (route) => {
    const request = route.request();
    sent ??= { url: request.url(), authorization: request.headers().authorization };
  });
  await page.goto("/checkout");
  await eventually("the request is sent", () => sent);
  const kept = await keptOrder(page);
  assert.ok(sent.url.endsWith(kept.order_id));
  assert.equal(sent.authorization, `Bearer ${kept.secret}`);
  assert.ok(kept.secret.length >= 22);
});

test("a reload while the hold is being asked for finds the same order", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  const lost = await loseAnswers(page, isCheckout, "PUT", 1);
  await page.goto("/checkout");
  await eventually("the first answer is lost", () => lost() === 1);
  const { order_id: id } = await keptOrder(page);
  await page.reload();
  await isHeld(page);
  assert.equal((await keptOrder(page)).order_id, id);
  assert.equal((await stock(mug.sku)).held, 1);
});

test("lost answers to the hold are asked for again, and hold once", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await loseAnswers(page, isCheckout, "PUT", 2);
  await page.goto("/checkout");
  await page.getByText("The connection is slow or lost.").waitFor();
  await isHeld(page);
  assert.equal((await stock(mug.sku)).held, 1);
  await page.getByText("The connection is slow or lost.").waitFor({ state: "hidden" });
});

test("lost answers to a payment are asked for again, and charge once", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  const { order_id: id } = await keptOrder(page);
  await loseAnswers(page, isPayment, "POST", 2);
  await pay(page);
  await isPaid(page);
  assert.deepEqual((await payments(id)).map((payment) => payment.captured), [1_200]);
});

test("a reload after pay was pressed and before the shop heard of it pays once", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  const { order_id: id } = await keptOrder(page);
  // The request never leaves.
  await page.route(isPayment, () => {});
  await pay(page);
  await eventually("the attempt is kept", async () => (await keptOrder(page)).attempt);
  await page.unroute(isPayment);
  await page.reload();
  await isPaid(page);
  assert.deepEqual((await payments(id)).map((payment) => payment.captured), [1_200]);
});

test("a reload while the payment is on its way finds the receipt", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await enterCard(page, "4242424242424242");
  const taken = page.waitForResponse((answer) => isPayment(new URL(answer.url())));
  await payButton(page).click();
  await taken;
  await page.reload().catch(() => {});
  await isPaid(page);
});

test("without an event stream the status is asked for", async () => {
  const mug = await product();
  for (const breaks of [(route) => route.fulfill({ status: 503 }), () => {}]) {
    const page = await open();
    await page.route(isEvents, breaks);
    await add(page, mug);
    await goToTheTill(page);
    await pay(page);
    await isPaid(page);
  }
});

test("a shop that answers 'come back later' is asked later", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  let refused = 0;
  await page.route(isCheckout, (route) => {
    refused += 1;
    const problem = { type: "/problems/overloaded", status: 503 };
    return refused > 2 ? route.fallback() : route.fulfill({
      status: 503, json: problem, headers: { "retry-after": "1" },
    });
  });
  await page.goto("/checkout");
  await isHeld(page);
});

test("when the provider's script does not come, the goods stay held and it can be tried again", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  let refused = 0;
  await page.route((url) => url.pathname === "/v3/", (route) => {
    refused += 1;
    return refused > 1 ? route.continue() : route.abort();
  });
  await page.goto("/checkout");
  await page.getByText("The card form can't be loaded just now.").waitFor();
  await page.getByRole("button", { name: "Load the card form again" }).click();
  await isHeld(page);
  await pay(page);
  await isPaid(page);
});

test("with storage full an order can still be paid", async () => {
  const mug = await product();
  const page = await open();
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
  });
  await add(page, mug);
  await page.goto("/cart");
  await page.getByRole("link", { name: "Checkout" }).click();
  await page.getByText("This browser can't keep your order").waitFor();
  await isHeld(page);
  await pay(page);
  await isPaid(page);
});

test("a hold that is refused after the page was told to wait is explained", async () => {
  const [mug, pot] = [await product(), await product()];
  const page = await open();
  await add(page, mug);
  await add(page, pot);
  let asked = 0;
  await page.route(isEvents, (route) => route.fulfill({ status: 503 }));
  await page.route(isCheckout, (route) => {
    if (route.request().method() === "GET") return route.fulfill({ json: checkout({ state: "refused", hold: null }) });
    asked += 1;
    if (asked === 1) return route.fulfill({ status: 202, json: checkout({ state: "reserving", version: 0, hold: null }) });
    if (asked > 2) return route.continue();
    const lines = [
      { sku: mug.sku, requested: 1, available: 0, unit_price: null, status: "out_of_stock" },
      { sku: pot.sku, requested: 1, available: 1, unit_price: null, status: "ok" },
    ];
    return route.fulfill({ status: 409, json: { type: "/problems/out-of-stock", status: 409, lines } });
  });
  await page.goto("/checkout");
  await page.getByText(`${mug.name}: sorry, out of stock.`).first().waitFor();
  await page.unroute(isEvents);
  await page.unroute(isCheckout);
  await page.getByRole("button", { name: "Go on with the rest" }).click();
  await isHeld(page);
});
