// A shop's webhook endpoint, as far as a provider can see it.

import { createServer } from 'node:http';
import Stripe from 'stripe';
import { eventually } from './wait.js';

const stripe = new Stripe('sk_test_unused');

export class Receiver {
  /** What arrived, in order: the raw body, the headers, the time. */
  deliveries = [];
  /** The status that the next deliveries are answered with. */
  status = 200;
  #server;

  static async start() {
    const receiver = new Receiver();
    receiver.#server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      receiver.deliveries.push({ body: Buffer.concat(chunks), headers: request.headers, at: Date.now() });
      response.writeHead(receiver.status, receiver.status === 302 ? { location: '/elsewhere' } : {}).end();
    });
    await new Promise((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    receiver.url = `http://127.0.0.1:${receiver.#server.address().port}/webhooks`;
    return receiver;
  }

  /** The events that arrived, each checked against its signature. */
  events(secret) {
    return this.deliveries.map(({ body, headers }) =>
      stripe.webhooks.constructEvent(body, headers['stripe-signature'], secret));
  }

  /** The deliveries of one payment's events of a type. */
  of(paymentIntent, type) {
    return this.deliveries.filter(({ body }) => {
      const event = JSON.parse(body);
      const { id, payment_intent: owner } = event.data.object;
      return event.type === type && [id, owner].includes(paymentIntent);
    });
  }

  /** Waits for one payment's event of a type; answers with its deliveries so far. */
  async hears(paymentIntent, type, limitMs) {
    return eventually(`${type} arrives`, limitMs, () => {
      const found = this.of(paymentIntent, type);
      return found.length > 0 && found;
    });
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
