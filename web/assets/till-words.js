// What the till says.

import { price } from "./money.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").CheckedLine} CheckedLine
 * @typedef {import("./api.js").Checkout} Checkout
 * @typedef {import("./money.js").Money} Money
 */

export const ON_ITS_WAY =
  "Your payment is on its way. You can leave this page open, or come back to it.";

const DECLINES = new Map([
  ["insufficient_funds", "The card has insufficient funds."],
  ["expired_card", "The card has expired."],
  ["incorrect_cvc", "The card's security code is wrong."],
  ["processing_error", "The bank could not process the card just now."],
  ["authentication_required", "Your bank wanted your approval."],
]);

/** Why the last card was not taken; nothing when none was refused. @param {Checkout} checkout */
export function declined({ payment }) {
  if (payment.state !== "declined") return "";
  const why = DECLINES.get(payment.decline_code ?? "");
  const words = ["Your card was declined.", why, "Nothing was charged; try another card."];
  return words.filter(Boolean).join(" ");
}

/** @param {CheckedLine} line that can't be had as it was asked for @param {string} name */
export function short(line, name) {
  return line.status === "reduced"
    ? `${name}: only ${line.available} left. Your cart now has ${line.available} instead of ${line.requested}.`
    : `${name}: sorry, out of stock. It has left your cart; you can save it for later there.`;
}

/** @param {Money | null} before @param {Money} now */
export function priceChanged(before, now) {
  const was = before ? `It was ${price(before)}. ` : "";
  return `${was}The total is ${price(now)} now. Nothing is held and nothing was charged.`;
}

/** Why the shop holds nothing. @param {Answer} answer */
export function refused({ problem, body }) {
  if (problem === "too-many-holds") {
    return "There are too many open holds from your address. Try again in a minute.";
  }
  const isEmail = body?.errors?.some((/** @type {any} */ error) => error.pointer === "/email");
  if (isEmail) return "The shop can't use this email address. Correct it, or leave the field empty.";
  return body?.detail ?? "The shop refused the order.";
}

/** Why the shop took no payment. @param {Answer} answer */
export function notTaken({ problem, body }) {
  return problem === "too-many-attempts"
    ? "This order takes no further card: five were declined. Cancel it, and begin again."
    : body?.detail ?? "The payment was not taken.";
}
