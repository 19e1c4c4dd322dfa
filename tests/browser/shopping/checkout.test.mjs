// The till: hold, pay, follow, and everything that comes in between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, isAccessible } from "../accessible.mjs";
import { eventually, newBrowser, open, openIn, sandbox, shop } from "../browser.mjs";
import { payments, product, sellOut, setPrice, stock, stockUp } from "../operator.mjs";
import {
  CARDS, add, cardForm, enterCard, goToTheTill, isHeld, isPaid, keptCart, keptOrder, pay, payButton,
} from "../shopper.mjs";

const captured = async (order) => (await payments(order)).map((payment) => payment.captured);

test("a shopper pays, sees a receipt that reloads, and the cart is empty", async () => {
  const [mug, pot] = [await product(), await product({ price: 950 })];
  const page = await open();
  await add(page, mug, 2);
  await add(page, pot);
  await goToTheTill(page);
  const order = page.getByRole("region", { name: "Your order" });
  assert.match(await order.innerText(), /€24\.00[^]*€9\.50[^]*€33\.50/);
  assert.equal((await stock(mug.sku)).held, 2);
  await pay(page);
  const id = await isPaid(page);
  await page.reload();
  await isPaid(page);
  const receipt = page.getByRole("region", { name: "Receipt" });
  assert.match(await receipt.innerText(), new RegExp(`${id}[^]*2 × ${mug.name}[^]*€33\\.50`));
  assert.deepEqual(await captured(id), [3_350]);
  await page.goto("/cart");
  await page.getByText("Your cart is empty.").waitFor();
  assert.deepEqual(page.troubles, []);
});

test("no card number reaches the shop", async () => {
  const mug = await product();
  const page = await open();
  const seen = [];
  page.on("request", (request) => {
    const text = `${request.url()} ${request.postData() ?? ""}`.replaceAll(/[\s+]|%20/g, "");
    if (text.includes(CARDS.good)) seen.push(new URL(request.url()).origin);
  });
  await add(page, mug);
  await goToTheTill(page);
  await pay(page);
  await isPaid(page);
  assert.deepEqual([...new Set(seen)], [new URL(sandbox).origin]);
});

test("pay can be hammered and charges once", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  const { order_id: id } = await keptOrder(page);
  const attempts = new Set();
  page.on("request", (request) => {
    if (request.url().endsWith("/payment")) attempts.add(request.postDataJSON().attempt_id);
  });
  await enterCard(page, CARDS.good);
  await payButton(page).evaluate((button) => {
    for (let pressed = 0; pressed < 30; pressed += 1) button.click();
  });
  await isPaid(page);
  assert.equal(attempts.size, 1);
  assert.deepEqual(await captured(id), [1_200]);
});

test("after a declined card another one can be used", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await pay(page, CARDS.noFunds);
  await page.getByRole("alert").filter({ hasText: "declined. The card has insufficient funds." }).waitFor();
  await isAccessible(page, "declined");
  assert.equal(await cardForm(page).getByLabel("Card number").inputValue(), "");
  await page.reload();
  await page.getByText("Your card was declined.").waitFor();
  await isHeld(page);
  await pay(page);
  await isPaid(page);
});

test("the card's form says what is missing and nothing is sent", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  const { order_id: id } = await keptOrder(page);
  await cardForm(page).getByLabel("Card number").pressSequentially("4242424242424241");
  await payButton(page).click();
  await page.getByRole("alert").filter({ hasText: "Your card number is invalid." }).waitFor();
  assert.equal(await cardForm(page).getByLabel("Card number").getAttribute("aria-invalid"), "true");
  assert.deepEqual(await payments(id), []);
});

test("3-D Secure leads to the bank and back to the receipt", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await pay(page, CARDS.asksTheBank);
  await page.waitForURL(`${sandbox}/3ds/**`);
  await page.getByRole("button", { name: "Approve" }).click();
  const id = await isPaid(page);
  assert.equal(new URL(page.url()).search, "", "nothing of the bank's stays in the address");
  assert.deepEqual(await captured(id), [1_200]);
});

