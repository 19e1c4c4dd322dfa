// The till: holds what is in the cart, takes the payment, follows the order until it is paid.
//
// Everything that is asked for is kept before it is asked for (order-record.js), so that a reload
// in any millisecond goes on with the same order and the same attempt to pay.

import "./card-entry.js";
import "./hold-countdown.js";
import { track } from "./analytics.js";
import { announce } from "./announce.js";
import { call, untilAnswered, uuid } from "./api.js";
import { cart } from "./cart.js";
import { ENDED, OrderFollower } from "./follow-order.js";
import { price } from "./money.js";
import {
  beginOrder, currentOrder, onOrderChange, orderBought, ordersAreKept, sameLines, updateOrder,
} from "./order-record.js";
import { TillView } from "./till-view.js";

/**
 * @typedef {import("./api.js").Checkout} Checkout
 * @typedef {import("./api.js").CheckedLine} CheckedLine
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./money.js").Money} Money
 * @typedef {import("./order-record.js").OrderRecord} OrderRecord
 * @typedef {HTMLElement & {start(checkout: Checkout): void, stop(): void}} HoldCountdown
 * @typedef {HTMLElement & {show(): Promise<void>, paymentMethod(): Promise<string | null>,
 *   clear(): void}} CardEntry
 */

const BOUGHT = new Set(["confirmed", "paid", "partially_refunded", "refunded", "disputed"]);
const DECLINES = new Map([
  ["insufficient_funds", "The card has insufficient funds."],
  ["expired_card", "The card has expired."],
  ["incorrect_cvc", "The card's security code is wrong."],
  ["processing_error", "The bank could not process the card just now."],
  ["authentication_required", "Your bank wanted your approval."],
]);

