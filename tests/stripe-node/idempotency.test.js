import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { captured, created } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
afterEach(() => sandbox.noFaults());
after(() => sandbox.stop());

const parameters = { amount: 2400, currency: 'eur', capture_method: 'manual' };
const create = (key, more = {}) => stripe.paymentIntents.create({ ...parameters, ...more }, { idempotencyKey: key });
const plain = (object) => JSON.parse(JSON.stringify(object));

test('the same request under the same key is answered as before', async () => {
  const key = randomUUID();
  const first = await create(key);
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  const again = await create(key);
  assert.deepEqual(plain(again), plain(first));
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(again.lastResponse.headers['original-request'], first.lastResponse.requestId);
  assert.equal(again.lastResponse.headers['idempotency-key'], key);
  assert.notEqual(again.lastResponse.requestId, first.lastResponse.requestId);
});

test('a replay shows the first answer, not how things are now', async () => {
  const key = randomUUID();
  const { id } = await create(key);
  await stripe.paymentIntents.cancel(id);
  assert.equal((await create(key)).status, 'requires_payment_method');
});

test('a key that is forgotten makes the request anew', async () => {
  const key = randomUUID();
  const first = await create(key);
  await sandbox.faults({ idempotency_key_seconds: 0 });
  const second = await create(key);
  assert.notEqual(second.id, first.id);
  assert.equal(second.lastResponse.headers['idempotent-replayed'], undefined);
  await sandbox.noFaults();
  assert.equal((await create(key)).id, second.id, 'what was answered last is remembered');
});

test('another request under the same key is refused', async () => {
  const key = randomUUID();
  const { id } = await create(key);
  const otherBody = await refusal(create(key, { amount: 2500 }));
  assert.equal(otherBody.type, 'StripeIdempotencyError');
  assert.equal(otherBody.statusCode, 400);
  assert.equal(otherBody.rawType, 'idempotency_error');
  assert.match(otherBody.message, /same parameters they were first used with/);
  const otherPath = await refusal(stripe.paymentIntents.cancel(id, {}, { idempotencyKey: key }));
  assert.equal(otherPath.type, 'StripeIdempotencyError');
  assert.match(otherPath.message, /same endpoint.*'\/v1\/payment_intents' vs '\/v1\/payment_intents\/pi_/);
});

test('the order of the parameters makes no other request', async () => {
  const key = randomUUID();
  const first = await create(key);
  const turned = Object.fromEntries(Object.entries(parameters).reverse());
  const again = await stripe.paymentIntents.create(turned, { idempotencyKey: key });
  assert.equal(again.id, first.id);
});

test('while a request is under way its key is in use', async () => {
  await sandbox.faults({ latency_ms: 300 });
  const key = randomUUID();
  const answers = await Promise.allSettled([1, 2, 3].map(() => create(key)));
  const granted = answers.filter(({ status }) => status === 'fulfilled');
  assert.equal(granted.length, 1);
  for (const { reason: error } of answers.filter(({ status }) => status === 'rejected')) {
    assert.equal(error.statusCode, 409);
    assert.equal(error.code, 'idempotency_key_in_use');
  }
  assert.equal((await create(key)).id, granted[0].value.id);
});

test('a client that tries again by itself gets the one answer', async () => {
  await sandbox.faults({ latency_ms: 300 });
  const patient = sandbox.client({ maxNetworkRetries: 3 });
  const options = { idempotencyKey: randomUUID() };
  const answers = await Promise.all([1, 2].map(() => patient.paymentIntents.create(parameters, options)));
  assert.equal(answers[0].id, answers[1].id);
});

test('a failure is remembered and repeated when the fault is over', async () => {
  const key = randomUUID();
  const order = { metadata: { order_id: key } };
  await sandbox.faults({ error_rate: 1 });
  const first = await refusal(create(key, order));
  assert.equal(first.type, 'StripeAPIError');
  assert.equal(first.statusCode, 500);
  assert.equal(first.headers['stripe-should-retry'], 'false');
  await sandbox.noFaults();

  const again = await refusal(create(key, order));
  assert.equal(again.statusCode, 500);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.equal(again.message, first.message);
  assert.ok((await sandbox.ledger()).every((entry) => entry.order_id !== key), 'nothing was created');
  assert.match((await create(randomUUID(), order)).id, /^pi_/);
});

test('a decline is remembered and repeated', async () => {
  const { id } = await created(stripe);
  const options = { idempotencyKey: randomUUID() };
  const pay = () => stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa_chargeDeclined' }, options);
  const [first, again] = [await refusal(pay()), await refusal(pay())];
  assert.equal(again.statusCode, 402);
  assert.equal(again.charge, first.charge);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.equal((await stripe.charges.list({ payment_intent: id })).data.length, 1);
});

test('a refused parameter leaves the key unused', async () => {
  const key = randomUUID();
  const error = await refusal(create(key, { amount: 1 }));
  assert.equal(error.code, 'amount_too_small');
  const intent = await create(key);
  assert.equal(intent.lastResponse.headers['idempotent-replayed'], undefined);
});

test('a refund under one key is made once', async () => {
  const { id } = await captured(stripe);
  const options = { idempotencyKey: randomUUID() };
  const refund = () => stripe.refunds.create({ payment_intent: id, amount: 1000 }, options);
  assert.equal((await refund()).id, (await refund()).id);
  assert.equal((await sandbox.ledger(id)).refunded, 1000);
});

test('a key means nothing to a request that only looks', async () => {
  const options = { idempotencyKey: randomUUID() };
  const [one, other] = [await created(stripe), await created(stripe)];
  assert.equal((await stripe.paymentIntents.retrieve(one.id, {}, options)).id, one.id);
  const looked = await stripe.paymentIntents.retrieve(other.id, {}, options);
  assert.equal(looked.id, other.id);
  assert.equal(looked.lastResponse.headers['idempotent-replayed'], undefined);
});

test('a key of more than 255 characters is refused', async () => {
  const error = await refusal(create('k'.repeat(256)));
  assert.equal(error.type, 'StripeIdempotencyError');
});
