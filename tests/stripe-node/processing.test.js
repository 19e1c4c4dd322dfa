import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { confirmed, created } from './support/payments.js';
import { Receiver } from './support/receiver.js';
import { press, Sandbox } from './support/sandbox.js';
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
  const intent = await stripe.paymentIntents.retrieve(id);
  return intent.status !== status && intent;
});

test('while the bank thinks about it a payment is processing, and nothing is charged', async () => {
  const intent = await confirmed(stripe, 'pm_sandbox_processing');
  assert.equal(intent.status, 'processing');
  assert.equal(intent.processing.type, 'card');
  assert.deepEqual([intent.amount_capturable, intent.amount_received, intent.latest_charge], [0, 0, null]);
  await receiver.hears(intent.id, 'payment_intent.processing');
  for (const act of ['confirm', 'capture', 'cancel']) {
    const error = await refusal(stripe.paymentIntents[act](intent.id));
    assert.equal(error.code, 'payment_intent_unexpected_state');
    assert.match(error.message, /status of processing/);
    assert.equal(error.payment_intent.status, 'processing');
  }
});

test('the bank approves after a while', async () => {
  await sandbox.faults({ processing_ms: 300 });
  const { id, status } = await confirmed(stripe, 'pm_sandbox_processingApproved');
  assert.equal(status, 'processing');
  const intent = await leaves(id, 'processing');
  assert.equal(intent.status, 'requires_capture');
  assert.equal(intent.processing, null);
  await receiver.hears(id, 'payment_intent.amount_capturable_updated');
  assert.equal((await stripe.paymentIntents.capture(id)).status, 'succeeded');
});

test('the bank approves after a while what is to be taken at once', async () => {
  await sandbox.faults({ processing_ms: 100 });
  const { id } = await confirmed(stripe, 'pm_sandbox_processingApproved', { capture_method: 'automatic' });
  assert.equal((await leaves(id, 'processing')).status, 'succeeded');
  await receiver.hears(id, 'payment_intent.succeeded');
});

test('the bank declines after a while, and another card can be tried', async () => {
  await sandbox.faults({ processing_ms: 100 });
  const { id } = await confirmed(stripe, 'pm_sandbox_processingDeclined');
  const intent = await leaves(id, 'processing');
  assert.equal(intent.status, 'requires_payment_method');
  assert.equal(intent.last_payment_error.decline_code, 'generic_decline');
  await receiver.hears(id, 'payment_intent.payment_failed');
  assert.equal((await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })).status, 'requires_capture');
});

test('buttons of the console say what the bank says', async () => {
  for (const [button, status] of [['approve', 'requires_capture'], ['decline', 'requires_payment_method']]) {
    const { id } = await confirmed(stripe, 'pm_sandbox_processing');
    assert.deepEqual(await press(sandbox, button, id), [303, '/']);
    assert.equal((await stripe.paymentIntents.retrieve(id)).status, status);
    assert.equal((await press(sandbox, button, id))[0], 400);
  }
  assert.equal((await press(sandbox, 'approve', 'pi_unknown'))[0], 404);
});

test('the bank decides after kill -9 as well', async () => {
  await sandbox.faults({ processing_ms: 1_500 });
  const { id } = await confirmed(stripe, 'pm_sandbox_processingApproved');
  await sandbox.kill();
  await sandbox.startAgain();
  assert.equal((await leaves(id, 'processing')).status, 'requires_capture');
});

test('an authorization that is not captured in time ends by itself', async () => {
  await sandbox.faults({ authorization_seconds: 2 });
  const held = await confirmed(stripe, 'pm_card_visa', {});
  const { payment_method_details: { card }, created: at } = await stripe.charges.retrieve(held.latest_charge);
  assert.equal(card.capture_before, at + 2);
  const intent = await leaves(held.id, 'requires_capture');
  assert.equal(intent.status, 'canceled');
  assert.equal(intent.cancellation_reason, 'automatic');
  assert.ok(intent.canceled_at >= card.capture_before);
  assert.equal(intent.amount_capturable, 0);

  const charge = await stripe.charges.retrieve(held.latest_charge);
  assert.deepEqual([charge.captured, charge.refunded, charge.amount_refunded], [false, true, 2400]);
  await receiver.hears(held.id, 'charge.expired');
  const [{ body }] = await receiver.hears(held.id, 'payment_intent.canceled');
  assert.equal(JSON.parse(body).data.object.cancellation_reason, 'automatic');
  const error = await refusal(stripe.paymentIntents.capture(held.id));
  assert.equal(error.code, 'payment_intent_unexpected_state');
  const entry = await sandbox.ledger(held.id);
  assert.deepEqual([entry.status, entry.captured, entry.refunded], ['canceled', 0, 0]);
});

test('an authorization that is captured in time does not end', async () => {
  await sandbox.faults({ authorization_seconds: 1 });
  const { id } = await confirmed(stripe);
  await stripe.paymentIntents.capture(id);
  const other = await confirmed(stripe);
  await leaves(other.id, 'requires_capture');
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'succeeded');
});

test('an authorization that fell due while the sandbox was gone ends when it is back', async () => {
  await sandbox.faults({ authorization_seconds: 1 });
  const { id } = await confirmed(stripe);
  await sandbox.kill();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await sandbox.startAgain();
  assert.equal((await leaves(id, 'requires_capture')).cancellation_reason, 'automatic');
});

test('a button of the console ends an authorization at once', async () => {
  const { id } = await confirmed(stripe);
  assert.deepEqual(await press(sandbox, 'expire', id), [303, '/']);
  assert.equal((await stripe.paymentIntents.retrieve(id)).cancellation_reason, 'automatic');
  assert.equal((await press(sandbox, 'expire', (await created(stripe)).id))[0], 400);
});