class CheckoutFlow extends HTMLElement {
  /** @type {OrderRecord | null} */
  #order = null;
  /** The order as the shop told last. @type {Checkout | null} */
  #checkout = null;
  /** @type {OrderFollower | null} */
  #follower = null;
  #view = new TillView(this);
  /** What the shopper asked for and is under way: asking again changes nothing. @type {Set<string>} */
  #underWay = new Set();
  /** Pay was pressed on this page, so that the bank's page may be opened from here. */
  #hasPaid = false;
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
    this.#hasPaid = false;
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
    await this.#hold(beginOrder(lines, cart.total));
  }

  /** Asks for the stock; the same request again answers with the same order. @param {OrderRecord} order */
  async #hold(order) {
    this.#follower?.stop();
    this.#order = order;
    this.#show("holding");
    this.#view.cart(cart.at("cart"), order.expected_total);
    this.#view.storage(ordersAreKept());
    const { signal } = this.#stopped;
    const body = {
      lines: order.lines,
      ...(order.expected_total ? { expected_total: order.expected_total } : {}),
    };
    const path = `/v1/checkouts/${order.order_id}`;
    const answer = await untilAnswered(
      () => call("PUT", path, { body, secret: order.secret, signal }),
      { signal, waiting: (attempt) => this.#view.connection(attempt > 0) },
    );
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
      this.#once("pay", () => this.#send(order, attempt));
    }
  }

  /** @param {OrderRecord} order @param {Answer} answer */
  #refused(order, answer) {
    updateOrder(order.order_id, { state: "ended" });
    switch (answer.problem) {
      case "out-of-stock":
        return this.#short(answer.body.lines);
      case "unknown-sku":
        return this.#unknown(answer.body.skus);
      case "price-changed":
        return this.#priceChanged(order, answer.body.total);
      case "too-many-holds":
        return this.#trouble("There are too many open holds from your address. Try again in a minute.");
      default:
        return this.#trouble(answer.body?.detail ?? "The shop refused the order.");
    }
  }

  /** @param {CheckedLine[]} lines */
  #short(lines) {
    const inCart = new Map(cart.at("cart").map((line) => [line.sku, line]));
    const said = lines.filter((line) => line.status !== "ok").map((line) => {
      const name = inCart.get(line.sku)?.name ?? line.sku;
      return line.status === "reduced"
        ? `${name}: only ${line.available} left. Your cart now has ${line.available} instead of ${line.requested}.`
        : `${name}: sorry, out of stock. It has left your cart; you can save it for later there.`;
    });
    cart.follow(lines);
    this.#view.list("short", said.map((text) => [text]));
    this.#view.cart(cart.at("cart"), cart.total);
    this.#view.part("rest").hidden = cart.orderLines.length === 0;
    this.#show("short");
    announce(`Sorry, out of stock. ${said.join(" ")}`);
  }

  /** @param {string[]} skus */
  #unknown(skus) {
    const quantities = new Map(cart.orderLines.map((line) => [line.sku, line.quantity]));
    this.#short(skus.map((sku) => ({
      sku, requested: quantities.get(sku) ?? 1, available: 0, unit_price: null, status: "unknown",
    })));
  }

  /** @param {OrderRecord} order @param {Money} total */
  #priceChanged(order, total) {
    const before = order.expected_total ? `It was ${price(order.expected_total)}. ` : "";
    const text = `${before}The total is ${price(total)} now. Nothing is held and nothing was charged.`;
    this.#view.text("price", text);
    this.#view.cart(cart.at("cart"), total);
    this.#order = { ...order, expected_total: total };
    this.#show("price");
    announce(`The price has changed. ${text}`);
  }

  /** @param {string} reason */
  #trouble(reason) {
    this.#view.text("reason", reason);
    this.#show("trouble");
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
        return this.#trouble("Not everything could be had. Nothing is held.");
      default:
        return this.#show("failed");
    }
  }

  /** @param {Checkout} checkout */
  #mayPay(checkout) {
    this.#show("pay");
    this.#countdown.start(checkout);
    this.#card.show();
    const isDeclined = checkout.payment.state === "declined";
    const why = DECLINES.get(checkout.payment.decline_code ?? "") ?? "";
    const text = `Your card was declined. ${why} Nothing was charged; try another card.`;
    this.#view.declined(isDeclined ? text.replace("  ", " ") : "");
    if (isDeclined) this.#card.clear();
    if (!this.#underWay.has("pay")) this.#view.paying("");
  }

  /** @param {Checkout} checkout */
  #isPaying(checkout) {
    const bank = checkout.payment.next_action?.redirect_url;
    if (!bank || checkout.payment.state !== "requires_action") {
      this.#show("pay");
      this.#countdown.start(checkout);
      this.#view.declined("");
      this.#view.paying("Your payment is on its way. You can leave this page open, or come back to it.");
      return;
    }
    const address = new URL(bank, location.href);
    if (!address.protocol.startsWith("http")) return;
    /** @type {HTMLAnchorElement} */ (this.#view.part("bank")).href = address.href;
    this.#show("approve");
    // Who comes back by the browser's button is not sent away again.
    if (this.#hasPaid) location.assign(address);
    this.#hasPaid = false;
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
        if (this.#checkout?.state === "awaiting_payment") this.#once("pay", () => this.#pay());
        break;
      case "cancel":
        this.#once("cancel", () => this.#cancel());
        break;
      case "again":
        this.#once("hold", () => this.#again(null));
        break;
      case "accept":
        this.#once("hold", () => this.#again(this.#order?.expected_total ?? null));
        break;
      default:
    }
  };

  /**
   * However often it is asked for meanwhile.
   * @param {"pay" | "cancel" | "hold"} what
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
    const mayPay = this.#checkout?.state === "awaiting_payment" && !this.#underWay.has("pay");
    if (mayPay) this.#view.paying("");
  }

  async #pay() {
    const order = this.#order;
    if (!order) return;
    this.#view.paying("Asking for your card …");
    const method = await this.#card.paymentMethod().catch(() => null);
    if (!method) {
      this.#view.paying("");
      return;
    }
    const attempt = { attempt_id: uuid(), payment_method: method };
    updateOrder(order.order_id, { attempt });
    this.#hasPaid = true;
    await this.#send(order, attempt);
  }

  /** @param {OrderRecord} order @param {import("./order-record.js").Attempt} attempt */
  async #send(order, attempt) {
    const { signal } = this.#stopped;
    this.#view.declined("");
    this.#view.paying("Your payment is on its way. You can leave this page open, or come back to it.");
    const path = `/v1/checkouts/${order.order_id}/payment`;
    const answer = await untilAnswered(
      () => call("POST", path, { body: attempt, secret: order.secret, signal }),
      { signal, waiting: (tried) => this.#view.connection(tried > 0) },
    );
    if (!answer || this.#order?.order_id !== order.order_id) return;
    this.#view.connection(false);
    // Answered: from here on the order itself tells what comes of it.
    updateOrder(order.order_id, { attempt: null });
    if (answer.status < 400) this.#follower?.take(answer.body);
    else this.#notTaken(answer);
  }

  /** @param {Answer} answer */
  #notTaken(answer) {
    const words = answer.problem === "too-many-attempts"
      ? "This order takes no further card: five were declined. Cancel it, and begin again."
      : answer.body?.detail ?? "The payment was not taken.";
    this.#view.paying("");
    if (answer.problem !== "hold-ended") this.#view.declined(words);
    this.#follower?.look();
  }

  async #cancel() {
    const order = this.#order;
    if (!order) return;
    await this.#release(order);
    announce("Cancelled. The hold is released and nothing was charged.");
  }

  /** Calls an order off and waits until its units are back. @param {OrderRecord} order */
  async #release(order) {
    const { signal } = this.#stopped;
    const path = `/v1/checkouts/${order.order_id}`;
    for (let asked = 0; asked < 5; asked += 1) {
      const answer = await untilAnswered(
        () => call("DELETE", path, { secret: order.secret, signal }),
        { signal, waiting: (tried) => this.#view.connection(tried > 0) },
      );
      if (!answer) return;
      this.#view.connection(false);
      if (answer.problem === "already-paid") {
        this.#bought(order.order_id);
        return;
      }
      if (answer.status !== 202) {
        updateOrder(order.order_id, { state: "ended", attempt: null });
        if (answer.status === 200 && this.#order === order) this.#follower?.take(answer.body);
        return;
      }
      if (this.#order === order) this.#follower?.take(answer.body);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }

  /** A new order for what is in the cart. @param {Money | null} total what the shopper agreed to */
  async #again(total) {
    const lines = cart.orderLines;
    if (lines.length === 0) {
      this.#show("empty");
      return;
    }
    this.#countdown.stop();
    await this.#hold(beginOrder(lines, total ?? cart.total));
  }

  /** @param {import("./till-view.js").Panel} panel */
  #show(panel) {
    if (panel !== "pay") this.#countdown.stop();
    this.#view.show(panel);
  }

  get #countdown() {
    return /** @type {HoldCountdown} */ (this.querySelector("hold-countdown"));
  }

  get #card() {
    return /** @type {CardEntry} */ (this.querySelector("card-entry"));
  }
}

/** How long a hold lasts, in milliseconds. @param {{expires_at: string}} hold @param {Checkout} checkout */
function leftOf(hold, checkout) {
  return Date.parse(hold.expires_at) - Date.parse(checkout.server_time);
}

customElements.define("checkout-flow", CheckoutFlow);
