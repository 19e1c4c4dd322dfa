// What shoppers do.

import assert from "node:assert/strict";

export const CARDS = {
  good: "4242424242424242",
  declined: "4000000000000002",
  noFunds: "4000000000009995",
  asksTheBank: "4000002500003155",
};

/** Opens a product's page and puts so many of it into the cart. */
export async function add(page, product, quantity = 1) {
  await page.goto(`/products/${product.sku}`);
  if (quantity !== 1) await page.getByLabel("Quantity").fill(String(quantity));
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByText(`${quantity} × ${product.name} added`).first().waitFor();
}

/** Goes to the till, by the cart, and waits until the goods are held. */
export async function goToTheTill(page) {
  await page.goto("/cart");
  await page.getByRole("link", { name: "Checkout" }).click();
  await isHeld(page);
}

export async function isHeld(page) {
  await page.getByRole("heading", { name: "Payment", exact: true }).waitFor();
  await cardForm(page).getByLabel("Card number").waitFor();
}

export function cardForm(page) {
  return page.frameLocator("card-entry iframe");
}

export async function enterCard(page, number) {
  const form = cardForm(page);
  await form.getByLabel("Card number").fill("");
  await form.getByLabel("Card number").pressSequentially(number);
  await form.getByLabel("Expiry").fill("12 / 34");
  await form.getByLabel("Security code").fill("123");
}

export function payButton(page) {
  return page.getByRole("button", { name: /^Pay / });
}

export async function pay(page, number = CARDS.good) {
  await enterCard(page, number);
  await payButton(page).click();
}

export async function isPaid(page) {
  await page.getByText("Paid. Thank you.").waitFor();
  return new URL(page.url()).pathname.split("/").pop();
}

/** The cart as the browser keeps it: `{sku: quantity}`. */
export async function keptCart(page) {
  const text = await page.evaluate(() => localStorage.getItem("holdfast.cart"));
  assert.ok(text, "the browser keeps no cart");
  const lines = Object.entries(JSON.parse(text).lines);
  const inCart = lines.filter(([, line]) => line.place === "cart");
  return Object.fromEntries(inCart.map(([sku, line]) => [sku, line.quantity]));
}

/** The order that is under way, as the browser keeps it. */
export async function keptOrder(page) {
  const text = await page.evaluate(() => localStorage.getItem("holdfast.order"));
  return text === null ? null : JSON.parse(text).order;
}
