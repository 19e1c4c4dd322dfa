// What operators see, and do, in a real browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, isAccessible } from "../accessible.mjs";
import { eventually } from "../browser.mjs";
import { act, dashboard, openDashboard, order, token } from "../dashboard.mjs";
import { product, stock } from "../operator.mjs";

test("an operator signs in by typing, sees who they are, and signs out", async () => {
  const page = await openDashboard({ signedIn: false });
  await page.goto("/orders?state=paid");
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.match(await page.getByRole("alert").innerText(), /no token that is in force/);
  await isAccessible(page, "a refused sign-in");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Orders", level: 1 }).waitFor();
  assert.ok(page.url().endsWith("/orders?state=paid"), page.url());
  assert.match(await page.getByRole("banner").innerText(), /operator/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in", level: 1 }).waitFor();
  await page.goto("/stock");
  assert.match(page.url(), /\/sign-in\?next=%2Fstock$/);
});

test("a link with the token signs in and leaves no trace of it", async () => {
  const page = await openDashboard();
  assert.equal(page.url(), `${dashboard}/`);
  assert.ok(!(await page.evaluate(() => document.cookie)).includes("holdfast"), "out of scripts' reach");
  assert.deepEqual(page.troubles, []);
});

test("every page can be used by anybody, on a phone too, light and dark", async () => {
  const mug = await product({ units: 5 });
  const { id } = await order(mug, { card: "pm_card_visa" });
  const paths = ["/", "/orders", `/orders/${id}`, "/stock", `/stock/${mug.sku}`, "/webhooks",
    "/reconciliation", "/audit", "/health"];
  for (const colorScheme of ["light", "dark"]) {
    const page = await openDashboard({ colorScheme, viewport: { width: 320, height: 700 } });
    for (const path of paths) {
      await page.goto(path);
      await isAccessible(page, `${path} ${colorScheme}`);
      await fits(page, path);
    }
    await page.setViewportSize({ width: 1_400, height: 900 });
    await isAccessible(page, `${paths.at(-1)}, wide`);
    assert.deepEqual(page.troubles, []);
  }
});

test("everything can be read without a script", async () => {
  const mug = await product({ units: 5 });
  const { id } = await order(mug);
  const page = await openDashboard({ signedIn: false, javaScriptEnabled: false });
  await page.goto(`/orders/${id}`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  const text = await page.getByRole("main").innerText();
  for (const words of [id, "awaiting payment", "€12.00", mug.sku, "held"]) assert.ok(text.includes(words), words);
});

test("an order is found by the beginning of its id and by its product", async () => {
  const mug = await product({ units: 5 });
  const { id } = await order(mug);
  const page = await openDashboard();
  await page.goto("/orders");
  await page.getByLabel("Order or payment id").fill(id.slice(0, 8));
  await page.getByRole("button", { name: "Search" }).click();
  assert.ok(await page.getByRole("link", { name: id }).isVisible());
  await page.goto(`/orders?sku=${mug.sku}`);
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("heading", { name: id, level: 1 }).waitFor();
});

test("an order is called off with a reason, and the timeline says who did it", async () => {
  const mug = await product({ units: 5 });
  const { id, state } = await order(mug, { quantity: 2 });
  const page = await openDashboard();
  await page.goto(`/orders/${id}`);
  await act(page, "Cancel this order", { Reason: "the shopper called" });
  await eventually("the order is cancelled", async () => await state() === "cancelled");
  await page.reload();
  const told = await page.getByRole("main").innerText();
  assert.match(told, /operator did: cancel order/);
  assert.match(told, /the shopper called/);
  assert.equal((await stock(mug.sku)).held, 0);
  assert.deepEqual(page.troubles, []);
});

test("nothing is done when the question is answered with no", async () => {
  const mug = await product({ units: 5 });
  const { id, state } = await order(mug);
  const page = await openDashboard();
  await page.goto(`/orders/${id}`);
  await page.getByText("Cancel this order").click();
  await page.getByLabel("Reason").first().fill("a slip");
  await page.getByRole("button", { name: "Cancel the order" }).click();
  const dialog = page.getByRole("dialog");
  assert.match(await dialog.innerText(), new RegExp(id));
  await isAccessible(page, "the question");
  await dialog.getByRole("button", { name: "No" }).click();
  assert.equal(await dialog.count(), 0);
  assert.equal(await state(), "awaiting_payment");
});

test("part of a paid order's money is given back", async () => {
  const mug = await product({ units: 5 });
  const { id, state } = await order(mug, { quantity: 2, card: "pm_card_visa" });
  const page = await openDashboard();
  await page.goto(`/orders/${id}`);
  await act(page, "Refund", { "Amount in": "7.50", Reason: "one is chipped" });
  await eventually("part is back", async () => await state() === "partially_refunded");
  await page.reload();
  const told = await page.getByRole("main").innerText();
  assert.match(told, /€7\.50/);
  assert.match(told, /one is chipped/);
});

test("units are counted in, and show as a movement", async () => {
  const mug = await product({ units: 5 });
  const page = await openDashboard();
  await page.goto(`/stock/${mug.sku}`);
  await act(page, "Count units in or out", { "Units in": "-2", Reason: "two fell down" });
  assert.equal((await stock(mug.sku)).on_hand, 3);
  assert.match(await page.getByRole("main").innerText(), /operator: two fell down/);
  await page.getByText("Count units in or out").click();
  await page.getByLabel("Units in").fill("-99");
  await page.getByLabel("Reason").fill("too many");
  await page.getByRole("button", { name: "Change the stock" }).click();
  await page.getByRole("button", { name: "Yes, do it" }).click();
  const said = page.locator("[data-part=said].gone");
  await said.waitFor();
  assert.match(await said.innerText(), /Fewer units would be left/);
});

test("a webhook is replayed and a reconciliation run", async () => {
  const mug = await product({ units: 5 });
  await order(mug, { card: "pm_card_visa" });
  const page = await openDashboard();
  await eventually("the webhook is there", async () => {
    await page.goto("/webhooks");
    return await page.getByText("Replay").count() > 0;
  });
  await act(page, "Replay", { Reason: "to be sure" });
  await page.goto("/audit?kind=replay_webhook");
  assert.match(await page.getByRole("main").innerText(), /to be sure/);
  await page.goto("/reconciliation");
  await page.getByRole("button", { name: "Run now" }).click();
  const loaded = page.waitForEvent("load");
  await page.getByRole("button", { name: "Yes, do it" }).click();
  await loaded;
  assert.match(await page.getByRole("main").innerText(), /Asked for by\s+operator/);
});

test("the overview's figures follow the shop without a reload", async () => {
  const mug = await product({ units: 5 });
  const page = await openDashboard();
  const waiting = page.locator('[data-figure="open.awaiting_payment"]');
  const before = Number(await waiting.innerText());
  await order(mug);
  await eventually("the count goes up", async () => Number(await waiting.innerText()) > before);
  await page.goto("/health");
  assert.match(await page.getByRole("main").innerText(), /Workers\s+yes/);
});