test("who comes by another name of the shop's machine finds cart and order after the bank", async () => {
  const mug = await product();
  const page = await open();
  const { hostname } = new URL(shop);
  const otherName = shop.replace(hostname, hostname === "localhost" ? "127.0.0.1" : "localhost");
  await page.goto(`${otherName}/products/${mug.sku}?from=a-link`);
  assert.equal(page.url(), `${shop}/products/${mug.sku}?from=a-link`);
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.goto(`${otherName}/cart`);
  await page.getByRole("link", { name: "Checkout" }).click();
  await isHeld(page);
  await pay(page, CARDS.asksTheBank);
  await page.getByRole("button", { name: "Approve" }).click();
  assert.deepEqual(await captured(await isPaid(page)), [1_200]);
  // Programs are answered where they ask.
  assert.equal((await page.request.get(`${otherName}/livez`, { maxRedirects: 0 })).status(), 200);
  assert.equal((await page.request.get(`${otherName}/v1/products/${mug.sku}`, { maxRedirects: 0 })).status(), 200);
});

test("who refuses at the bank, or comes back by the browser's button, can go on", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await pay(page, CARDS.asksTheBank);
  await page.waitForURL(`${sandbox}/3ds/**`);
  await page.goBack();
  await page.getByRole("heading", { name: "Your bank wants to hear from you" }).waitFor();
  await isAccessible(page, "approve");
  await page.getByRole("link", { name: "Go to your bank" }).click();
  await page.getByRole("button", { name: "Refuse" }).click();
  await page.waitForURL(`${shop}/checkout`);
  await page.getByText("Your card was declined.").waitFor();
  await isHeld(page);
  await pay(page);
  await isPaid(page);
});

test("cancelling releases the hold at once and keeps the cart", async () => {
  const mug = await product({ units: 2 });
  const page = await open();
  await add(page, mug, 2);
  await goToTheTill(page);
  assert.equal((await stock(mug.sku)).held, 2);
  await page.getByRole("button", { name: "Cancel and release the hold" }).click();
  await page.getByRole("heading", { name: "Cancelled" }).waitFor();
  assert.deepEqual(await stock(mug.sku).then(({ held, available }) => [held, available]), [0, 2]);
  await isAccessible(page, "cancelled");
  assert.deepEqual(await keptCart(page), { [mug.sku]: 2 });
  await page.getByRole("button", { name: "Hold them again" }).click();
  await isHeld(page);
});

test("what is gone at the till is explained, and the rest can be bought", async () => {
  const [mug, pot, tee] = [await product(), await product({ units: 5 }), await product()];
  const page = await open();
  await add(page, mug);
  await add(page, pot, 4);
  await add(page, tee);
  await page.goto("/cart");
  await page.getByText("Everything here can be had right now.").waitFor();
  await sellOut(mug);
  await stockUp(pot, -2);
  await page.getByRole("link", { name: "Checkout" }).click();
  await page.getByRole("heading", { name: "Sorry, out of stock" }).waitFor();
  await page.getByText(`${mug.name}: sorry, out of stock.`).first().waitFor();
  await page.getByText(`${pot.name}: only 3 left.`).first().waitFor();
  await isAccessible(page, "short");
  assert.deepEqual(await keptCart(page), { [pot.sku]: 3, [tee.sku]: 1 });
  await page.getByRole("button", { name: "Go on with the rest" }).click();
  await isHeld(page);
  await pay(page);
  await isPaid(page);
});

test("a price that changed is shown and asked about", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await page.goto("/cart");
  await page.getByText("Everything here can be had right now.").waitFor();
  await setPrice(mug, 1_450);
  await page.getByRole("link", { name: "Checkout" }).click();
  await page.getByRole("heading", { name: "The price has changed" }).waitFor();
  await page.getByText("It was €12.00. The total is €14.50 now.").first().waitFor();
  const order = page.getByRole("region", { name: "Your order" });
  assert.match(await order.innerText(), /Total\s+€14\.50/);
  await isAccessible(page, "price changed");
  assert.equal((await stock(mug.sku)).held, 0);
  await page.getByRole("button", { name: "Go on at the new price" }).click();
  await isHeld(page);
  assert.match(await payButton(page).innerText(), /€14\.50/);
});

