// Where an order stands, as it changes, and its receipt. Shoppers come back here from their bank.

import { cart } from "./cart.js";
import { BOUGHT, ENDED, OrderFollower } from "./follow-order.js";
import { price } from "./money.js";
import { currentOrder, orderBought, secretOf, updateOrder } from "./order-record.js";

/** @typedef {import("./api.js").Checkout} Checkout */

/** @type {Record<string, [string, string]>} */
const WORDS = {
  reserving: ["Your order", "Asking for the stock."],
  awaiting_payment: ["Your order", "Held for you, not paid yet."],
  paying: ["Your order", "Your payment is on its way."],
  confirmed: ["Your order is complete", "Your payment went through. The goods are yours."],
  paid: ["Your order is complete", "Paid. Thank you. This page is your receipt: it stays here."],
  closing: ["Your order", "The order is being closed."],
  refused: ["Your order", "Sorry, not everything could be had. Nothing was charged."],
  expired: ["The time is up", "Nothing was charged, and the goods are back on the shelf. Your cart is as you left it."],
  cancelled: ["Cancelled", "Nothing was charged. Your cart is as you left it."],
  payment_failed: ["The payment failed", "It could not be completed. The goods are back on the shelf."],
  partially_refunded: ["Your order", "Paid, and part of it refunded."],
  refunded: ["Your order", "Refunded."],
  disputed: ["Your order", "The payment is disputed."],
};

class OrderReceipt extends HTMLElement {
  /** @type {OrderFollower | null} */
  #follower = null;
  #cameFromBank = false;

  connectedCallback() {
    // The bank adds to the address what is nobody's business.
    this.#cameFromBank = new URLSearchParams(location.search).has("redirect_status");
    if (location.search !== "") history.replaceState(null, "", location.pathname);
    const secret = secretOf(this.#orderId);
    this.#follower = new OrderFollower(this.#orderId, secret, {
      news: (checkout) => this.#hear(checkout),
      still: () => {},
      trouble: this.#trouble,
    });
    this.#follower.look();
  }

  disconnectedCallback() {
    this.#follower?.stop();
  }

  get #orderId() {
    return this.getAttribute("order-id") ?? "";
  }

  /** @param {Checkout} checkout */
  #hear(checkout) {
    const { state, payment } = checkout;
    const [title, words] = WORDS[state] ?? ["Your order", state];
    this.dataset.state = state;
    this.#set("h1", title);
    const status = this.querySelector("[role=status]");
    const isBusy = ["reserving", "paying", "closing", "confirmed"].includes(state);
    status?.classList.toggle("busy", isBusy);
    this.#set("[role=status]", words);
    if (BOUGHT.has(state)) {
      cart.bought(orderBought(this.#orderId));
      this.#receipt(checkout);
    } else if (ENDED.has(state)) {
      updateOrder(this.#orderId, { state: "ended", attempt: null });
    }
    this.#next(state, payment.next_action?.redirect_url ?? null);
    // A card that was declined at the bank: the till has the form for another one.
    const isOurs = currentOrder()?.order_id === this.#orderId;
    if (state === "awaiting_payment" && isOurs) location.replace("/checkout");
  }

  /** What the shopper can do. @param {string} state @param {string | null} bank */
  #next(state, bank) {
    const next = this.querySelector('[data-part="next"]');
    const link = next?.querySelector("a");
    if (!(next instanceof HTMLElement) || !link) return;
    const isOver = ["expired", "cancelled", "payment_failed"].includes(state);
    // The bank was just there; its word may take a moment.
    const mayGo = bank && state === "paying" && !this.#cameFromBank;
    const address = mayGo ? new URL(bank, location.href) : null;
    next.hidden = !isOver && !address;
    if (isOver) {
      link.textContent = "Hold the goods again";
      link.href = "/checkout";
    } else if (address?.protocol.startsWith("http")) {
      link.textContent = "Go to your bank";
      link.href = address.href;
    }
  }

  /** @param {Checkout} checkout */
  #receipt(checkout) {
    const receipt = this.querySelector(".receipt");
    if (receipt instanceof HTMLElement) receipt.hidden = false;
    const date = this.querySelector("time");
    if (date) {
      date.dateTime = checkout.created_at;
      date.textContent = new Date(checkout.created_at)
        .toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
    }
    const items = checkout.lines.map((line) => {
      const item = document.createElement("li");
      for (const text of [`${line.quantity} × ${line.name}`, price(line.line_total)]) {
        const span = document.createElement("span");
        span.textContent = text;
        item.append(span);
      }
      return item;
    });
    this.querySelector('[data-part="lines"]')?.replaceChildren(...items);
    this.#set('[data-part="total"]', price(checkout.total));
    const refunded = this.querySelector('[data-part="refunded"]');
    if (refunded instanceof HTMLElement) {
      refunded.hidden = checkout.refunded.amount === 0;
      this.#set('[data-part="refunded"] strong', price(checkout.refunded));
    }
  }

  /** @param {"none" | "connection" | "not-ours"} trouble */
  #trouble = (trouble) => {
    const note = this.querySelector('[data-part="connection"]');
    if (!(note instanceof HTMLElement)) return;
    const words = {
      none: "",
      connection: "The connection is slow or lost. We go on trying.",
      "not-ours": "This browser did not make the order, or has forgotten it. It shows in the browser that made it.",
    };
    note.hidden = trouble === "none";
    this.#set('[data-part="connection"]', words[trouble]);
    if (trouble === "not-ours") this.#follower?.stop();
  };

  /** @param {string} selector @param {string} text */
  #set(selector, text) {
    const element = this.querySelector(selector);
    if (element && element.textContent !== text) element.textContent = text;
  }
}

customElements.define("order-receipt", OrderReceipt);
