import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { captured, confirmed } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

test('all of a payment is refunded when no amount is named', async () => {
  const { id, latest_charge: chargeId } = await captured(stripe);
  const refund = await stripe.refunds.create({
    payment_intent: id, reason: 'requested_by_customer', metadata: { refund_id: '9' },
  });
  assert.match(refund.id, /^re_/);
  assert.equal(refund.object, 'refund');
  assert.equal(refund.amount, 2400);
  assert.equal(refund.currency, 'eur');
  assert.equal(refund.status, 'succeeded');
  assert.equal(refund.reason, 'requested_by_customer');
  assert.equal(refund.payment_intent, id);
  assert.equal(refund.charge, chargeId);
  assert.deepEqual({ ...refund.metadata }, { refund_id: '9' });
  const charge = await stripe.charges.retrieve(chargeId);
  assert.deepEqual([charge.refunded, charge.amount_refunded], [true, 2400]);
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'succeeded');
});

test('a payment is refunded in parts until nothing is left', async () => {
  const { id, latest_charge: charge } = await captured(stripe);
  const parts = [
    await stripe.refunds.create({ payment_intent: id, amount: 1000 }),
    await stripe.refunds.create({ charge, amount: 400 }),
  ];
  assert.deepEqual([(await stripe.charges.retrieve(charge)).refunded, (await sandbox.ledger(id)).refunded], [false, 1400]);
  const last = await stripe.refunds.create({ payment_intent: id });
  assert.equal(last.amount, 1000);
  assert.equal((await stripe.charges.retrieve(charge)).refunded, true);

  const listed = await stripe.refunds.list({ payment_intent: id });
  assert.deepEqual(listed.data.map((refund) => refund.id), [last, ...parts.reverse()].map((refund) => refund.id));
  assert.deepEqual(await stripe.refunds.retrieve(last.id), last);

  const error = await refusal(stripe.refunds.create({ payment_intent: id }));
  assert.equal(error.code, 'charge_already_refunded');
  assert.match(error.message, /has already been refunded/);
});

test('more than is left cannot be refunded', async () => {
  const { id } = await captured(stripe);
  await stripe.refunds.create({ payment_intent: id, amount: 2000 });
  const error = await refusal(stripe.refunds.create({ payment_intent: id, amount: 401 }));
  assert.equal(error.type, 'StripeInvalidRequestError');
  assert.equal(error.param, 'amount');
  assert.match(error.message, /greater than unrefunded amount/);
  assert.equal((await sandbox.ledger(id)).refunded, 2000);
});

test('of a payment that was captured in part no more than that part can be refunded', async () => {
  const { id } = await confirmed(stripe);
  await stripe.paymentIntents.capture(id, { amount_to_capture: 900 });
  const error = await refusal(stripe.refunds.create({ payment_intent: id, amount: 901 }));
  assert.equal(error.param, 'amount');
  assert.equal((await stripe.refunds.create({ payment_intent: id })).amount, 900);
});

test('money that was not taken cannot be refunded', async () => {
  const held = await confirmed(stripe);
  const error = await refusal(stripe.refunds.create({ payment_intent: held.id }));
  assert.match(error.message, /does not have a successful charge to refund/);
  const byCharge = await refusal(stripe.refunds.create({ charge: held.latest_charge }));
  assert.equal(byCharge.type, 'StripeInvalidRequestError');
});

test('a refund that names nothing, an unknown payment or a wrong reason is refused', async () => {
  const { id } = await captured(stripe);
  const missing = await refusal(stripe.refunds.create({}));
  assert.equal(missing.code, 'parameter_missing');
  const unknown = await refusal(stripe.refunds.create({ payment_intent: 'pi_unknown' }));
  assert.deepEqual([unknown.code, unknown.param], ['resource_missing', 'payment_intent']);
  const reason = await refusal(stripe.refunds.create({ payment_intent: id, reason: 'bored' }));
  assert.match(reason.message, /must be one of duplicate, fraudulent, requested_by_customer/);
});

test('the metadata of a refund can be changed', async () => {
  const { id } = await captured(stripe);
  const refund = await stripe.refunds.create({ payment_intent: id });
  const changed = await stripe.refunds.update(refund.id, { metadata: { note: 'sorry' } });
  assert.equal(changed.metadata.note, 'sorry');
});
