// What the till asks the shop for. Each request is repeated as it was until it is answered, and the
// same request again is the same order and the same attempt to pay.

import { call, untilAnswered } from "./api.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./order-record.js").Attempt} Attempt
 * @typedef {import("./order-record.js").OrderRecord} OrderRecord
 * @typedef {{signal: AbortSignal, waiting: (attempt: number) => void}} Patience when to stop, and
 *   whom to tell of every answer that was lost
 */

/** How often an order that is being called off is looked at, and for how long. */
const LOOK_AGAIN_MS = 1_000;
const MOST_LOOKS = 5;

const path = (/** @type {OrderRecord} */ order) => `/v1/checkouts/${order.order_id}`;

/** Holds the goods. @param {OrderRecord} order @param {Patience} patience */
export function hold(order, patience) {
  const { lines, expected_total, email, secret } = order;
  const body = {
    lines, ...(expected_total ? { expected_total } : {}), ...(email ? { email } : {}),
  };
  const { signal } = patience;
  return untilAnswered(() => call("PUT", path(order), { body, secret, signal }), patience);
}

/** @param {OrderRecord} order @param {Attempt} attempt @param {Patience} patience */
export function pay(order, attempt, patience) {
  const { secret } = order;
  const { signal } = patience;
  const to = `${path(order)}/payment`;
  return untilAnswered(() => call("POST", to, { body: attempt, secret, signal }), patience);
}

/**
 * Calls an order off and waits until its units are back, or it is clear that it takes longer.
 * @param {OrderRecord} order
 * @param {Patience & {heard: (answer: Answer) => void}} patience `heard` is told each answer
 * @returns {Promise<"over" | "paid" | "unknown">}
 */
export async function release(order, patience) {
  const { secret } = order;
  const { signal, heard } = patience;
  for (let looked = 0; looked < MOST_LOOKS; looked += 1) {
    const answer =
      await untilAnswered(() => call("DELETE", path(order), { secret, signal }), patience);
    if (!answer) return "unknown";
    if (answer.problem === "already-paid") return "paid";
    heard(answer);
    if (answer.status !== 202) return "over";
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  return "unknown";
}
