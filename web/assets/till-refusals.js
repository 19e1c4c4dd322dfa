// What the till shows when the shop holds nothing, and what becomes of the cart.

import { announce } from "./announce.js";
import { cart } from "./cart.js";
import * as words from "./till-words.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").CheckedLine} CheckedLine
 * @typedef {import("./money.js").Money} Money
 * @typedef {import("./order-record.js").OrderRecord} OrderRecord
 * @typedef {import("./till-view.js").TillView} TillView
 * @typedef {import("./till-view.js").Panel} Panel
 */

/**
 * Fills the panel that explains it, and says which one that is.
 * @param {TillView} view
 * @param {OrderRecord} order
 * @param {Answer} answer
 * @returns {Panel}
 */
export function explain(view, order, answer) {
  switch (answer.problem) {
    case "out-of-stock":
      return short(view, answer.body.lines);
    case "unknown-sku":
      return unknown(view, answer.body.skus);
    case "price-changed":
      return priceChanged(view, order, answer.body.total);
    default:
      view.text("reason", words.refused(answer));
      return "trouble";
  }
}

/** @param {TillView} view @param {CheckedLine[]} lines @returns {Panel} */
function short(view, lines) {
  // The check of another page may have taken a line out of the cart just before.
  const said = lines.filter((line) => line.status !== "ok")
    .map((line) => words.short(line, cart.nameOf(line.sku)));
  cart.follow(lines);
  view.list("short", said);
  view.cart(cart.at("cart"), cart.total);
  view.part("rest").hidden = cart.orderLines.length === 0;
  announce(`Sorry, out of stock. ${said.join(" ")}`);
  return "short";
}

/** @param {TillView} view @param {string[]} skus */
function unknown(view, skus) {
  const quantities = new Map(cart.orderLines.map((line) => [line.sku, line.quantity]));
  return short(view, skus.map((sku) => ({
    sku, requested: quantities.get(sku) ?? 1, available: 0, unit_price: null, status: "unknown",
  })));
}

/** @param {TillView} view @param {OrderRecord} order @param {Money} total @returns {Panel} */
function priceChanged(view, order, total) {
  const text = words.priceChanged(order.expected_total, total);
  view.text("price", text);
  view.cart(cart.at("cart"), total);
  announce(`The price has changed. ${text}`);
  return "price";
}
