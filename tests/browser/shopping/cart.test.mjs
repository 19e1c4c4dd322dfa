// The cart: it changes at once, and is checked afterwards.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, isAccessible } from "../accessible.mjs";
import { eventually, open } from "../browser.mjs";
import { product, sellOut, setPrice, stockUp } from "../operator.mjs";
import { add, keptCart } from "../shopper.mjs";

const count = (page) => page.getByRole("link", { name: /^Cart/ }).innerText();
/** Looks at nothing of the shop's, so that no check of its stock is under way. */
const leave = (page) => page.goto("about:blank");
const inCart = (page) => page.getByRole("list", { name: "In your cart" });

test("adding paints at once while every request hangs", async () => {
  const mug = await product();
  const page = await open();
  await page.goto(`/products/${mug.sku}`);
  // Everything from here on is never answered.
  await page.route("**/*", () => {});
  const button = page.getByRole("button", { name: "Add to cart" });
  const took = [];
  for (let units = 1; units <= 20; units += 1) {
    took.push(await button.evaluate((button, wanted) => new Promise((resolve) => {
      const began = performance.now();
      button.click();
      // The frame that shows it has been painted when a task runs after it.
      requestAnimationFrame(() => setTimeout(() => {
        const shown = document.querySelector("cart-link .count").textContent;
        resolve(shown === String(wanted) ? performance.now() - began : Infinity);
      }));
    }), units));
  }
  took.sort((a, b) => a - b);
  const p95 = took[18];
  console.log(`add to cart to paint, all requests hanging: p95 ${p95.toFixed(1)} ms (goal < 50 ms)`);
  // The goal is held by `cargo xtask bench`; here others may use the machine, too.
  assert.ok(p95 < 400, `${p95} ms`);
});

test("a click before any script is there is not lost", async () => {
  const mug = await product();
  const page = await open();
  // The script of the product's page never comes; the cart's page is as always.
  await page.route("**/shop.js", (route) =>
    (page.url().includes("/products/") ? route.abort() : route.continue()));
  await page.goto(`/products/${mug.sku}`);
  await page.getByLabel("Quantity").fill("2");
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.waitForURL("**/cart");
  await inCart(page).getByText(mug.name).waitFor();
  assert.deepEqual(await keptCart(page), { [mug.sku]: 2 });
});

test("quantities, totals and removal show at once and are announced", async () => {
  const [mug, pot] = [await product(), await product({ price: 950 })];
  const page = await open();
  await add(page, mug);
  await add(page, pot, 2);
  await page.goto("/cart");
  await page.getByText("€31.00").waitFor();
  await page.getByRole("button", { name: `One ${mug.name} more` }).click();
  await page.getByText("€43.00").waitFor();
  await page.getByLabel(`Quantity of ${pot.name}`).fill("1");
  await page.keyboard.press("Tab");
  await page.getByText("€33.50").waitFor();
  await page.getByRole("button", { name: `Remove ${mug.name}` }).click();
  await page.getByRole("status").filter({ hasText: `${mug.name} is removed.` }).waitFor();
  assert.match(await count(page), /1/);
  assert.deepEqual(await keptCart(page), { [pot.sku]: 1 });
});

test("a quantity that is being typed outlives what is heard of the stock", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug, 2);
  await page.goto("/cart");
  const quantity = page.getByLabel(`Quantity of ${mug.name}`);
  await quantity.fill("5");
  await page.context().setOffline(true);
  await page.getByText("You are offline.").waitFor();
  assert.equal(await quantity.inputValue(), "5");
  await page.keyboard.press("Tab");
  await page.getByText("€60.00").first().waitFor();
  // What the cart makes of it is shown in the field, too.
  await quantity.fill("5000");
  await page.keyboard.press("Tab");
  await eventually("the field says what is kept", async () => await quantity.inputValue() === "99");
});

test("the way to the till does not move under a finger while the stock is checked", async () => {
  const mug = await product();
  for (const width of [320, 1280]) {
    const page = await open({ viewport: { width, height: 900 } });
    await add(page, mug);
    await page.addInitScript(() => {
      const places = new Set();
      const look = () => {
        const box = document.querySelector('[data-part="checkout"]')?.getBoundingClientRect();
        if (box?.height) places.add(`${box.top + window.scrollY}`);
        requestAnimationFrame(look);
      };
      look();
      Object.assign(window, { places });
    });
    await page.goto("/cart");
    await page.getByText("Everything here can be had right now.").waitFor();
    const places = await page.evaluate(() => [...window.places]);
    assert.equal(places.length, 1, `at ${width} px it was at ${places}`);
  }
});

test("what is out of stock leaves the cart, is announced, and can be saved for later", async () => {
  const [mug, pot] = [await product(), await product()];
  const page = await open();
  await add(page, mug);
  await add(page, pot);
  await leave(page);
  await sellOut(mug);
  await page.goto("/cart");
  await page.getByText(`Sorry, out of stock: ${mug.name} has left your cart.`).waitFor();
  await page.getByRole("status").filter({ hasText: `Sorry, out of stock: ${mug.name}` }).waitFor();
  assert.deepEqual(await keptCart(page), { [pot.sku]: 1 });
  await isAccessible(page, "a line is gone");
  await page.getByRole("button", { name: `Save for later: ${mug.name}` }).click();
  await page.getByRole("heading", { name: "Saved for later" }).waitFor();
  await page.reload();
  const move = page.getByRole("button", { name: `Move to cart: ${mug.name}` });
  await eventually("nothing can be moved that is not there", () => move.isDisabled());
  await stockUp(mug, 5);
  await page.reload();
  await eventually("it can be had again", () => move.isEnabled());
  await move.click();
  await inCart(page).getByText(mug.name).waitFor();
});

