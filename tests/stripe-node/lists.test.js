import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { created } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

const howMany = 25;
let sandbox;
let stripe;
let newestFirst;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
  newestFirst = [];
  for (let number = 0; number < howMany; number += 1) {
    const metadata = { order_id: `order-${number}`, parity: number % 2 ? 'odd' : 'even' };
    newestFirst.unshift((await created(stripe, { amount: 1000 + number, metadata })).id);
  }
});
after(() => sandbox.stop());

const ids = ({ data }) => data.map(({ id }) => id);

test('a list begins with the newest ten and says that there are more', async () => {
  const page = await stripe.paymentIntents.list();
  assert.equal(page.object, 'list');
  assert.equal(page.url, '/v1/payment_intents');
  assert.equal(page.has_more, true);
  assert.deepEqual(ids(page), newestFirst.slice(0, 10));
});

test('pages go forward and back', async () => {
  const second = await stripe.paymentIntents.list({ limit: 10, starting_after: newestFirst[9] });
  assert.deepEqual(ids(second), newestFirst.slice(10, 20));
  const first = await stripe.paymentIntents.list({ limit: 10, ending_before: newestFirst[10] });
  assert.deepEqual(ids(first), newestFirst.slice(0, 10));
  assert.equal(first.has_more, false);
  const last = await stripe.paymentIntents.list({ limit: 10, starting_after: newestFirst[19] });
  assert.deepEqual([ids(last), last.has_more], [newestFirst.slice(20), false]);
});

test('the client finds all payments page by page', async () => {
  const found = [];
  for await (const intent of stripe.paymentIntents.list({ limit: 7 })) found.push(intent.id);
  assert.deepEqual(found, newestFirst);
  const backwards = await stripe.paymentIntents
    .list({ limit: 7, ending_before: newestFirst.at(-1) })
    .autoPagingToArray({ limit: 100 });
  assert.deepEqual(backwards.map(({ id }) => id), newestFirst.slice(0, -1).reverse());
});

test('a list is narrowed by time', async () => {
  const oldest = await stripe.paymentIntents.retrieve(newestFirst.at(-1));
  assert.deepEqual(ids(await stripe.paymentIntents.list({ created: { lt: oldest.created } })), []);
  const all = await stripe.paymentIntents.list({ created: { gte: oldest.created }, limit: 100 });
  assert.equal(all.data.length, howMany);
});

test('a wrong limit, cursor or filter is refused', async () => {
  const limit = await refusal(stripe.paymentIntents.list({ limit: 101 }));
  assert.equal(limit.param, 'limit');
  const cursor = await refusal(stripe.paymentIntents.list({ starting_after: 'pi_unknown' }));
  assert.deepEqual([cursor.code, cursor.param], ['resource_missing', 'starting_after']);
  const filter = await refusal(stripe.paymentIntents.list({ status: 'succeeded' }));
  assert.deepEqual([filter.code, filter.param], ['parameter_unknown', 'status']);
});

test('a payment is found by its metadata', async () => {
  const found = await stripe.paymentIntents.search({ query: "metadata['order_id']:'order-7'" });
  assert.equal(found.object, 'search_result');
  assert.deepEqual(ids(found), [newestFirst[howMany - 1 - 7]]);
  assert.equal(found.has_more, false);
});

test('a search joins clauses and goes on page by page', async () => {
  const query = "metadata['parity']:'odd' AND amount>=1010 AND status:'requires_payment_method'";
  const found = [];
  for await (const intent of stripe.paymentIntents.search({ query, limit: 3 })) found.push(intent.amount);
  assert.deepEqual(found, [1023, 1021, 1019, 1017, 1015, 1013, 1011]);
});

test('what is no search query is refused', async () => {
  const error = await refusal(stripe.paymentIntents.search({ query: 'order-7' }));
  assert.deepEqual([error.type, error.param], ['StripeInvalidRequestError', 'query']);
});

test('events are listed newest first and by their type', async () => {
  await stripe.paymentIntents.cancel(newestFirst[0]);
  const [newest] = (await stripe.events.list({ limit: 1 })).data;
  assert.equal(newest.type, 'payment_intent.canceled');
  const cancelled = await stripe.events.list({ type: 'payment_intent.canceled' });
  assert.deepEqual(cancelled.data.map((event) => event.data.object.id), [newestFirst[0]]);
  const some = await stripe.events.list({ types: ['payment_intent.created', 'charge.succeeded'], limit: 100 });
  assert.equal(some.data.length, howMany);
  const group = await stripe.events.list({ type: 'payment_intent.*', limit: 100 });
  assert.equal(group.data.length, howMany + 1);
});

test('an event tells what happened to what, and by which request', async () => {
  const intent = await created(stripe);
  const [listed] = (await stripe.events.list({ type: 'payment_intent.created', limit: 1 })).data;
  const event = await stripe.events.retrieve(listed.id);
  assert.deepEqual(event, listed);
  assert.equal(event.object, 'event');
  assert.deepEqual(event.data.object, JSON.parse(JSON.stringify(intent)));
  assert.equal(event.request.id, intent.lastResponse.requestId);
  assert.equal(event.request.idempotency_key, intent.lastResponse.idempotencyKey);
  assert.equal(event.pending_webhooks, 0);
  assert.match(event.api_version, /^\d{4}-\d\d-\d\d\./);
  assert.equal(event.livemode, false);
});
