import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { created } from './support/payments.js';
import { Sandbox, secretKey } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

const wrong = [
  ['an unknown parameter', { colour: 'red' }, 'parameter_unknown', 'colour'],
  ['no amount', { amount: undefined }, 'parameter_missing', 'amount'],
  ['an empty amount', { amount: '' }, 'parameter_invalid_empty', 'amount'],
  ['an amount that is no number', { amount: 'ten' }, 'parameter_invalid_integer', 'amount'],
  ['a broken amount', { amount: 10.5 }, 'parameter_invalid_integer', 'amount'],
  ['an amount below nothing', { amount: -1 }, 'parameter_invalid_integer', 'amount'],
  ['an amount below the least', { amount: 49 }, 'amount_too_small', 'amount'],
  ['an amount above the most', { amount: 100_000_000 }, 'amount_too_large', 'amount'],
  ['no currency', { currency: undefined }, 'parameter_missing', 'currency'],
  ['an unknown currency', { currency: 'xyz' }, undefined, 'currency'],
  ['an unknown way to capture', { capture_method: 'later' }, undefined, 'capture_method'],
  ['a flag that is none', { confirm: 'maybe' }, undefined, 'confirm'],
  ['an unknown payment method', { payment_method: 'pm_unknown' }, 'resource_missing', 'payment_method'],
  ['a customer that does not exist', { customer: 'cus_unknown' }, 'resource_missing', 'customer'],
  ['a payment method type that the sandbox does not know', { payment_method_types: ['us_bank_account'] }, undefined, 'payment_method_types'],
  ['metadata that is no hash', { metadata: 'note' }, undefined, 'metadata'],
  ['metadata inside metadata', { metadata: { note: { a: 'b' } } }, undefined, 'metadata[note][a]'],
  ['an amount beyond all numbers', { amount: '1'.repeat(30) }, 'parameter_invalid_integer', 'amount'],
  ['metadata that is too long', { metadata: { note: 'x'.repeat(501) } }, undefined, 'metadata[note]'],
];

for (const [what, parameters, code, param] of wrong) {
  test(`${what} is refused by name`, async () => {
    const error = await refusal(created(stripe, parameters));
    assert.equal(error.type, 'StripeInvalidRequestError');
    assert.equal(error.rawType, 'invalid_request_error');
    assert.equal(error.statusCode, code === 'resource_missing' ? 404 : 400);
    assert.equal(error.code, code);
    assert.equal(error.param, param);
    assert.match(error.requestId, /^req_/);
  });
}

test('unknown ids are not found', async () => {
  const looks = {
    'payment_intent': () => stripe.paymentIntents.retrieve('pi_unknown'),
    'charge': () => stripe.charges.retrieve('ch_unknown'),
    'refund': () => stripe.refunds.retrieve('re_unknown'),
    'dispute': () => stripe.disputes.retrieve('du_unknown'),
    'event': () => stripe.events.retrieve('evt_unknown'),
    'PaymentMethod': () => stripe.paymentMethods.retrieve('pm_unknown'),
    'webhook endpoint': () => stripe.webhookEndpoints.retrieve('we_unknown'),
  };
  for (const [kind, look] of Object.entries(looks)) {
    const error = await refusal(look());
    assert.equal(error.statusCode, 404);
    assert.equal(error.code, 'resource_missing');
    assert.match(error.message, new RegExp(`^No such ${kind}: '`));
    assert.match(error.doc_url, /resource-missing$/);
  }
  for (const act of ['confirm', 'capture', 'cancel', 'update']) {
    const error = await refusal(stripe.paymentIntents[act]('pi_unknown', {}));
    assert.deepEqual([error.code, error.param], ['resource_missing', 'intent']);
  }
});

test('a path that the API does not have is told so', async () => {
  const error = await refusal(stripe.customers.create({}));
  assert.equal(error.statusCode, 404);
  assert.match(error.message, /^Unrecognized request URL \(POST: \/v1\/customers\)/);
});

test('without the right key nothing is done', async () => {
  const error = await refusal(created(sandbox.client({}, 'sk_test_wrong')));
  assert.equal(error.type, 'StripeAuthenticationError');
  assert.equal(error.statusCode, 401);
  assert.match(error.message, /Invalid API Key provided/);

  const none = await fetch(`${sandbox.url}/v1/payment_intents`);
  assert.equal(none.status, 401);
  assert.equal(none.headers.get('www-authenticate'), 'Basic realm="Stripe"');
  assert.match((await none.json()).error.message, /You did not provide an API key/);
});

test('the key can be shown as the user of HTTP Basic, as curl does', async () => {
  const authorization = `Basic ${Buffer.from(`${secretKey}:`).toString('base64')}`;
  const response = await fetch(`${sandbox.url}/v1/payment_intents`, { headers: { authorization } });
  assert.equal(response.status, 200);
});

test('a body that is JSON is refused', async () => {
  const response = await fetch(`${sandbox.url}/v1/payment_intents`, {
    method: 'POST', body: '{"amount":100}',
    headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' },
  });
  assert.equal(response.status, 400);
  assert.match((await response.json()).error.message, /application\/x-www-form-urlencoded/);
});

test('an answer names its request and the version that was asked for', async () => {
  const intent = await created(stripe);
  assert.match(intent.lastResponse.requestId, /^req_/);
  assert.equal(intent.lastResponse.apiVersion, stripe.getApiField('version'));
  const older = sandbox.client({ apiVersion: '2025-06-30.basil' });
  assert.equal((await older.paymentIntents.retrieve(intent.id)).lastResponse.apiVersion, '2025-06-30.basil');
});

test('a path without its id is not a list', async () => {
  const headers = { authorization: `Bearer ${secretKey}` };
  for (const path of ['/v1/payment_intents/', '/v1/refunds/', '/v1/payment_intents//confirm']) {
    const response = await fetch(sandbox.url + path, { headers });
    assert.equal(response.status, 404);
    assert.match((await response.json()).error.message, /^Unrecognized request URL/);
  }
});

test('a body of 10 MB is refused as an error that clients understand', async () => {
  const error = await refusal(created(stripe, { description: 'x'.repeat(10_000_000) }));
  assert.equal(error.statusCode, 413);
  assert.equal(error.rawType, 'invalid_request_error');
});

test('a search goes on only from where one ended', async () => {
  const error = await refusal(stripe.paymentIntents.search({ query: 'amount>0', page: 'elsewhere' }));
  assert.deepEqual([error.statusCode, error.param], [400, 'page']);
});

test('a list goes forward or back', async () => {
  const { id } = await created(stripe);
  const error = await refusal(stripe.paymentIntents.list({ starting_after: id, ending_before: id }));
  assert.match(error.message, /^Received both starting_after and ending_before/);
});

test('an empty idempotency key is none', async () => {
  const create = async () => {
    const response = await fetch(`${sandbox.url}/v1/payment_intents`, {
      method: 'POST', body: new URLSearchParams({ amount: 500, currency: 'eur' }),
      headers: { authorization: `Bearer ${secretKey}`, 'idempotency-key': '' },
    });
    return (await response.json()).id;
  };
  assert.notEqual(await create(), await create());
});

test('what is said of a charge can be changed', async () => {
  const intent = await created(stripe, { payment_method: 'pm_card_visa', confirm: true });
  const charge = await stripe.charges.update(intent.latest_charge, { description: 'Order 7', metadata: { a: '1' } });
  assert.deepEqual([charge.description, charge.metadata.a], ['Order 7', '1']);
});
