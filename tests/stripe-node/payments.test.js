import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { captured, confirmed, created } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

const plain = (object) => JSON.parse(JSON.stringify(object));

test('a payment is created unconfirmed and nothing is charged', async () => {
  const intent = await created(stripe, { metadata: { order_id: '7', note: 'fragile' }, description: 'Order 7' });
  assert.match(intent.id, /^pi_/);
  assert.equal(intent.object, 'payment_intent');
  assert.equal(intent.status, 'requires_payment_method');
  assert.equal(intent.capture_method, 'manual');
  assert.deepEqual({ ...intent.metadata }, { order_id: '7', note: 'fragile' });
  assert.equal(intent.description, 'Order 7');
  assert.equal(intent.amount, 2400);
  assert.equal(intent.currency, 'eur');
  assert.equal(intent.amount_capturable, 0);
  assert.equal(intent.amount_received, 0);
  assert.equal(intent.latest_charge, null);
  assert.equal(intent.livemode, false);
  assert.ok(intent.client_secret.startsWith(`${intent.id}_secret_`));
});

test('a payment created with a method waits for its confirmation', async () => {
  const intent = await created(stripe, { payment_method: 'pm_card_visa' });
  assert.equal(intent.status, 'requires_confirmation');
  assert.equal((await stripe.paymentIntents.confirm(intent.id)).status, 'requires_capture');
});

test('confirming sets the money aside and capturing takes it', async () => {
  const held = await confirmed(stripe);
  assert.equal(held.status, 'requires_capture');
  assert.equal(held.amount_capturable, 2400);
  assert.equal(held.amount_received, 0);
  assert.match(held.latest_charge, /^ch_/);

  const taken = await stripe.paymentIntents.capture(held.id);
  assert.equal(taken.status, 'succeeded');
  assert.equal(taken.amount_capturable, 0);
  assert.equal(taken.amount_received, 2400);
  assert.equal(taken.latest_charge, held.latest_charge);
});

test('a payment without manual capture is taken at once', async () => {
  const intent = await stripe.paymentIntents.create({
    amount: 999, currency: 'usd', payment_method: 'pm_card_visa', confirm: true,
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  });
  assert.equal(intent.status, 'succeeded');
  assert.equal(intent.amount_received, 999);
  assert.deepEqual({ ...intent.automatic_payment_methods }, { allow_redirects: 'never', enabled: true });
});

test('a charge tells when the authorization ends and how it was paid', async () => {
  const held = await confirmed(stripe);
  const charge = await stripe.charges.retrieve(held.latest_charge);
  const { card } = charge.payment_method_details;
  assert.equal(card.brand, 'visa');
  assert.equal(card.last4, '4242');
  assert.equal(card.capture_before, charge.created + 7 * 24 * 3600);
  assert.equal(charge.captured, false);
  assert.equal(charge.paid, true);
  assert.equal(charge.status, 'succeeded');
  assert.equal(charge.outcome.type, 'authorized');
  assert.equal(charge.payment_intent, held.id);
  assert.deepEqual({ ...charge.metadata }, { ...held.metadata });
});

test('a part of the money can be captured and the rest is let go', async () => {
  const { id, latest_charge: chargeId } = await confirmed(stripe);
  const taken = await stripe.paymentIntents.capture(id, { amount_to_capture: 1400 });
  assert.equal(taken.status, 'succeeded');
  assert.equal(taken.amount, 2400);
  assert.equal(taken.amount_received, 1400);
  assert.equal(taken.amount_capturable, 0);
  const charge = await stripe.charges.retrieve(chargeId);
  assert.equal(charge.amount_captured, 1400);
  assert.equal(charge.amount_refunded, 1000);
  assert.equal(charge.refunded, false);
  const entry = await sandbox.ledger(id);
  assert.equal(entry.captured, 1400);
  assert.equal(entry.refunded, 0);
});

test('more than was set aside cannot be captured', async () => {
  const { id } = await confirmed(stripe);
  const error = await refusal(stripe.paymentIntents.capture(id, { amount_to_capture: 2401 }));
  assert.equal(error.type, 'StripeInvalidRequestError');
  assert.equal(error.code, 'amount_too_large');
  assert.equal(error.param, 'amount_to_capture');
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'requires_capture');
});

test('a payment can be cancelled before it is confirmed and while the money is set aside', async () => {
  for (const intent of [await created(stripe), await confirmed(stripe)]) {
    const cancelled = await stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'abandoned' });
    assert.equal(cancelled.status, 'canceled');
    assert.equal(cancelled.cancellation_reason, 'abandoned');
    assert.ok(cancelled.canceled_at > 0);
    assert.equal(cancelled.amount_capturable, 0);
  }
});

