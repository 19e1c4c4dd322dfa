import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import Stripe from 'stripe';
import { captured, confirmed, created } from './support/payments.js';
import { Receiver } from './support/receiver.js';
import { Sandbox } from './support/sandbox.js';
import { eventually, refusal } from './support/wait.js';

const secret = 'whsec_of_the_tests';
let receiver;
let sandbox;
let stripe;

before(async () => {
  receiver = await Receiver.start();
  sandbox = await Sandbox.start({ SANDBOX_WEBHOOK_URL: receiver.url, SANDBOX_WEBHOOK_SECRET: secret });
  stripe = sandbox.client();
});
beforeEach(() => {
  receiver.status = 200;
});
afterEach(() => sandbox.noFaults());
after(async () => {
  await sandbox.stop();
  await receiver.stop();
});

/** The types of a payment's events so far, and of its charges, refunds and disputes. */
const types = (id) => receiver.events(secret)
  .filter(({ data: { object } }) => [object.id, object.payment_intent].includes(id))
  .map(({ type }) => type)
  .sort();

async function tells(id, expected) {
  const wanted = [...expected].sort();
  await eventually(`${wanted} arrive, not ${types(id)}`, 10_000, () => types(id).length >= wanted.length);
  assert.deepEqual(types(id), wanted);
}

test('an event is signed so that the client accepts it, and a changed one is refused', async () => {
  const { id } = await created(stripe);
  const [{ body, headers }] = await receiver.hears(id, 'payment_intent.created');
  const signature = headers['stripe-signature'];
  const event = stripe.webhooks.constructEvent(body, signature, secret);
  assert.equal(event.data.object.id, id);
  assert.match(headers['content-type'], /^application\/json/);
  const forged = Buffer.from(body.toString().replace('2400', '1'));
  for (const [payload, key] of [[forged, secret], [body, 'whsec_wrong']]) {
    assert.throws(
      () => stripe.webhooks.constructEvent(payload, signature, key),
      Stripe.errors.StripeSignatureVerificationError,
    );
  }
});

test('a payment tells its story: held and taken', async () => {
  const { id } = await captured(stripe);
  await tells(id, [
    'payment_intent.created', 'charge.succeeded', 'payment_intent.amount_capturable_updated',
    'charge.captured', 'payment_intent.succeeded',
  ]);
});

test('a payment tells its story: declined', async () => {
  const { payment_intent: { id } } = await refusal(confirmed(stripe, 'pm_card_visa_chargeDeclined'));
  await tells(id, ['payment_intent.created', 'charge.failed', 'payment_intent.payment_failed']);
  const failed = receiver.of(id, 'payment_intent.payment_failed').map(({ body }) => JSON.parse(body))[0];
  assert.equal(failed.data.object.last_payment_error.decline_code, 'generic_decline');
});

test('a payment tells its story: to the bank and refused there', async () => {
  const { id, next_action: next } = await confirmed(stripe, 'pm_card_authenticationRequired');
  await tells(id, ['payment_intent.created', 'payment_intent.requires_action']);
  await fetch(next.redirect_to_url.url, {
    method: 'POST', body: new URLSearchParams({ answer: 'refuse' }), redirect: 'manual',
  });
  await tells(id, ['payment_intent.created', 'payment_intent.requires_action', 'payment_intent.payment_failed']);
});

test('a payment tells its story: held and let go', async () => {
  const { id } = await confirmed(stripe);
  await stripe.paymentIntents.cancel(id);
  await tells(id, [
    'payment_intent.created', 'charge.succeeded', 'payment_intent.amount_capturable_updated',
    'refund.created', 'charge.refunded', 'payment_intent.canceled',
  ]);
  const [{ body }] = receiver.of(id, 'charge.refunded');
  assert.equal(JSON.parse(body).data.object.captured, false);
});