test("going back to the cart and changing it makes a new order and releases the old one", async () => {
  const mug = await product({ units: 2 });
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  const { order_id: before } = await keptOrder(page);
  await page.getByRole("link", { name: "Back to the cart" }).click();
  await page.getByText("These items are held for you at the till.").waitFor();
  await page.getByRole("button", { name: `One ${mug.name} more` }).click();
  // Both units are there for us: one of them is the one that we hold.
  await page.getByText("Everything here can be had right now.").waitFor();
  await page.getByRole("link", { name: "Checkout" }).click();
  await isHeld(page);
  assert.notEqual((await keptOrder(page)).order_id, before);
  assert.equal((await stock(mug.sku)).held, 2);
});

test("two tabs at the till are one order", async () => {
  const mug = await product({ units: 1 });
  const context = await newBrowser();
  const [one, other] = [await openIn(context), await openIn(context)];
  await add(one, mug);
  await goToTheTill(one);
  await other.goto("/checkout");
  await isHeld(other);
  assert.equal((await stock(mug.sku)).held, 1);
  await pay(one);
  const id = await isPaid(one);
  await other.waitForURL(`${shop}/orders/${id}`);
  await isPaid(other);
});

test("the countdown is right while the computer's clock is an hour off, and is announced", async () => {
  const mug = await product();
  const page = await open();
  const announced = [];
  await page.exposeFunction("heard", (text) => announced.push(text));
  await add(page, mug);
  await page.clock.install({ time: Date.now() + 3_600_000 });
  await page.goto("/checkout");
  await page.clock.runFor(2_000);
  await page.getByRole("timer").waitFor();
  const shown = async () => {
    const [minutes, seconds] = (await page.getByRole("timer").innerText()).split(":").map(Number);
    return minutes * 60 + seconds;
  };
  const left = await eventually("the countdown runs", async () => (await page.clock.runFor(300), shown()));
  assert.ok(left > 270 && left <= 300, `${left} seconds`);
  await page.evaluate(() => new MutationObserver(() => {
    const text = document.querySelector("shop-announcer p").textContent;
    if (text) window.heard(text);
  }).observe(document.querySelector("shop-announcer p"), { childList: true, characterData: true, subtree: true }));
  // The page is on its own clock: five minutes pass in a moment.
  for (let passed = 0; passed < 285; passed += 5) await page.clock.runFor(5_000);
  for (const words of ["2 minutes left", "1 minute left", "30 seconds left"]) {
    assert.equal(announced.filter((text) => text.startsWith(words)).length, 1, `${words}: ${announced}`);
  }
});

test("checkout and receipt work by keyboard alone", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Payment");
  await page.keyboard.press("Tab");
  await page.keyboard.type(CARDS.good);
  await page.keyboard.type("1234");
  await page.keyboard.type("123");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await isPaid(page);
});

test("checkout and receipt are accessible, light and dark, and fit a narrow phone", async () => {
  const mug = await product();
  for (const colorScheme of ["light", "dark"]) {
    const page = await open({ colorScheme, viewport: { width: 320, height: 640 } });
    await page.goto("/checkout");
    await page.getByRole("heading", { name: "There is nothing to pay" }).waitFor();
    await isAccessible(page, `nothing to pay, ${colorScheme}`);
    await add(page, mug);
    await goToTheTill(page);
    await fits(page, "checkout");
    await isAccessible(page, `checkout, ${colorScheme}`);
    await pay(page);
    await isPaid(page);
    await fits(page, "receipt");
    await isAccessible(page, `receipt, ${colorScheme}`);
  }
});
