// The operators' dashboard, in a browser whose owner is signed in.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { eventually, openIn, newBrowser, shop } from "./browser.mjs";

export const dashboard = process.env.OPERATOR_URL ?? assert.fail("OPERATOR_URL: run `cargo xtask test`");
export const token = process.env.OPERATOR_TOKEN ?? assert.fail("OPERATOR_TOKEN: run `cargo xtask test`");

/** A page of the dashboard; signed in with the link that carries the token, unless told otherwise. */
export async function openDashboard({ signedIn = true, ...options } = {}) {
  const page = await openIn(await newBrowser({ baseURL: dashboard, ...options }));
  if (signedIn) {
    await page.goto(`/#token=${token}`);
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  }
  return page;
}

/** An order that holds `quantity` units; paid when told so. Answers its id. */
export async function order(product, { quantity = 1, card = null } = {}) {
  const [id, secret] = [randomUUID(), randomUUID()];
  const url = `${shop}/v1/checkouts/${id}`;
  const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
  const send = (method, address, body) => fetch(address, { method, headers, body: JSON.stringify(body) });
  const state = async () => (await (await fetch(url, { headers })).json()).state;
  await send("PUT", url, { lines: [{ sku: product.sku, quantity }] });
  await eventually("the order holds", async () => await state() === "awaiting_payment");
  if (card) {
    await send("POST", `${url}/payment`, { attempt_id: randomUUID(), payment_method: card });
    await eventually("the order is paid", async () => await state() === "paid");
  }
  return { id, state };
}

/** Fills a form that has a reason, sends it, and says yes. */
export async function act(page, summary, fields = {}) {
  const details = page.locator("details", { has: page.locator("summary", { hasText: summary }) }).first();
  await details.locator("summary").click();
  for (const [label, value] of Object.entries(fields)) await details.getByLabel(label).fill(value);
  const loaded = page.waitForEvent("load");
  await details.locator("form button").first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Yes, do it" }).click();
  await loaded;
}
