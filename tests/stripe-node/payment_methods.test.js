import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { confirmed, created } from './support/payments.js';
import { publishableKey, Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;
/** The same client as a browser would be: with the key that browsers show. */
let browser;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
  browser = sandbox.client({}, publishableKey);
});
after(() => sandbox.stop());

const visa = '4242424242424242';
const entered = (number = visa, more = {}) => ({
  type: 'card', card: { number, exp_month: 12, exp_year: 2040, cvc: '123', ...more },
});

test('a card that is entered becomes a payment method that does not show its number', async () => {
  const method = await browser.paymentMethods.create({
    ...entered('5555 5555 5555 4444'),
    billing_details: { name: 'Ada', email: 'ada@example.org', address: { city: 'Turin', postal_code: '10121' } },
    metadata: { cart: '7' },
  });
  assert.match(method.id, /^pm_/);
  assert.equal(method.object, 'payment_method');
  assert.equal(method.type, 'card');
  assert.equal(method.customer, null);
  const { card } = method;
  assert.deepEqual([card.brand, card.last4, card.exp_month, card.exp_year], ['mastercard', '4444', 12, 2040]);
  assert.deepEqual([method.billing_details.name, method.billing_details.address.city], ['Ada', 'Turin']);
  assert.equal(method.billing_details.phone, null);
  assert.deepEqual({ ...method.metadata }, { cart: '7' });
  assert.ok(!JSON.stringify(method).includes('555555'));
  assert.deepEqual(await stripe.paymentMethods.retrieve(method.id), method);
});

test('the same number has the same fingerprint and another number another', async () => {
  const numbers = [visa, '4242 4242 4242 4242', '4000000000000002'];
  const methods = await Promise.all(numbers.map((number) => browser.paymentMethods.create(entered(number))));
  const [one, same, other] = methods.map(({ card }) => card.fingerprint);
  assert.equal(one, same);
  assert.notEqual(one, other);
});

const outcomes = {
  '4242424242424242': 'requires_capture',
  '378282246310005': 'requires_capture',
  '4000000000000259': 'requires_capture',
  '4000002500003155': 'requires_action',
  '4000002760003184': 'requires_action',
  '4000000000000002': 'generic_decline',
  '4000000000009995': 'insufficient_funds',
  '4000000000009987': 'lost_card',
  '4000000000009979': 'stolen_card',
  '4000000000000069': 'expired_card',
  '4000000000000127': 'incorrect_cvc',
  '4000000000000119': 'processing_error',
};

for (const [number, outcome] of Object.entries(outcomes)) {
  test(`${number} confirmed ends in ${outcome}`, async () => {
    const method = await browser.paymentMethods.create(entered(number));
    const end = await confirmed(stripe, method.id).catch((error) => error);
    assert.equal(end.status ?? end.decline_code, outcome);
    if (end.decline_code) assert.equal(end.payment_method.id, method.id);
    else assert.equal(end.payment_method, method.id);
  });
}

test('a charge shows the card that it was made with', async () => {
  const method = await browser.paymentMethods.create({
    ...entered('4000056655665556'), billing_details: { address: { line1: 'Via Po 1' } },
  });
  const { latest_charge: id } = await confirmed(stripe, method.id);
  const charge = await stripe.charges.retrieve(id, { expand: ['payment_intent.payment_method'] });
  const { card } = charge.payment_method_details;
  assert.deepEqual([card.last4, card.funding, card.exp_year], ['5556', 'debit', 2040]);
  assert.deepEqual([card.checks.cvc_check, card.checks.address_line1_check], ['pass', 'pass']);
  assert.equal(charge.billing_details.address.line1, 'Via Po 1');
  assert.equal(charge.payment_intent.payment_method.id, method.id);
});

const wrong = [
  ['a number that is none', { number: '4242' }, 'invalid_number', 'number'],
  ['a number with a wrong digit', { number: '4242424242424241' }, 'incorrect_number', 'number'],
  ['a month that does not exist', { exp_month: 13 }, 'invalid_expiry_month', 'exp_month'],
  ['a year that is over', { exp_year: 1995 }, 'invalid_expiry_year', 'exp_year'],
  ['a security code that is too short', { cvc: '99' }, 'invalid_cvc', 'cvc'],
];

for (const [what, card, code, param] of wrong) {
  test(`${what} is a card error that names the field`, async () => {
    const error = await refusal(browser.paymentMethods.create(entered(card.number, card)));
    assert.equal(error.type, 'StripeCardError');
    assert.equal(error.statusCode, 402);
    assert.deepEqual([error.code, error.param], [code, param]);
    assert.ok(error.message);
  });
}

test('a card that may be real is refused and leaves no trace', async () => {
  const number = '4111111111111111';
  const idempotencyKey = randomUUID();
  const error = await refusal(browser.paymentMethods.create(entered(number), { idempotencyKey }));
  assert.deepEqual([error.code, error.decline_code], ['card_declined', 'test_mode_live_card']);
  assert.ok(!JSON.stringify(error.raw).includes(number));
});

