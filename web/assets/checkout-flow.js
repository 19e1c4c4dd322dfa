// The till: holds what is in the cart, takes the payment, follows the order until it is paid.
//
// Everything that is asked for is kept before it is asked for (order-record.js), so that a reload
// in any millisecond goes on with the same order and the same attempt to pay.

import "./card-entry.js";
import "./contact-email.js";
import "./hold-countdown.js";
import { track } from "./analytics.js";
import { announce } from "./announce.js";
import { cart } from "./cart.js";
import { givenEmail } from "./contact.js";
import { BOUGHT, ENDED, OrderFollower } from "./follow-order.js";
import {
  beginOrder, currentOrder, onOrderChange, orderBought, ordersAreKept, sameLines, updateOrder,
} from "./order-record.js";
import { PaymentStep, bankOf } from "./payment-step.js";
import { explain } from "./till-refusals.js";
import { hold, release } from "./till-requests.js";
import { TillView } from "./till-view.js";

/**
 * @typedef {import("./api.js").Checkout} Checkout
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./money.js").Money} Money
 * @typedef {import("./order-record.js").OrderRecord} OrderRecord
 * @typedef {HTMLElement & {start(checkout: Checkout): void, stop(): void}} HoldCountdown
 * @typedef {HTMLElement & {show(): void, check(): boolean}} ContactEmail
 */

class CheckoutFlow extends HTMLElement {
  /** @type {OrderRecord | null} */
  #order = null;
  /** The order as the shop told last. @type {Checkout | null} */
  #checkout = null;
  /** @type {OrderFollower | null} */
  #follower = null;
  /** What the shop asks the shopper to agree to. @type {Money | null} */
  #newTotal = null;
  #view = new TillView(this);
  #payment = new PaymentStep(this.#view, this.#part("card-entry"));
  /** What the shopper asked for and is under way: asking again changes nothing. @type {Set<string>} */
  #underWay = new Set();
  #stopped = new AbortController();

  connectedCallback() {
    this.addEventListener("click", this.#click);
    this.#countdown.addEventListener("over", () => this.#follower?.look());
    window.addEventListener("pageshow", (event) => {
      // Back from another page, with the clocks and the stream of before.
      if (event.persisted) this.#restart();
    });
    onOrderChange(() => this.#heardOfOrder());
    this.#start();
  }

  disconnectedCallback() {
    this.#stopped.abort();
    this.#follower?.stop();
  }

  #restart() {
    this.#stopped.abort();
    this.#follower?.stop();
    this.#stopped = new AbortController();
    this.#underWay.clear();
    this.#payment.forget();
    this.#start();
  }

  /** Another tab began or ended an order. */
  #heardOfOrder() {
    const order = currentOrder();
    if (order && this.#order && order.order_id !== this.#order.order_id && order.state === "open") {
      this.#restart();
    }
  }

