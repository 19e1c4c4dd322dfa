// What becomes of a hold that nobody pays. The shop under test holds for a few seconds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isAccessible } from "../accessible.mjs";
import { eventually, open, shop } from "../browser.mjs";
import { product, stock } from "../operator.mjs";
import { add, goToTheTill, isHeld, isPaid, keptCart, keptOrder, pay } from "../shopper.mjs";

const isUp = (page) => page.getByRole("heading", { name: "The time is up" }).waitFor({ timeout: 40_000 });

test("a hold that ends is explained, the cart is intact, and one tap holds again", async () => {
  const mug = await product({ units: 2 });
  const page = await open();
  await add(page, mug, 2);
  await goToTheTill(page);
  const { order_id: before } = await keptOrder(page);
  await isUp(page);
  await page.getByRole("status").filter({ hasText: "The time is up" }).waitFor();
  assert.deepEqual(await keptCart(page), { [mug.sku]: 2 });
  assert.equal((await stock(mug.sku)).held, 0);
  await isAccessible(page, "expired");
  await page.getByRole("button", { name: "Hold them again" }).click();
  await isHeld(page);
  assert.notEqual((await keptOrder(page)).order_id, before);
  await pay(page);
  await isPaid(page);
});

test("a hold that ended while the page was closed leaves the cart, and the till holds anew", async () => {
  const mug = await product({ units: 1 });
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await page.goto("about:blank");
  const available = async () => (await (await fetch(`${shop}/v1/products/${mug.sku}`)).json()).available;
  await eventually("it is held", async () => await available() === 0);
  await eventually("the hold ends", async () => await available() === 1, 60_000);
  await page.goto("/cart");
  assert.deepEqual(await keptCart(page), { [mug.sku]: 1 });
  await page.getByRole("link", { name: "Checkout" }).click();
  await Promise.race([isHeld(page), isUp(page)]);
  const again = page.getByRole("button", { name: "Hold them again" });
  if (await again.isVisible()) await again.click();
  await isHeld(page);
  await pay(page);
  await isPaid(page);
});
