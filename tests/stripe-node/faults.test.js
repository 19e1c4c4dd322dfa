import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { confirmed, created } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { eventually, refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
afterEach(() => sandbox.noFaults());
after(() => sandbox.stop());

const none = {
  latency_ms: 0, error_rate: 0, timeout_after_effect_rate: 0, down: false,
  webhooks: { delay_ms: 0, duplicate_rate: 0, drop_rate: 0, reorder: false },
};

async function put(body) {
  const response = await fetch(`${sandbox.url}/sandbox/faults`, {
    method: 'PUT', body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

const inForce = async () => (await fetch(`${sandbox.url}/sandbox/faults`)).json();

test('at first there are no faults', async () => {
  assert.deepEqual(await inForce(), none);
});

test('any of the faults can be named and the others are off', async () => {
  for (const part of [{ down: true }, { latency_ms: 5 }, { error_rate: 0.5 }, { timeout_after_effect_rate: 0.25 }, {}]) {
    assert.deepEqual(await put(part), { status: 200, body: { ...none, ...part } });
  }
  const webhooks = await put({ webhooks: { drop_rate: 1 } });
  assert.deepEqual(webhooks.body, { ...none, webhooks: { ...none.webhooks, drop_rate: 1 } });
  assert.deepEqual(await inForce(), webhooks.body);
  const ended = await fetch(`${sandbox.url}/sandbox/faults`, { method: 'DELETE' });
  assert.deepEqual([ended.status, await ended.json(), await inForce()], [200, none, none]);
});

test('a fault that does not exist or cannot be is refused and changes nothing', async () => {
  await put({ latency_ms: 7 });
  const refused = [
    ['{"latency":5}', 422, /unknown field `latency`/],
    ['{"webhooks":{"drop":1}}', 422, /unknown field `drop`/],
    ['{"error_rate":1.5}', 422, /error_rate is 1.5/],
    ['{"latency_ms":-1}', 422, /invalid value/],
    ['{"down":"yes"}', 422, /invalid type/],
    ['{', 400, /EOF/],
  ];
  for (const [body, status, message] of refused) {
    const answer = await put(body);
    assert.equal(answer.status, status, body);
    assert.match(answer.body.error.message, message);
  }
  assert.deepEqual(await inForce(), { ...none, latency_ms: 7 });
});

test('a provider that is down answers 503 and does nothing', async () => {
  const { id } = await created(stripe);
  await sandbox.faults({ down: true });
  const { paymentIntents } = stripe;
  for (const ask of [() => created(stripe), () => paymentIntents.retrieve(id), () => paymentIntents.cancel(id)]) {
    const error = await refusal(ask());
    assert.equal(error.type, 'StripeAPIError');
    assert.equal(error.statusCode, 503);
  }
  await sandbox.noFaults();
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'requires_payment_method');
});

test('a request that met a provider that was down can be made again under its key', async () => {
  const options = { idempotencyKey: randomUUID() };
  const create = () => stripe.paymentIntents.create({ amount: 100, currency: 'eur' }, options);
  await sandbox.faults({ down: true });
  await refusal(create());
  await sandbox.noFaults();
  assert.match((await create()).id, /^pi_/);
});

test('latency holds every answer back', async () => {
  await sandbox.faults({ latency_ms: 300 });
  const { id } = await created(stripe);
  const start = performance.now();
  await stripe.paymentIntents.retrieve(id);
  assert.ok(performance.now() - start >= 299);
});

test('a request is carried out though its client hung up', async () => {
  const hasty = sandbox.client({ timeout: 150 });
  const order = randomUUID();
  await sandbox.faults({ latency_ms: 500 });
  const error = await refusal(created(hasty, { metadata: { order_id: order } }));
  assert.equal(error.type, 'StripeConnectionError');
  await eventually('the payment is in the ledger', 5_000, async () =>
    (await sandbox.ledger()).some((entry) => entry.order_id === order));
});

test('an answer is lost after its effect, and the key tells what it was', async () => {
  const hasty = sandbox.client({ timeout: 500 });
  const { id } = await created(stripe);
  const options = { idempotencyKey: randomUUID() };
  const pay = () => hasty.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }, options);
  await sandbox.faults({ timeout_after_effect_rate: 1 });
  const error = await refusal(pay());
  assert.equal(error.type, 'StripeConnectionError');
  assert.equal((await sandbox.ledger(id)).status, 'requires_capture');
  await sandbox.noFaults();

  const told = await pay();
  assert.equal(told.status, 'requires_capture');
  assert.equal(told.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal((await stripe.charges.list({ payment_intent: id })).data.length, 1);
});

test('looking is not lost to timeouts', async () => {
  const { id } = await created(stripe);
  await sandbox.faults({ timeout_after_effect_rate: 1 });
  assert.equal((await stripe.paymentIntents.retrieve(id)).id, id);
});

test('a provider that fails answers 500 to all and changes nothing', async () => {
  const { id } = await confirmed(stripe);
  await sandbox.faults({ error_rate: 1 });
  for (const ask of [() => stripe.paymentIntents.capture(id), () => stripe.paymentIntents.retrieve(id)]) {
    const error = await refusal(ask());
    assert.equal(error.type, 'StripeAPIError');
    assert.equal(error.rawType, 'api_error');
    assert.equal(error.statusCode, 500);
  }
  assert.equal((await sandbox.ledger(id)).status, 'requires_capture');
});

test('a provider that fails at times answers at other times', async () => {
  await sandbox.faults({ error_rate: 0.5 });
  const answers = await Promise.allSettled(Array.from({ length: 60 }, () => created(stripe)));
  const failed = answers.filter(({ status }) => status === 'rejected').length;
  assert.ok(failed > 5 && failed < 55, `${failed} of 60 failed`);
});
