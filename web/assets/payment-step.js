// Taking the payment: the card's form, one attempt at a time, and the way to the bank.

import { uuid } from "./api.js";
import { updateOrder } from "./order-record.js";
import { pay } from "./till-requests.js";
import * as words from "./till-words.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Checkout} Checkout
 * @typedef {import("./order-record.js").Attempt} Attempt
 * @typedef {import("./order-record.js").OrderRecord} OrderRecord
 * @typedef {import("./till-requests.js").Patience} Patience
 * @typedef {HTMLElement & {show(): Promise<void>, paymentMethod(): Promise<string | null>,
 *   clear(): void}} CardEntry
 */

export class PaymentStep {
  #view;
  #card;
  /** Pay was pressed, and the shop has not answered: pressing it again changes nothing. */
  isUnderWay = false;
  /** Pay was pressed on this page, so that the bank's page may be opened from here. */
  #wasPressed = false;
  #isCardShown = false;

  /** @param {import("./till-view.js").TillView} view @param {CardEntry} card */
  constructor(view, card) {
    this.#view = view;
    this.#card = card;
  }

  /** Begins anew, on a page that came back. */
  forget() {
    this.isUnderWay = false;
    this.#wasPressed = false;
  }

  /** The order waits for a payment. @param {Checkout} checkout */
  show(checkout) {
    this.#card.hidden = false;
    this.#isCardShown = true;
    this.#card.show();
    const declined = words.declined(checkout);
    this.#view.declined(declined);
    if (declined) this.#card.clear();
    if (!this.isUnderWay) this.#view.paying("");
  }

  /** Pay was pressed. @param {OrderRecord} order @param {Patience} patience */
  async take(order, patience) {
    return this.#once(async () => {
      this.#view.paying("Asking for your card …");
      const method = await this.#card.paymentMethod().catch(() => null);
      if (!method) return null;
      const attempt = { attempt_id: uuid(), payment_method: method };
      updateOrder(order.order_id, { attempt });
      this.#wasPressed = true;
      return this.#send(order, attempt, patience);
    });
  }

  /**
   * Pay was pressed, and the page left before the shop had answered.
   * @param {OrderRecord} order
   * @param {Attempt} attempt
   * @param {Patience} patience
   */
  async takeAgain(order, attempt, patience) {
    return this.#once(() => this.#send(order, attempt, patience));
  }

  /** The shop took no payment. @param {Answer} answer */
  notTaken(answer) {
    this.#view.paying("");
    if (answer.problem !== "hold-ended") this.#view.declined(words.notTaken(answer));
  }

  /** A payment is under way at the provider. */
  isTaken() {
    // On a page that was opened meanwhile there is nothing to enter.
    this.#card.hidden = !this.#isCardShown;
    this.#view.declined("");
    this.#view.paying(words.ON_ITS_WAY);
  }

  /** The bank wants to hear from the shopper. @param {URL} bank */
  approve(bank) {
    /** @type {HTMLAnchorElement} */ (this.#view.part("bank")).href = bank.href;
    // Who comes back by the browser's button is not sent away again.
    if (this.#wasPressed) location.assign(bank);
    this.#wasPressed = false;
  }

  /** @param {OrderRecord} order @param {Attempt} attempt @param {Patience} patience */
  #send(order, attempt, patience) {
    this.isTaken();
    return pay(order, attempt, patience);
  }

  /** @template T @param {() => Promise<T>} act @returns {Promise<T | null>} */
  async #once(act) {
    if (this.isUnderWay) return null;
    this.isUnderWay = true;
    try {
      return await act();
    } finally {
      this.isUnderWay = false;
    }
  }
}

/** Where the shopper has to approve the payment, if anywhere. @param {Checkout} checkout */
export function bankOf({ payment }) {
  const url = payment.state === "requires_action" ? payment.next_action?.redirect_url : null;
  const address = url ? new URL(url, location.href) : null;
  return address?.protocol.startsWith("http") ? address : null;
}