  /** Goes on with the order that is under way, or begins one for what is in the cart. */
  async #start() {
    const order = currentOrder();
    const lines = cart.orderLines;
    const goesOn = order?.state === "open" && (lines.length === 0 || sameLines(order.lines, lines));
    if (order && goesOn) {
      await this.#hold(order);
      return;
    }
    if (lines.length === 0) {
      this.#show("empty");
      return;
    }
    if (order?.state === "open") await this.#release(order);
    track("checkout_opened");
    await this.#hold(beginOrder(lines, cart.total, givenEmail()));
  }

  /** Asks for the stock; the same request again answers with the same order. @param {OrderRecord} order */
  async #hold(order) {
    this.#follower?.stop();
    this.#order = order;
    this.#show("holding");
    this.#view.cart(cart.at("cart"), order.expected_total);
    this.#view.storage(ordersAreKept());
    const answer = await hold(order, this.#patience);
    if (!answer || this.#order !== order) return;
    this.#view.connection(false);
    if (answer.status >= 400) this.#refused(order, answer);
    else this.#follow(order, answer.body);
  }

  /** @param {OrderRecord} order @param {Checkout} checkout */
  #follow(order, checkout) {
    this.#follower = new OrderFollower(order.order_id, order.secret, {
      news: (checkout) => this.#hear(checkout),
      // A computer that slept has slept through part of the hold.
      still: (checkout) => {
        if (checkout.state === "awaiting_payment") this.#countdown.start(checkout);
      },
      trouble: (trouble) => this.#view.connection(trouble === "connection"),
    });
    this.#follower.take(checkout);
    const { attempt } = order;
    // Pay was pressed, and the page left before the shop had answered.
    if (attempt && checkout.state === "awaiting_payment") {
      this.#answered(order, this.#payment.takeAgain(order, attempt, this.#patience));
    }
  }

  /** @param {OrderRecord} order @param {Answer} answer */
  #refused(order, answer) {
    updateOrder(order.order_id, { state: "ended" });
    this.#newTotal = answer.problem === "price-changed" ? answer.body.total : null;
    this.#show(explain(this.#view, order, answer));
  }

  /** The order as it is now. @param {Checkout} checkout */
  #hear(checkout) {
    const order = this.#order;
    if (!order) return;
    this.#view.order(checkout);
    this.#checkout = checkout;
    const { state } = checkout;
    const expires = checkout.hold ? Date.now() + leftOf(checkout.hold, checkout) : null;
    updateOrder(order.order_id, {
      expires,
      ...(ENDED.has(state) && !BOUGHT.has(state) ? { state: "ended", attempt: null } : {}),
    });
    if (BOUGHT.has(state)) return this.#bought(order.order_id);
    switch (state) {
      case "reserving":
        return this.#show("holding");
      case "awaiting_payment":
        return this.#mayPay(checkout);
      case "paying":
        return this.#isPaying(checkout);
      case "closing":
        return this.#show("closing");
      case "expired":
        return this.#show("expired");
      case "cancelled":
        return this.#show("cancelled");
      case "refused":
        return this.#askWhy(order);
      default:
        return this.#show("failed");
    }
  }

  /** The hold was refused after it was asked for: the same request again is told why. @param {OrderRecord} order */
  #askWhy(order) {
    if (this.#underWay.has("why")) {
      this.#view.text("reason", "Not everything could be had. Nothing is held.");
      this.#show("trouble");
    }
    this.#once("why", () => this.#hold(order));
  }

  /** @param {Checkout} checkout */
  #mayPay(checkout) {
    this.#show("pay");
    this.#countdown.start(checkout);
    this.#payment.show(checkout);
  }

  /** @param {Checkout} checkout */
  #isPaying(checkout) {
    const bank = bankOf(checkout);
    if (bank) {
      this.#show("approve");
      this.#payment.approve(bank);
      return;
    }
    this.#show("pay");
    this.#countdown.start(checkout);
    this.#payment.isTaken();
  }

  /** @param {string} orderId */
  #bought(orderId) {
    cart.bought(orderBought(orderId));
    this.#show("done");
    location.replace(`/orders/${orderId}`);
  }

  /** @param {MouseEvent} event */
  #click = (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-do]") : null;
    switch (button instanceof HTMLElement ? button.dataset.do : null) {
      case "pay":
        // Not while the last answer is that a payment is on its way.
        if (this.#checkout?.state === "awaiting_payment") this.#pay();
        break;
      case "cancel":
        this.#once("cancel", () => this.#cancel());
        break;
      case "again":
        this.#once("hold", () => this.#again(null));
        break;
      case "accept":
        this.#once("hold", () => this.#again(this.#newTotal));
        break;
      default:
    }
  };

  /**
   * However often it is asked for meanwhile.
   * @param {"cancel" | "hold" | "why"} what
   * @param {() => Promise<void>} act
   */
  async #once(what, act) {
    if (this.#underWay.has(what)) return;
    this.#underWay.add(what);
    try {
      await act();
    } finally {
      this.#underWay.delete(what);
    }
  }

  #pay() {
    const order = this.#order;
    if (order) this.#answered(order, this.#payment.take(order, this.#patience));
  }

  /**
   * From the answer to a payment on, the order itself tells what comes of it.
   * @param {OrderRecord} order
   * @param {Promise<Answer | null>} asked null when nothing was asked for after all
   */
  async #answered(order, asked) {
    const answer = await asked;
    if (answer && this.#order?.order_id === order.order_id) {
      this.#view.connection(false);
      updateOrder(order.order_id, { attempt: null });
      if (answer.status < 400) {
        this.#follower?.take(answer.body);
      } else {
        this.#payment.notTaken(answer);
        this.#follower?.look();
      }
    }
    const mayPay = this.#checkout?.state === "awaiting_payment" && !this.#payment.isUnderWay;
    if (mayPay) this.#view.paying("");
  }

  async #cancel() {
    const order = this.#order;
    if (!order) return;
    await this.#release(order);
    announce("Cancelled. The hold is released and nothing was charged.");
  }

  /** Calls an order off and waits until its units are back. @param {OrderRecord} order */
  async #release(order) {
    const became = await release(order, {
      ...this.#patience,
      heard: (answer) => {
        this.#view.connection(false);
        if (answer.status < 400 && this.#order === order) this.#follower?.take(answer.body);
      },
    });
    if (became === "paid") this.#bought(order.order_id);
    if (became === "over") updateOrder(order.order_id, { state: "ended", attempt: null });
  }

  /** A new order for what is in the cart. @param {Money | null} total what the shopper agreed to */
  async #again(total) {
    const lines = cart.orderLines;
    if (lines.length === 0) {
      this.#show("empty");
      return;
    }
    if (!this.#contact.check()) return;
    this.#countdown.stop();
    await this.#hold(beginOrder(lines, total ?? cart.total, givenEmail()));
  }

  /** @param {import("./till-view.js").Panel} panel */
  #show(panel) {
    if (panel !== "pay") this.#countdown.stop();
    this.#view.show(panel);
    this.#contact.show();
  }

  /** @returns {import("./till-requests.js").Patience} */
  get #patience() {
    const { signal } = this.#stopped;
    return { signal, waiting: (attempt) => this.#view.connection(attempt > 0) };
  }

  get #countdown() {
    return /** @type {HoldCountdown} */ (this.#part("hold-countdown"));
  }

  get #contact() {
    return /** @type {ContactEmail} */ (this.#part("contact-email"));
  }

  /** @param {string} name @returns {any} */
  #part(name) {
    return this.querySelector(name);
  }
}

/** How long a hold lasts, in milliseconds. @param {{expires_at: string}} hold @param {Checkout} checkout */
function leftOf(hold, checkout) {
  return Date.parse(hold.expires_at) - Date.parse(checkout.server_time);
}

customElements.define("checkout-flow", CheckoutFlow);
