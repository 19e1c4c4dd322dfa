// The cart is never lost: whatever becomes of the page, the tab or the storage.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, newBrowser, open, openIn } from "../browser.mjs";
import { product } from "../operator.mjs";
import { add, keptCart } from "../shopper.mjs";

const lines = (page) => page.getByRole("list", { name: "In your cart" });
const KEY = "holdfast.cart";

test("the cart is there after reload, back, forward and a crash", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug, 2);
  await page.goto("/cart");
  await page.reload();
  await lines(page).getByText(mug.name).waitFor();
  await page.goto("/");
  await page.goBack();
  await lines(page).getByText(mug.name).waitFor();
  await page.goForward();
  assert.match(await page.getByRole("link", { name: /^Cart/ }).innerText(), /2/);
  await page.goto("chrome://crash").catch(() => {});
  const again = await openIn(page.context());
  await again.goto("/cart");
  await lines(again).getByText(mug.name).waitFor();
});

test("two tabs share one cart, live", async () => {
  const [mug, pot] = [await product(), await product()];
  const context = await newBrowser();
  const [one, other] = [await openIn(context), await openIn(context)];
  await add(one, mug);
  await other.goto("/cart");
  await add(one, pot);
  await lines(other).getByText(pot.name).waitFor();
  await other.getByRole("button", { name: `Remove ${mug.name}` }).click();
  await eventually("the other tab counts one", async () =>
    /1/.test(await one.getByRole("link", { name: /^Cart/ }).innerText()));
  assert.deepEqual(await keptCart(one), { [pot.sku]: 1 });
});

test("what two tabs did without knowing of each other is merged", async () => {
  const [mug, pot, tee] = [await product(), await product(), await product()];
  const context = await newBrowser();
  const [one, other] = [await openIn(context), await openIn(context)];
  await add(one, mug);
  // The other tab knew of no tee, and an older word about the mug, when it wrote.
  await add(one, tee);
  await other.goto(`/products/${pot.sku}`);
  await other.evaluate(([key, pot, mug]) => {
    const line = (name, quantity, changed) => ({
      place: "cart", quantity, changed, added: changed, name, image: "",
      price: { amount: 1_200, currency: "EUR" },
    });
    const lines = { [pot.sku]: line(pot.name, 3, Date.now()), [mug.sku]: line(mug.name, 9, 1) };
    localStorage.setItem(key, JSON.stringify({ version: 2, lines }));
  }, [KEY, pot, mug]);
  await eventually("all of it is kept, and the later word", async () => {
    const kept = await keptCart(other);
    return kept[mug.sku] === 1 && kept[pot.sku] === 3 && kept[tee.sku] === 1;
  });
});

test("a cart in the shape of before is read", async () => {
  const mug = await product();
  const page = await open();
  await page.goto("/");
  await page.evaluate(([key, sku]) => {
    localStorage.setItem(key, JSON.stringify({ version: 1, lines: [{ sku, quantity: 3 }] }));
  }, [KEY, mug.sku]);
  await page.goto("/cart");
  await lines(page).getByText(mug.name).waitFor();
  assert.deepEqual(await keptCart(page), { [mug.sku]: 3 });
});

for (const [what, text] of [
  ["no JSON", "{{{"], ["another shape", '{"version":2,"lines":[1,2]}'], ["a version of nothing", "{}"],
  ["a bad line among good ones", '{"version":2,"lines":{"x":{"place":"cart","quantity":-1}}}'],
  ["null", "null"],
]) {
  test(`a stored cart that is ${what} breaks nothing`, async () => {
    const mug = await product();
    const page = await open();
    await page.goto("/");
    await page.evaluate(([key, text]) => localStorage.setItem(key, text), [KEY, text]);
    await add(page, mug);
    await page.goto("/cart");
    await lines(page).getByText(mug.name).waitFor();
    assert.deepEqual(await keptCart(page), { [mug.sku]: 1 });
    assert.deepEqual(page.troubles, []);
  });
}

test("a cart that a newer release has written is left as it is", async () => {
  const mug = await product();
  const page = await open();
  await page.goto("/");
  const newer = JSON.stringify({ version: 99, things: [mug.sku] });
  await page.evaluate(([key, text]) => localStorage.setItem(key, text), [KEY, newer]);
  await add(page, mug);
  assert.equal(await page.evaluate((key) => localStorage.getItem(key), KEY), newer);
});

const storages = {
  full: () => {
    const full = () => { throw new DOMException("full", "QuotaExceededError"); };
    Storage.prototype.setItem = full;
  },
  "switched off": () => {
    for (const name of ["localStorage", "sessionStorage"]) {
      const off = () => { throw new DOMException("off", "SecurityError"); };
      Object.defineProperty(window, name, { get: off });
    }
  },
};
for (const [how, breakStorage] of Object.entries(storages)) {
  test(`with storage ${how} the cart lasts as long as the tab, and a note says so`, async () => {
    const mug = await product();
    const page = await open();
    await page.addInitScript(breakStorage);
    await add(page, mug, 2);
    await page.goto("/cart");
    await lines(page).getByText(mug.name).waitFor();
    await page.reload();
    await lines(page).getByText(mug.name).waitFor();
    await page.getByText("This browser can't keep your cart").waitFor();
    assert.deepEqual(page.troubles, []);
  });
}
