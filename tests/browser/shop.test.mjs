import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch, open, shop } from "./browser.mjs";

const sku = process.env.SHOP_SKU;
let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test("the shop's page lists products with price and availability", async () => {
  const page = await open(browser);
  await page.goto(shop);
  const item = page.locator("li", { hasText: sku });
  await item.waitFor();
  assert.match(await item.innerText(), /12\.00 EUR/);
  assert.match(await item.innerText(), /In stock|few left/);
  assert.deepEqual(page.troubles, []);
});

test("the page fits a narrow phone", async () => {
  const page = await open(browser, { viewport: { width: 320, height: 640 } });
  await page.goto(shop);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(overflow <= 0, `scrolls ${overflow} px sideways`);
});

test("the API's docs render without the internet", async () => {
  const page = await open(browser);
  await page.goto(`${shop}/docs/`);
  await page.getByText("/v1/checkouts/{order_id}", { exact: false }).first().waitFor();
  assert.deepEqual(page.troubles, []);
});

test("a problem's type is a page that explains it", async () => {
  const page = await open(browser);
  await page.goto(`${shop}/problems/out-of-stock`);
  await page.getByRole("heading", { name: "Not everything can be had" }).waitFor();
});

test("a shopper approves with the bank, comes back, and sees the order paid", async () => {
  const page = await open(browser, { origins: [new URL(shop).origin, process.env.SANDBOX_URL] });
  await page.goto(shop);
  const order = randomUUID();
  const action = await page.evaluate(requireApproval, { order, sku });
  await page.goto(action);
  await page.getByRole("button", { name: "Approve" }).click();
  await page.waitForURL(`${shop}/orders/${order}**`);
  await page.getByText("Paid. Thank you.").waitFor();
  await page.reload();
  await page.getByText("Paid. Thank you.").waitFor();
});

/** Runs in the page: holds a unit, pays with a card that wants approval; answers where to go. */
async function requireApproval({ order, sku }) {
  const secret = crypto.randomUUID().replaceAll("-", "");
  const url = `/v1/checkouts/${order}`;
  const send = async (method, path, body) => {
    const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
    const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    return answer.json();
  };
  await send("PUT", "", { lines: [{ sku, quantity: 1 }] });
  const attempt = { attempt_id: crypto.randomUUID(), payment_method: "pm_card_authenticationRequired" };
  let checkout = await send("POST", "/payment", attempt);
  while (!checkout.payment.next_action) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    checkout = await send("GET", "");
  }
  return checkout.payment.next_action.redirect_url;
}