test("what is short is reduced, and said plainly", async () => {
  const mug = await product({ units: 5 });
  const page = await open();
  await add(page, mug, 4);
  await leave(page);
  await stockUp(mug, -3);
  await page.goto("/cart");
  await page.getByText("Only 2 left: reduced from 4").waitFor();
  await page.getByRole("status").filter({ hasText: `${mug.name}: 2 instead of 4` }).waitFor();
  assert.deepEqual(await keptCart(page), { [mug.sku]: 2 });
});

test("a price that changed shows in the cart", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await setPrice(mug, 1_450);
  await page.goto("/cart");
  await page.getByText("The price was €12.00 when you added it").waitFor();
  assert.match(await page.getByRole("region", { name: "Summary" }).innerText(), /€14\.50/);
});

test("a stock check that fails loses nothing, says so quietly, and is tried again", async () => {
  const mug = await product({ units: 2 });
  const page = await open();
  await add(page, mug, 2);
  let asked = 0;
  await page.route("**/v1/stock-check", (route) => {
    asked += 1;
    return asked <= 2 ? route.abort() : route.continue();
  });
  await page.goto("/cart");
  await page.getByText("The stock could not be checked just now").waitFor();
  assert.deepEqual(await keptCart(page), { [mug.sku]: 2 });
  await page.getByText("Everything here can be had right now.").waitFor();
  assert.equal(asked, 3);
});

test("changes in quick succession are one question", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await page.goto("/cart");
  await page.getByText("Everything here can be had right now.").waitFor();
  const asked = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/v1/stock-check")) asked.push(request.postDataJSON());
  });
  await page.getByRole("button", { name: `One ${mug.name} more` }).evaluate((button) => {
    for (let more = 0; more < 5; more += 1) button.click();
  });
  await eventually("it is asked about", () => asked.length > 0);
  await page.waitForTimeout(400);
  assert.deepEqual(asked.map((body) => body.lines[0].quantity), [6]);
});

test("offline the cart works, and it catches up when the connection is back", async () => {
  const mug = await product({ units: 3 });
  const page = await open();
  await add(page, mug);
  await page.goto("/cart");
  await page.context().setOffline(true);
  await page.getByText("You are offline.").waitFor();
  for (let more = 0; more < 4; more += 1) {
    await page.getByRole("button", { name: `One ${mug.name} more` }).click();
  }
  assert.deepEqual(await keptCart(page), { [mug.sku]: 5 });
  await page.context().setOffline(false);
  await page.getByText("Only 3 left: reduced from 5").waitFor();
});

test("the cart works by keyboard alone, and focus is never lost", async () => {
  const [mug, pot] = [await product(), await product()];
  const page = await open();
  await page.goto(`/products/${mug.sku}`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.getByLabel("Quantity").focus();
  await page.keyboard.press("Enter");
  await page.getByText(`1 × ${mug.name} added`).first().waitFor();
  await add(page, pot);
  await page.goto("/cart");
  await page.getByRole("button", { name: `Remove ${mug.name}` }).focus();
  await page.keyboard.press("Enter");
  const focused = await page.evaluate(() => document.activeElement.closest("[data-sku]")?.dataset.sku);
  assert.equal(focused, pot.sku, "focus is on the line that is left");
  await page.getByRole("button", { name: `Remove ${pot.name}` }).focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "See all goods");
});

test("the cart is accessible, light and dark, and fits a narrow phone", async () => {
  const [mug, pot] = [await product({ units: 5 }), await product()];
  for (const colorScheme of ["light", "dark"]) {
    const page = await open({ colorScheme, viewport: { width: 320, height: 640 } });
    await page.goto("/cart");
    await isAccessible(page, `empty, ${colorScheme}`);
    await add(page, mug, 9);
    await add(page, pot);
    await page.goto("/cart");
    await page.getByText("reduced from 9").waitFor();
    await page.getByRole("button", { name: `Save for later: ${pot.name}` }).click();
    await fits(page, "the cart");
    await isAccessible(page, `filled, ${colorScheme}`);
    assert.deepEqual(page.troubles, []);
  }
});

test("names in cart and till can be read at every width", async () => {
  const mug = await product({ name: "A stoneware mug" });
  const page = await open();
  await add(page, mug);
  const checked = () => page.getByText("Everything here can be had right now.");
  const held = () => page.getByText("Held for you for");
  for (const [path, settled, name] of [
    ["/cart", checked, () => inCart(page).getByRole("link", { name: mug.name })],
    ["/checkout", held, () => page.getByRole("region", { name: "Your order" }).getByText(mug.name)],
  ]) {
    await page.goto(path);
    // The lines are drawn anew by then, for the last time.
    await settled().waitFor();
    for (const width of [320, 480, 768, 900, 960, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      await fits(page, `${path} at ${width} px`);
      const { height } = await name().boundingBox();
      // Three lines at the most: a name that has too little room breaks at every word.
      assert.ok(height < 80, `${path} at ${width} px: the name is ${height} px high`);
    }
  }
});
