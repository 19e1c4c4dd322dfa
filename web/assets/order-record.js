// The order that is under way in this browser, and the ones that were paid. Id and secret are made
// and kept before the first request is sent: whenever the page is left, the next one finds them.

import { secret, uuid } from "./api.js";
import { keepEmail } from "./contact.js";
import { Kept } from "./storage.js";

/**
 * @typedef {import("./api.js").OrderLine} OrderLine
 * @typedef {import("./money.js").Money} Money
 * @typedef {{attempt_id: string, payment_method: string}} Attempt
 * @typedef {{order_id: string, secret: string, lines: OrderLine[], expected_total: Money | null,
 *   email: string | null, attempt: Attempt | null, state: "open" | "ended" | "bought",
 *   expires: number | null, changed: number}} OrderRecord `expires` is when its hold ends by this
 *   computer's clock, right or wrong; `email` is kept as it was sent, for as long as the request may
 *   have to be repeated
 */

const VERSION = 1;
/** Receipts that this browser can open again. */
const MOST_RECEIPTS = 20;

const keptOrder = new Kept("order", { secret: true });
const keptReceipts = new Kept("receipts", { secret: true });

/** @returns {OrderRecord | null} */
export function currentOrder() {
  const found = keptOrder.read().map(readOrder).filter((order) => order !== null);
  found.sort((a, b) => b.changed - a.changed);
  return found[0] ?? null;
}

/** @param {string} text @returns {OrderRecord | null} */
function readOrder(text) {
  try {
    const { version, order } = JSON.parse(text);
    const isOrder = version === VERSION && typeof order.order_id === "string"
      && typeof order.secret === "string" && Array.isArray(order.lines);
    return isOrder ? { ...order, email: order.email ?? null } : null;
  } catch {
    return null;
  }
}

/**
 * Begins an order.
 * @param {OrderLine[]} lines
 * @param {Money | null} expected_total
 * @param {string | null} email
 */
export function beginOrder(lines, expected_total, email) {
  return keep({
    order_id: uuid(), secret: secret(), lines, expected_total, email, attempt: null, state: "open",
    expires: null, changed: 0,
  });
}

/**
 * Changes the order that is under way, if it is still this one.
 * @param {string} orderId
 * @param {Partial<OrderRecord>} changes
 */
export function updateOrder(orderId, changes) {
  const order = currentOrder();
  if (order?.order_id !== orderId) return;
  const isOver = changes.state !== undefined && changes.state !== "open";
  keep({ ...order, ...changes, ...(isOver ? { email: null } : {}) });
}

/**
 * The order is bought. The first page to hear of it gets the lines, to take them out of the cart.
 * @param {string} orderId
 * @returns {OrderLine[]}
 */
export function orderBought(orderId) {
  const order = currentOrder();
  if (order?.order_id !== orderId || order.state === "bought") return [];
  updateOrder(orderId, { state: "bought", attempt: null });
  keepEmail(null);
  const others = receipts().filter((receipt) => receipt.order_id !== orderId);
  const all = [{ order_id: orderId, secret: order.secret }, ...others].slice(0, MOST_RECEIPTS);
  keptReceipts.write(JSON.stringify({ version: VERSION, receipts: all }));
  return order.lines;
}

/** @param {string} orderId @returns {string | null} the secret of one of this browser's orders */
export function secretOf(orderId) {
  const order = currentOrder();
  if (order?.order_id === orderId) return order.secret;
  return receipts().find((receipt) => receipt.order_id === orderId)?.secret ?? null;
}

/** Units that the order under way holds for us, by SKU: the shop counts them as gone. */
export function heldUnits() {
  const order = currentOrder();
  const isHeld = order?.state === "open" && (order.expires ?? 0) > Date.now();
  return new Map(isHeld ? order.lines.map((line) => [line.sku, line.quantity]) : []);
}

/** Whether this browser keeps orders for the next page. */
export const ordersAreKept = () => keptOrder.isShared;

/** Calls back when another tab has begun, changed or ended an order. @param {() => void} heard */
export function onOrderChange(heard) {
  keptOrder.onChange(heard);
}

/** @param {OrderLine[]} one @param {OrderLine[]} other */
export function sameLines(one, other) {
  const text = (/** @type {OrderLine[]} */ lines) =>
    lines.map((line) => `${line.sku} ${line.quantity}`).sort().join();
  return text(one) === text(other);
}

/** @param {OrderRecord} order */
function keep(order) {
  const kept = { ...order, changed: Math.max(Date.now(), order.changed + 1) };
  keptOrder.write(JSON.stringify({ version: VERSION, order: kept }));
  return kept;
}

/** @returns {{order_id: string, secret: string}[]} */
function receipts() {
  for (const text of keptReceipts.read()) {
    try {
      const { receipts } = JSON.parse(text);
      if (Array.isArray(receipts)) return receipts;
    } catch {
      // What can't be read is no receipt.
    }
  }
  return [];
}
