// The email address, for those who give one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, isAccessible } from "../accessible.mjs";
import { open } from "../browser.mjs";
import { product, sellOut } from "../operator.mjs";
import { add, isHeld, isPaid, keptOrder, pay } from "../shopper.mjs";

const EMAIL = "ada@example.org";
const field = (page) => page.getByLabel("Email (optional)");

/** The bodies of the requests that hold. */
function requestsToHold(page) {
  const bodies = [];
  page.on("request", (request) => {
    if (request.method() === "PUT") bodies.push(request.postDataJSON());
  });
  return bodies;
}

async function goToTheTillAs(page, email) {
  await page.goto("/cart");
  await field(page).fill(email);
  await page.getByRole("link", { name: "Checkout" }).click();
  await isHeld(page);
}

test("an email goes with the request that holds the goods, and again after a reload", async () => {
  const mug = await product();
  const page = await open();
  const sent = requestsToHold(page);
  await add(page, mug);
  await goToTheTillAs(page, EMAIL);
  assert.equal(await field(page).inputValue(), EMAIL);
  await page.getByText("Goes with the order that is held for you.").waitFor();
  const { order_id: id } = await keptOrder(page);
  await page.reload();
  await isHeld(page);
  assert.equal((await keptOrder(page)).order_id, id);
  assert.deepEqual(sent.map((body) => body.email), [EMAIL, EMAIL]);
});

test("once the goods are held the email is fixed, and another one is no other request", async () => {
  const mug = await product();
  const page = await open();
  const sent = requestsToHold(page);
  await add(page, mug);
  await goToTheTillAs(page, EMAIL);
  const { order_id: id } = await keptOrder(page);
  await page.getByRole("link", { name: "Back to the cart" }).click();
  assert.equal(await field(page).getAttribute("readonly"), "");
  // Another email comes to be known all the same, by a page of before.
  await page.evaluate(() => sessionStorage.setItem("holdfast.email", "eve@example.org"));
  await page.goto("/checkout");
  await isHeld(page);
  assert.equal((await keptOrder(page)).order_id, id);
  assert.deepEqual(sent.map((body) => body.email), [EMAIL, EMAIL]);
});

test("a new order may have another email", async () => {
  const mug = await product();
  const page = await open();
  const sent = requestsToHold(page);
  await add(page, mug);
  await goToTheTillAs(page, EMAIL);
  await page.getByRole("button", { name: "Cancel and release the hold" }).click();
  await page.getByRole("heading", { name: "Cancelled" }).waitFor();
  assert.equal(await field(page).inputValue(), EMAIL);
  await field(page).fill("grace@example.org");
  await page.getByRole("button", { name: "Hold them again" }).click();
  await isHeld(page);
  assert.deepEqual(sent.map((body) => body.email), [EMAIL, "grace@example.org"]);
});

test("what is no email is said to be none, and holds nobody up who leaves it out", async () => {
  const mug = await product();
  const page = await open({ viewport: { width: 320, height: 640 } });
  const sent = requestsToHold(page);
  await add(page, mug);
  await page.goto("/cart");
  await field(page).fill("ada at example");
  await page.getByRole("link", { name: "Checkout" }).click();
  await page.getByRole("status").filter({ hasText: "This is no email address." }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/cart");
  assert.ok(await field(page).evaluate((input) => input === document.activeElement));
  await fits(page, "no email");
  await isAccessible(page, "no email");
  await field(page).fill("");
  await page.getByRole("link", { name: "Checkout" }).click();
  await isHeld(page);
  assert.ok(await field(page).isHidden(), "nothing was given, and nothing can be any more");
  assert.deepEqual(sent.map((body) => "email" in body), [false]);
});

test("an email that the shop refuses can be corrected", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  let refused = false;
  await page.route((url) => /^\/v1\/checkouts\/[^/]+$/.test(url.pathname), (route) => {
    if (route.request().method() !== "PUT" || refused) return route.continue();
    refused = true;
    const errors = [{ pointer: "/email", detail: "has to be an email address" }];
    return route.fulfill({ status: 422, json: { type: "/problems/invalid-request", status: 422, errors } });
  });
  await page.goto("/cart");
  await field(page).fill(EMAIL);
  await page.getByRole("link", { name: "Checkout" }).click();
  await page.getByText("The shop can't use this email address.").waitFor();
  await field(page).fill("grace@example.org");
  await page.getByRole("button", { name: "Try again" }).click();
  await isHeld(page);
});

test("the browser forgets the email when the order is bought, or can't be had", async () => {
  const mug = await product();
  const page = await open();
  const kept = () => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, window.name]));
  await add(page, mug);
  await goToTheTillAs(page, EMAIL);
  assert.ok((await kept()).includes(EMAIL));
  await pay(page);
  await isPaid(page);
  assert.ok(!(await kept()).includes(EMAIL));

  const pot = await product();
  await add(page, pot);
  await page.goto("/cart");
  await field(page).fill(EMAIL);
  await page.getByText("Everything here can be had right now.").waitFor();
  await sellOut(pot);
  await page.getByRole("link", { name: "Checkout" }).click();
  await page.getByRole("heading", { name: "Sorry, out of stock" }).waitFor();
  assert.equal((await keptOrder(page)).email, null, "the order that was refused has none");
});