test('a payment tells its story: refunded in part', async () => {
  const { id } = await captured(stripe);
  await stripe.refunds.create({ payment_intent: id, amount: 400 });
  const [{ body }] = await receiver.hears(id, 'charge.refunded');
  const { data } = JSON.parse(body);
  assert.deepEqual([data.object.amount_refunded, data.object.refunded], [400, false]);
  assert.deepEqual(data.previous_attributes, { amount_refunded: 0, refunded: false });
  await receiver.hears(id, 'refund.created');
});

test('a payment tells its story: disputed and won', async () => {
  const { id } = await captured(stripe, 'pm_card_createDispute');
  const [{ body }] = await receiver.hears(id, 'charge.dispute.created');
  await receiver.hears(id, 'charge.dispute.funds_withdrawn');
  const dispute = JSON.parse(body).data.object;
  await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' } });
  await receiver.hears(id, 'charge.dispute.funds_reinstated');
  const [closed] = await receiver.hears(id, 'charge.dispute.closed');
  assert.equal(JSON.parse(closed.body).data.object.status, 'won');
});

test('an event names the request and the key that it came of', async () => {
  const intent = await stripe.paymentIntents.create({ amount: 100, currency: 'eur' }, { idempotencyKey: 'story/1' });
  const [{ body }] = await receiver.hears(intent.id, 'payment_intent.created');
  const event = JSON.parse(body);
  assert.deepEqual(event.request, { id: intent.lastResponse.requestId, idempotency_key: 'story/1' });
  assert.equal(event.pending_webhooks, 1);
  await eventually('nothing is pending', 5_000, async () =>
    (await stripe.events.retrieve(event.id)).pending_webhooks === 0);
});

test('an event that is not taken comes again, later and later, until it is', async () => {
  receiver.status = 500;
  const { id } = await created(stripe);
  await eventually('it was tried three times', 15_000, () => receiver.of(id, 'payment_intent.created').length >= 3);
  receiver.status = 204;
  const tries = await eventually('it is taken', 15_000, () => {
    const found = receiver.of(id, 'payment_intent.created');
    return found.length >= 4 && found;
  });
  const pauses = tries.slice(1).map(({ at }, index) => at - tries[index].at);
  assert.ok(pauses[0] >= 900 && pauses[1] >= 1_900 && pauses[2] >= 3_900, `pauses of ${pauses} ms`);
  const ids = new Set(tries.map(({ body }) => JSON.parse(body).id));
  assert.equal(ids.size, 1);
  const signatures = new Set(tries.map(({ headers }) => headers['stripe-signature']));
  assert.equal(signatures.size, tries.length, 'each try is signed anew');
  const pending = (await stripe.events.retrieve([...ids][0])).pending_webhooks;
  assert.equal(pending, 0);
});

test('a redirect is not followed and does not count as taken', async () => {
  receiver.status = 302;
  const { id } = await created(stripe);
  await eventually('it was tried twice', 10_000, () => receiver.of(id, 'payment_intent.created').length >= 2);
});

test('webhooks can be late', async () => {
  await sandbox.faults({ webhooks: { delay_ms: 700 } });
  const start = Date.now();
  const { id } = await created(stripe);
  const [{ at }] = await receiver.hears(id, 'payment_intent.created');
  assert.ok(at - start >= 700, `came after ${at - start} ms`);
});

test('webhooks can come twice', async () => {
  await sandbox.faults({ webhooks: { duplicate_rate: 1 } });
  const { id } = await created(stripe);
  const both = await eventually('it comes twice', 5_000, () => {
    const found = receiver.of(id, 'payment_intent.created');
    return found.length === 2 && found;
  });
  assert.equal(JSON.parse(both[0].body).id, JSON.parse(both[1].body).id);
});

