// Payments in the states that tests start from.

import { randomUUID } from 'node:crypto';

export const returnUrl = 'http://127.0.0.1:1/orders/7';

/** Created unconfirmed, to be captured later. */
export function created(stripe, more = {}) {
  return stripe.paymentIntents.create({
    amount: 2400,
    currency: 'eur',
    capture_method: 'manual',
    payment_method_types: ['card'],
    metadata: { order_id: randomUUID() },
    ...more,
  });
}

/** Confirmed with a card: the money is set aside, if the card is good. */
export async function confirmed(stripe, card = 'pm_card_visa', more = {}) {
  const { id } = await created(stripe, more);
  return stripe.paymentIntents.confirm(id, { payment_method: card, return_url: returnUrl });
}

/** Captured in full. */
export async function captured(stripe, card = 'pm_card_visa', more = {}) {
  const { id } = await confirmed(stripe, card, more);
  return stripe.paymentIntents.capture(id);
}
