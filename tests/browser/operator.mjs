// The shop's operators and its payment provider, for tests that need something to happen there.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { sandbox, shop } from "./browser.mjs";

const operator = process.env.OPERATOR_URL ?? assert.fail("OPERATOR_URL: run `cargo xtask test`");
const token = process.env.OPERATOR_TOKEN ?? assert.fail("OPERATOR_TOKEN: run `cargo xtask test`");

async function send(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(operator + path, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

/** A product that nobody else buys, with so many units. */
export async function product({ units = 20, price = 1_200, name = "Test mug" } = {}) {
  const sku = `b-${randomUUID().slice(0, 8)}`;
  const made = { sku, name: `${name} ${sku.slice(-3)}` };
  await setPrice(made, price);
  if (units > 0) await stockUp(made, units);
  return made;
}

/** Changes what a product costs. */
export async function setPrice({ sku, name }, amount) {
  await send("PUT", `/v1/products/${sku}`, {
    name, description: "Made for a test.", image_url: "/images/mug-black.svg",
    price: { amount, currency: "EUR" },
  });
  await shown(sku, (product) => product.price.amount === amount);
}

/** Counts units in, or out. */
export async function stockUp({ sku }, units) {
  const before = await stock(sku);
  await send("PATCH", `/v1/stock/${sku}`, {
    adjustment_id: randomUUID(), on_hand_delta: units, reason: "a browser test",
  });
  const left = Math.min(10, before.available + units);
  await shown(sku, (product) => product.available === left);
}

/** Gives back all that was paid for an order. */
export async function refund(order) {
  await send("POST", `/v1/orders/${order}/refunds`, { refund_id: randomUUID(), reason: "a browser test" });
}

/** Nobody else can have a unit any more. */
export async function sellOut(product) {
  const { available } = await stock(product.sku);
  if (available > 0) await stockUp(product, -available);
}

/** `{on_hand, available, held, sold}` */
export async function stock(sku) {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${operator}/v1/stock/${sku}`, { headers })).json();
}

async function shown(sku, isSo) {
  for (let tried = 0; tried < 100; tried += 1) {
    const answer = await fetch(`${shop}/v1/products/${sku}`);
    if (answer.ok && isSo(await answer.json())) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`the shop does not show what became of ${sku}`);
}

/** The provider's payments of an order. */
export async function payments(order) {
  const ledger = await (await fetch(`${sandbox}/sandbox/ledger`)).json();
  return ledger.intents.filter((intent) => intent.order_id === order);
}
