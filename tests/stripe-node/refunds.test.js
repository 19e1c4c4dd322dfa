import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { captured, confirmed } from './support/payments.js';
import { Receiver } from './support/receiver.js';
import { Sandbox } from './support/sandbox.js';
import { eventually, refusal } from './support/wait.js';

let receiver;
let sandbox;
let stripe;

before(async () => {
  receiver = await Receiver.start();
  sandbox = await Sandbox.start({ SANDBOX_WEBHOOK_URL: receiver.url });
  stripe = sandbox.client();
});
afterEach(() => sandbox.noFaults());
after(async () => {
  await sandbox.stop();
  await receiver.stop();
});

const leaves = (id, status) => eventually(`${id} leaves ${status}`, 5_000, async () => {
  const refund = await stripe.refunds.retrieve(id);
  return refund.status !== status && refund;
});

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

test('a refund can fail later, and its money is the shop\'s again', async () => {
  await sandbox.faults({ refund_ms: 200 });
  const { id, latest_charge: chargeId } = await captured(stripe, 'pm_card_refundFail');
  const refund = await stripe.refunds.create({ payment_intent: id, amount: 1000 });
  assert.equal(refund.status, 'succeeded');
  assert.equal((await sandbox.ledger(id)).refunded, 1000);

  const failed = await leaves(refund.id, 'succeeded');
  assert.equal(failed.status, 'failed');
  assert.equal(failed.failure_reason, 'expired_or_canceled_card');
  assert.equal((await stripe.charges.retrieve(chargeId)).amount_refunded, 0);
  assert.equal((await sandbox.ledger(id)).refunded, 0);
  const [{ body }] = await receiver.hears(id, 'refund.failed');
  assert.equal(JSON.parse(body).data.object.id, refund.id);
  await receiver.hears(id, 'charge.refund.updated');
  assert.equal((await stripe.refunds.create({ payment_intent: id })).amount, 2400, 'all can be refunded again');
});

test('a refund can be pending at first', async () => {
  await sandbox.faults({ refund_ms: 300 });
  const { id } = await captured(stripe, 'pm_card_pendingRefund');
  const refund = await stripe.refunds.create({ payment_intent: id });
  assert.deepEqual([refund.status, refund.pending_reason], ['pending', 'processing']);
  const error = await refusal(stripe.refunds.create({ payment_intent: id }));
  assert.equal(error.code, 'charge_already_refunded');
  assert.equal((await leaves(refund.id, 'pending')).status, 'succeeded');
  const [{ body }] = await receiver.hears(id, 'refund.updated');
  assert.deepEqual(JSON.parse(body).data.previous_attributes, { status: 'pending' });
  assert.equal((await sandbox.ledger(id)).refunded, 2400);
});

test('a refund fails after kill -9 as well', async () => {
  await sandbox.faults({ refund_ms: 1_500 });
  const { id } = await captured(stripe, 'pm_card_refundFail');
  const refund = await stripe.refunds.create({ payment_intent: id });
  await sandbox.kill();
  await sandbox.startAgain();
  assert.equal((await leaves(refund.id, 'succeeded')).status, 'failed');
});

test('a refund cannot be cancelled', async () => {
  const { id } = await captured(stripe);
  const refund = await stripe.refunds.create({ payment_intent: id });
  assert.match((await refusal(stripe.refunds.cancel(refund.id))).message, /cannot cancel.*succeeded/);
});

test('refunds at the same time never exceed what was taken', async () => {
  const { id } = await captured(stripe);
  const asked = Array.from({ length: 10 }, () => stripe.refunds.create({ payment_intent: id, amount: 500 }));
  const answers = await Promise.allSettled(asked);
  assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 4);
  assert.equal((await sandbox.ledger(id)).refunded, 2000);
});