test('an authorization that is cancelled shows as refunded without having been captured', async () => {
  const { id, latest_charge: chargeId } = await confirmed(stripe);
  await stripe.paymentIntents.cancel(id);
  const charge = await stripe.charges.retrieve(chargeId);
  assert.deepEqual(
    [charge.captured, charge.refunded, charge.amount_captured, charge.amount_refunded],
    [false, true, 0, 2400],
  );
  const entry = await sandbox.ledger(id);
  assert.deepEqual([entry.captured, entry.refunded, entry.amount_capturable], [0, 0, 0]);
});

test('what is not in the right state is refused and the answer shows the payment', async () => {
  const { paymentIntents } = stripe;
  const [fresh, held, paid] = [await created(stripe), await confirmed(stripe), await captured(stripe)];
  const cancelled = await paymentIntents.cancel((await created(stripe)).id);
  const refused = [
    [() => paymentIntents.capture(fresh.id), fresh, /could not be captured.*requires_payment_method/],
    [() => paymentIntents.confirm(held.id), held, /cannot confirm.*requires_capture/],
    [() => paymentIntents.confirm(paid.id, { payment_method: 'pm_card_visa' }), paid, /already succeeded/],
    [() => paymentIntents.capture(paid.id), paid, /could not be captured.*succeeded/],
    [() => paymentIntents.cancel(paid.id), paid, /cannot cancel.*succeeded.*requires_capture/],
    [() => paymentIntents.cancel(cancelled.id), cancelled, /cannot cancel.*canceled/],
    [() => paymentIntents.confirm(cancelled.id, { payment_method: 'pm_card_visa' }), cancelled, /cannot confirm/],
    [() => paymentIntents.update(held.id, { amount: 100 }), held, /amount could not be updated/],
  ];
  for (const [request, intent, message] of refused) {
    const error = await refusal(request());
    assert.equal(error.type, 'StripeInvalidRequestError');
    assert.equal(error.statusCode, 400);
    assert.equal(error.code, 'payment_intent_unexpected_state');
    assert.match(error.message, message);
    assert.match(error.doc_url, /payment-intent-unexpected-state$/);
    assert.deepEqual(plain(error.payment_intent), plain(await paymentIntents.retrieve(intent.id)));
  }
});

test('a confirmation without a payment method is refused', async () => {
  const { id } = await created(stripe);
  const error = await refusal(stripe.paymentIntents.confirm(id));
  assert.equal(error.code, 'payment_intent_unexpected_state');
  assert.match(error.message, /missing a payment method/);
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'requires_payment_method');
});

test('a payment that is to be confirmed at once needs a method, and is not created without', async () => {
  const order = 'confirm-at-once';
  const error = await refusal(created(stripe, { confirm: true, metadata: { order_id: order } }));
  assert.equal(error.code, 'parameter_missing');
  assert.equal(error.param, 'payment_method');
  assert.ok((await sandbox.ledger()).every((entry) => entry.order_id !== order));
});

test('a payment is changed while nothing is charged', async () => {
  const { id } = await created(stripe, { metadata: { order_id: '7', note: 'fragile' } });
  const changed = await stripe.paymentIntents.update(id, {
    amount: 3000, description: 'Order 7', metadata: { note: '', gift: 'yes' },
    shipping: { name: 'Ada', address: { line1: 'Via Po 1', city: 'Turin' } },
  });
  assert.equal(changed.amount, 3000);
  assert.equal(changed.description, 'Order 7');
  assert.deepEqual({ ...changed.metadata }, { order_id: '7', gift: 'yes' });
  assert.equal(changed.shipping.address.city, 'Turin');
});

test('a test payment method can be looked at', async () => {
  const method = await stripe.paymentMethods.retrieve('pm_card_mastercard');
  assert.equal(method.object, 'payment_method');
  assert.equal(method.type, 'card');
  assert.equal(method.card.brand, 'mastercard');
  assert.equal(method.card.last4, '4444');
  assert.equal(method.billing_details.address.country, null);
});

test('what an id leads to is shown in full when asked for', async () => {
  const { id } = await captured(stripe);
  await stripe.refunds.create({ payment_intent: id, amount: 100 });
  const intent = await stripe.paymentIntents.retrieve(id, {
    expand: ['latest_charge.refunds', 'latest_charge.balance_transaction', 'payment_method'],
  });
  assert.equal(intent.latest_charge.object, 'charge');
  assert.equal(intent.latest_charge.refunds.data[0].amount, 100);
  assert.equal(intent.payment_method.card.last4, '4242');

  const refund = (await stripe.refunds.list({ payment_intent: id, expand: ['data.charge.payment_intent'] })).data[0];
  assert.equal(refund.charge.payment_intent.id, id);
});

test('what cannot be expanded is refused before anything is done', async () => {
  const order = 'cannot-be-expanded';
  const error = await refusal(created(stripe, { metadata: { order_id: order }, expand: ['amount'] }));
  assert.equal(error.type, 'StripeInvalidRequestError');
  assert.match(error.message, /cannot be expanded \(amount\)/);
  assert.ok((await sandbox.ledger()).every((entry) => entry.order_id !== order));
});