test('webhooks can get lost', async () => {
  await sandbox.faults({ webhooks: { drop_rate: 1 } });
  const lost = await created(stripe);
  await eventually('nothing is pending', 5_000, async () => {
    const [event] = (await stripe.events.list({ limit: 1 })).data;
    return event.data.object.id === lost.id && event.pending_webhooks === 0;
  });
  await sandbox.noFaults();
  const next = await created(stripe);
  await receiver.hears(next.id, 'payment_intent.created');
  assert.equal(receiver.of(lost.id, 'payment_intent.created').length, 0);
});

test('webhooks can come in another order', async () => {
  await sandbox.faults({ webhooks: { reorder: true } });
  const sent = [];
  for (let number = 0; number < 12; number += 1) sent.push((await created(stripe)).id);
  const arrived = () => receiver.deliveries
    .map(({ body }) => JSON.parse(body).data.object.id)
    .filter((id) => sent.includes(id));
  await eventually('all arrive', 10_000, () => arrived().length === sent.length);
  assert.notDeepEqual(arrived(), sent);
  assert.deepEqual(arrived().sort(), [...sent].sort());
});

test('an endpoint made by the API shows its secret once and gets what it asked for', async () => {
  const other = await Receiver.start();
  try {
    const made = await stripe.webhookEndpoints.create({
      url: other.url, enabled_events: ['payment_intent.canceled'], api_version: '2025-06-30.basil',
      description: 'tests', metadata: { shop: 'one' },
    });
    assert.match(made.secret, /^whsec_/);
    assert.equal(made.status, 'enabled');
    const shown = await stripe.webhookEndpoints.retrieve(made.id);
    assert.equal(shown.secret, undefined);
    assert.deepEqual([...shown.enabled_events], ['payment_intent.canceled']);
    assert.ok((await stripe.webhookEndpoints.list()).data.every((endpoint) => !endpoint.secret));

    const { id } = await created(stripe);
    await stripe.paymentIntents.cancel(id);
    await other.hears(id, 'payment_intent.canceled');
    assert.deepEqual(other.events(made.secret).map(({ type }) => type), ['payment_intent.canceled']);
    await receiver.hears(id, 'payment_intent.canceled');

    const disabled = await stripe.webhookEndpoints.update(made.id, { disabled: true });
    assert.equal(disabled.status, 'disabled');
    const deleted = await stripe.webhookEndpoints.del(made.id);
    assert.deepEqual([deleted.id, deleted.deleted], [made.id, true]);
    assert.equal((await refusal(stripe.webhookEndpoints.retrieve(made.id))).code, 'resource_missing');

    const next = await created(stripe);
    await stripe.paymentIntents.cancel(next.id);
    await receiver.hears(next.id, 'payment_intent.canceled');
    assert.equal(other.deliveries.length, 1);
  } finally {
    await other.stop();
  }
});

test('each of several endpoints has a secret of its own', async () => {
  const receivers = await Promise.all([Receiver.start(), Receiver.start()]);
  try {
    const made = await Promise.all(receivers.map(({ url }) =>
      stripe.webhookEndpoints.create({ url, enabled_events: ['payment_intent.created'] })));
    const { id } = await created(stripe);
    await Promise.all(receivers.map((one) => one.hears(id, 'payment_intent.created')));
    const [one, other] = receivers.map((from, index) => from.events(made[index].secret));
    assert.equal(one[0].id, other[0].id, 'it is the same event');
    assert.throws(() => receivers[0].events(made[1].secret), /No signatures found matching/);
    await Promise.all(made.map(({ id: endpoint }) => stripe.webhookEndpoints.del(endpoint)));
  } finally {
    await Promise.all(receivers.map((one) => one.stop()));
  }
});

test('an endpoint needs an address and something to be told of', async () => {
  const address = await refusal(stripe.webhookEndpoints.create({ url: 'nowhere', enabled_events: ['*'] }));
  assert.deepEqual([address.code, address.param], ['url_invalid', 'url']);
  const nothing = await refusal(stripe.webhookEndpoints.create({ url: receiver.url }));
  assert.deepEqual([nothing.code, nothing.param], ['parameter_missing', 'enabled_events']);
});
