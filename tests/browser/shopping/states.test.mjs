// Every state that a page can be in is accessible, light and dark, and fits a narrow phone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, isAccessible } from "../accessible.mjs";
import { checkout, refunded, tell } from "../answers.mjs";
import { eventually, open, sandbox } from "../browser.mjs";
import { product, refund } from "../operator.mjs";
import { add, goToTheTill, isHeld, isPaid, pay } from "../shopper.mjs";

/** Opens a page on a narrow phone, light and dark, and looks at what `show` makes of it. */
async function look(what, show) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open({ colorScheme, viewport: { width: 320, height: 640 } });
    await show(page);
    await fits(page, what);
    await isAccessible(page, `${what}, ${colorScheme}`);
    assert.deepEqual(page.troubles, [], what);
    await page.context().close();
  }
}

const payment = (state, more) => ({
  payment: { state, attempts: 1, decline_code: null, next_action: null, ...more },
});

for (const [what, words, answer] of [
  ["holding", "Holding your items", checkout({ state: "reserving", version: 0, hold: null })],
  ["paying", "Your payment is on its way", checkout({ state: "paying", ...payment("processing") })],
  ["the bank", "Your bank wants to hear from you", checkout({
    state: "paying", ...payment("requires_action", { next_action: { redirect_url: `${sandbox}/3ds/pi_1` } }),
  })],
  ["declined", "The card has expired", checkout(payment("declined", { decline_code: "expired_card" }))],
  ["closing", "Closing the order", checkout({ state: "closing" })],
  ["expired", "The time is up", checkout({ state: "expired", hold: null })],
  ["cancelled", "Cancelled", checkout({ state: "cancelled", hold: null })],
  ["payment failed", "The payment could not be completed", checkout({ state: "payment_failed", hold: null })],
  ["too many holds", "too many open holds", { status: 429, type: "/problems/too-many-holds" }],
  ["a refusal", "has to be a number", {
    status: 422, type: "/problems/invalid-request", detail: "the quantity has to be a number",
  }],
]) {
  test(`the till is accessible in every state: ${what}`, async () => {
    const mug = await product();
    await look(what, async (page) => {
      await add(page, mug);
      await tell(page, answer);
      await page.goto("/checkout");
      await page.getByRole("main").getByText(words).first().waitFor();
      if (what === "declined") await isHeld(page);
    });
  });
}

test("the till is accessible while the connection is lost", async () => {
  const mug = await product();
  await look("no connection", async (page) => {
    await add(page, mug);
    await page.route("**/v1/checkouts/**", (route) => route.abort());
    await page.goto("/checkout");
    await page.getByText("The connection is slow or lost.").waitFor();
  });
});

test("the cart is accessible offline and while its stock can't be checked", async () => {
  const mug = await product();
  await look("a failing check", async (page) => {
    await add(page, mug);
    await page.route("**/v1/stock-check", (route) => route.abort());
    await page.goto("/cart");
    await page.getByText("The stock could not be checked just now").waitFor();
  });
  await look("offline", async (page) => {
    await add(page, mug);
    await page.goto("/cart");
    await page.context().setOffline(true);
    await page.getByText("You are offline.").waitFor();
  });
});

for (const [state, words, changes] of [
  ["reserving", "Asking for the stock", {}],
  ["paying", "on its way", payment("processing")],
  ["confirmed", "The goods are yours", payment("authorized")],
  ["paid", "Paid. Thank you", payment("captured")],
  ["closing", "being closed", {}],
  ["refused", "not everything could be had", {}],
  ["expired", "back on the shelf", {}],
  ["cancelled", "Nothing was charged", {}],
  ["payment_failed", "could not be completed", {}],
  ["partially_refunded", "part of it refunded", refunded(1_200)],
  ["refunded", "Refunded", refunded(2_400)],
  ["disputed", "disputed", {}],
]) {
  test(`an order's page is accessible in every state: ${state}`, async () => {
    await look(state, async (page) => {
      await tell(page, checkout({ state, hold: null, ...changes }));
      await page.goto(`/orders/${checkout().order_id}`);
      await page.getByRole("status").filter({ hasText: words }).first().waitFor();
    });
  });
}

test("an order of another browser is not shown, and the page says so", async () => {
  await look("not ours", async (page) => {
    await page.goto(`/orders/${crypto.randomUUID()}`);
    await page.getByText("This browser did not make the order").waitFor();
  });
});

test("what was refunded shows on the receipt", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await pay(page);
  await refund(await isPaid(page));
  await eventually("the refund shows", async () => {
    await page.reload();
    const receipt = page.getByRole("region", { name: "Receipt" });
    await receipt.waitFor();
    return (await receipt.innerText()).match(/Refunded\s+€12\.00/);
  });
});

test("what is not there has a page that says so, and programs are told in their own way", async () => {
  for (const path of ["/no-such-page", "/products/no-such-thing", "/orders/no-id"]) {
    await look(path, async (page) => {
      const answer = await page.goto(path);
      assert.equal(answer.status(), 404);
      await page.getByRole("heading", { name: "Not found" }).waitFor();
    });
  }
  const page = await open();
  for (const [path, accept] of [["/no-such-page", "*/*"], ["/v1/no-such-thing", "text/html"]]) {
    const answer = await page.request.get(path, { headers: { accept } });
    assert.equal(answer.status(), 404);
    assert.equal(answer.headers()["content-type"], "application/problem+json");
  }
});

test("the pages that explain problems are accessible", async () => {
  for (const path of ["/problems", "/problems/out-of-stock"]) {
    await look(path, (page) => page.goto(path));
  }
});

test("the pages of the payment sandbox are accessible", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await pay(page);
  await isPaid(page);
  await page.goto(sandbox);
  await page.getByRole("heading", { name: "Payment sandbox" }).waitFor();
  await isAccessible(page, "console");
  await page.goto(`${sandbox}/3ds/no-such-payment`);
  await isAccessible(page, "trouble");
});
