import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { captured, confirmed, created } from './support/payments.js';
import { Receiver } from './support/receiver.js';
import { Sandbox } from './support/sandbox.js';
import { eventually, refusal } from './support/wait.js';

const secret = 'whsec_of_the_tests';
let receiver;
let sandbox;
let stripe;

beforeEach(async () => {
  receiver = await Receiver.start();
  sandbox = await Sandbox.start({ SANDBOX_WEBHOOK_URL: receiver.url, SANDBOX_WEBHOOK_SECRET: secret });
  stripe = sandbox.client();
});
afterEach(async () => {
  await sandbox.stop();
  await receiver.stop();
});

async function killAndStartAgain() {
  await sandbox.kill();
  await sandbox.startAgain();
}

const plain = (object) => JSON.parse(JSON.stringify(object));

test('after kill -9 everything is as it was', async () => {
  const held = await confirmed(stripe);
  const paid = await captured(stripe, 'pm_card_createDispute');
  const refunded = await captured(stripe);
  const refund = await stripe.refunds.create({ payment_intent: refunded.id, amount: 400 });
  const endpoint = await stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ['charge.refunded'] });
  const everything = async () => plain({
    intents: await stripe.paymentIntents.list({ limit: 100 }),
    charges: await stripe.charges.list({ limit: 100 }),
    refunds: await stripe.refunds.list({ limit: 100 }),
    disputes: await stripe.disputes.list({ limit: 100 }),
    endpoints: await stripe.webhookEndpoints.retrieve(endpoint.id),
    ledger: await sandbox.ledger(),
  });
  const before = await everything();
  await killAndStartAgain();

  assert.deepEqual(await everything(), before);
  assert.deepEqual(plain(await stripe.refunds.retrieve(refund.id)), plain(refund));
  assert.equal((await stripe.disputes.list({ payment_intent: paid.id })).data.length, 1);
  assert.equal((await stripe.paymentIntents.capture(held.id)).status, 'succeeded');
});

test('after kill -9 a key is answered as before', async () => {
  const key = randomUUID();
  const create = () => stripe.paymentIntents.create({ amount: 2400, currency: 'eur' }, { idempotencyKey: key });
  const first = await create();
  const failing = randomUUID();
  const fail = () => stripe.paymentIntents.cancel(first.id, {}, { idempotencyKey: failing });
  await sandbox.faults({ error_rate: 1 });
  await refusal(fail());
  await killAndStartAgain();

  const again = await create();
  assert.deepEqual(plain(again), plain(first));
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal((await refusal(fail())).statusCode, 500);
});

test('after kill -9 what was not delivered is delivered', async () => {
  receiver.status = 503;
  const { id } = await captured(stripe);
  await eventually('a delivery failed', 10_000, () => receiver.deliveries.length > 0);
  await sandbox.kill();
  receiver.deliveries.length = 0;
  receiver.status = 200;
  await sandbox.startAgain();

  const story = [
    'payment_intent.created', 'charge.succeeded', 'payment_intent.amount_capturable_updated',
    'charge.captured', 'payment_intent.succeeded',
  ];
  for (const type of story) await receiver.hears(id, type, 15_000);
  assert.equal(receiver.events(secret).length, story.length);
});

test('killed in the middle of work, what was answered is kept and what was not can be asked again', async () => {
  const orders = Array.from({ length: 40 }, () => ({ id: randomUUID(), steps: [] }));
  const once = (order, step) => ({ idempotencyKey: `${order.id}/${step}` });
  const work = async (order) => {
    const { paymentIntents } = stripe;
    const create = { amount: 2400, currency: 'eur', capture_method: 'manual', metadata: { order_id: order.id } };
    order.steps[0] = plain(await paymentIntents.create(create, once(order, 'create')));
    const { id } = order.steps[0];
    order.steps[1] = plain(await paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }, once(order, 'confirm')));
    order.steps[2] = plain(await paymentIntents.capture(id, {}, once(order, 'capture')));
  };
  const under = orders.map((order) => work(order).catch(() => {}));
  await eventually('some work is done', 10_000, () => orders.filter(({ steps }) => steps[1]).length >= 5);
  await killAndStartAgain();
  await Promise.all(under);

  const answered = orders.map(({ steps }) => [...steps]);
  const statuses = { requires_payment_method: 0, requires_capture: 1, succeeded: 2 };
  const ledger = await sandbox.ledger();
  for (const [index, order] of orders.entries()) {
    const entry = ledger.find(({ order_id: id }) => id === order.id);
    const acknowledged = answered[index].length - 1;
    assert.ok(acknowledged < 0 || statuses[entry.status] >= acknowledged, 'what was answered is kept');
  }
  await Promise.all(orders.map(work));
  for (const [index, order] of orders.entries()) {
    answered[index].forEach((step, number) => assert.deepEqual(order.steps[number], step));
  }
  const after = (await sandbox.ledger()).filter(({ order_id: id }) => orders.some((order) => order.id === id));
  assert.equal(after.length, orders.length, 'no order was paid twice');
  assert.ok(after.every(({ captured: money, status }) => money === 2400 && status === 'succeeded'));
});

test('after kill -9 there are no faults', async () => {
  await sandbox.faults({ down: true });
  await killAndStartAgain();
  assert.equal((await created(stripe)).status, 'requires_payment_method');
});

test('a second sandbox on the same data does not start', async () => {
  await assert.rejects(sandbox.startTwin(), /the sandbox ended with 1/);
});
