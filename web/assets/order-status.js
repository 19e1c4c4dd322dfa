// Where an order stands, as it changes. The order's own cookie shows whose it is.

const words = {
  reserving: "Asking for the stock.",
  awaiting_payment: "Held for you, not paid yet.",
  paying: "Your payment is on its way.",
  confirmed: "Your payment went through. The units are yours.",
  paid: "Paid. Thank you.",
  closing: "The order is being closed.",
  refused: "Sorry, not everything could be had. Nothing was charged.",
  expired: "The time was up. Nothing was charged, and the units are back on the shelf.",
  cancelled: "Cancelled. Nothing was charged.",
  payment_failed: "The payment could not be completed. The units are back on the shelf.",
  partially_refunded: "Paid, and part of it refunded.",
  refunded: "Refunded.",
  disputed: "The payment is disputed.",
};

class OrderStatus extends HTMLElement {
  #events;

  connectedCallback() {
    const order = encodeURIComponent(this.getAttribute("order-id"));
    this.#events = new EventSource(`/v1/checkouts/${order}/events`);
    this.#events.addEventListener("checkout", (event) => this.#show(JSON.parse(event.data)));
  }

  disconnectedCallback() {
    this.#events.close();
  }

  #show(checkout) {
    const declined = checkout.payment.state === "declined" && checkout.state === "awaiting_payment";
    const text = declined
      ? "The payment was declined. You can try another way to pay."
      : words[checkout.state];
    this.dataset.state = checkout.state;
    this.querySelector("[role=status]").textContent = text;
  }
}

customElements.define("order-status", OrderStatus);