test('no number is on disk, neither of a payment method nor of the request that made it', async () => {
  const idempotencyKey = randomUUID();
  const number = '4000000000009979';
  const method = await browser.paymentMethods.create(entered(number), { idempotencyKey });
  await refusal(confirmed(stripe, method.id));
  const again = await browser.paymentMethods.create(entered(number), { idempotencyKey });
  assert.equal(again.id, method.id);
  const other = await refusal(browser.paymentMethods.create(entered(visa), { idempotencyKey }));
  assert.equal(other.type, 'StripeIdempotencyError');
  const files = await readdir(sandbox.folder);
  const bytes = await Promise.all(files.map((file) => readFile(join(sandbox.folder, file), 'latin1')));
  assert.ok(bytes.some((text) => text.includes(method.id)), 'what is looked through is the store');
  assert.ok(bytes.every((text) => !text.includes(number)));
});

test('what is missing or unknown is refused by name', async () => {
  const refused = [
    [{}, 'parameter_missing', 'type'],
    [{ type: 'card' }, 'parameter_missing', 'card[number]'],
    [{ type: 'card', card: { number: visa } }, 'parameter_missing', 'card[exp_month]'],
    [{ ...entered(), colour: 'red' }, 'parameter_unknown', 'colour'],
    [{ ...entered(), billing_details: { email: 'ada' } }, 'email_invalid', 'billing_details[email]'],
    [{ ...entered(), type: 'sepa_debit' }, undefined, 'type'],
    [entered(visa, { exp_month: 'May' }), 'parameter_invalid_integer', 'card[exp_month]'],
  ];
  for (const [parameters, code, param] of refused) {
    const error = await refusal(browser.paymentMethods.create(parameters));
    assert.equal(error.type, 'StripeInvalidRequestError');
    assert.deepEqual([error.code, error.param], [code, param]);
  }
});

test("the browser's key makes payment methods and does nothing else", async () => {
  const { id } = await created(stripe);
  const method = await browser.paymentMethods.create(entered());
  const refused = [
    () => created(browser),
    () => browser.paymentIntents.confirm(id, { payment_method: method.id }),
    () => browser.paymentIntents.list(),
    () => browser.paymentMethods.list(),
    () => browser.paymentMethods.retrieve(method.id),
    () => browser.paymentMethods.update(method.id, { metadata: { a: '1' } }),
    () => browser.refunds.create({ payment_intent: id }),
  ];
  for (const request of refused) {
    const error = await refusal(request());
    assert.equal(error.type, 'StripePermissionError');
    assert.equal(error.code, 'secret_key_required');
  }
});

test('a page of any origin may make a payment method and may not call anything else', async () => {
  const preflight = (path) => fetch(sandbox.url + path, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://shop.example', 'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
  const allowed = await preflight('/v1/payment_methods');
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get('access-control-allow-origin'), '*');
  assert.match(allowed.headers.get('access-control-allow-headers'), /authorization.*content-type/);
  const refused = await preflight('/v1/payment_intents');
  assert.equal(refused.headers.get('access-control-allow-origin'), null);

  const bad = await fetch(`${sandbox.url}/v1/payment_methods`, {
    method: 'POST', body: new URLSearchParams({ type: 'card', 'card[number]': '1' }),
    headers: { origin: 'https://shop.example', authorization: `Bearer ${publishableKey}` },
  });
  assert.equal(bad.headers.get('access-control-allow-origin'), '*', 'errors can be read as well');
});

test('a test token is taken where a number is', async () => {
  const method = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_chargeDeclined' } });
  const error = await refusal(confirmed(stripe, method.id));
  assert.equal(error.decline_code, 'generic_decline');
  const unknown = await refusal(stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_none' } }));
  assert.equal(unknown.code, 'resource_missing');
});

test('a card can come with the payment', async () => {
  const intent = await created(stripe, {
    payment_method_data: { ...entered('4000000000003220'), billing_details: { name: 'Ada' } },
  });
  assert.equal(intent.status, 'requires_confirmation');
  const method = await stripe.paymentMethods.retrieve(intent.payment_method);
  assert.deepEqual([method.card.last4, method.billing_details.name], ['3220', 'Ada']);
  assert.equal((await stripe.paymentIntents.confirm(intent.id)).status, 'requires_action');
});

test('a payment method that no customer keeps pays for one payment', async () => {
  const method = await browser.paymentMethods.create(entered());
  await confirmed(stripe, method.id);
  const error = await refusal(confirmed(stripe, method.id));
  assert.equal(error.type, 'StripeInvalidRequestError');
  assert.match(error.message, /previously used.*may not be used again/);
});

test('payment methods are listed newest first and can be changed', async () => {
  const [older, newer] = [await browser.paymentMethods.create(entered()), await browser.paymentMethods.create(entered())];
  const { data } = await stripe.paymentMethods.list({ type: 'card', limit: 2 });
  assert.deepEqual(data.map(({ id }) => id), [newer.id, older.id]);
  const changed = await stripe.paymentMethods.update(older.id, {
    billing_details: { name: 'Ada', address: { city: 'Turin' } }, card: { exp_month: 5, exp_year: 2041 },
    metadata: { cart: '8' },
  });
  assert.deepEqual([changed.billing_details.name, changed.card.exp_month, changed.metadata.cart], ['Ada', 5, '8']);
  assert.match((await refusal(stripe.paymentMethods.update('pm_card_visa', {}))).message, /can't be changed/);
});

test('a payment method outlives kill -9', async () => {
  const method = await browser.paymentMethods.create(entered());
  await sandbox.kill();
  await sandbox.startAgain();
  assert.deepEqual(await stripe.paymentMethods.retrieve(method.id), method);
});
