import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { confirmed, created, returnUrl } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

/** What a shopper does on the bank's page; answers with the address that the bank sends them to. */
async function answer(intent, button) {
  const response = await fetch(intent.next_action.redirect_to_url.url, {
    method: 'POST', body: new URLSearchParams({ answer: button }), redirect: 'manual',
  });
  assert.equal(response.status, 303);
  return new URL(response.headers.get('location'), sandbox.url);
}

test('a card that needs the shopper sends them to the bank', async () => {
  const intent = await confirmed(stripe, 'pm_card_authenticationRequired');
  assert.equal(intent.status, 'requires_action');
  assert.equal(intent.amount_capturable, 0);
  assert.equal(intent.latest_charge, null);
  assert.equal(intent.next_action.type, 'redirect_to_url');
  assert.equal(intent.next_action.redirect_to_url.return_url, returnUrl);
  const page = await (await fetch(intent.next_action.redirect_to_url.url)).text();
  assert.match(page, /Approve this payment\?/);
  assert.match(page, /24\.00 EUR/);
});

test('approved at the bank, the money is set aside and the shopper is back at the shop', async () => {
  const waiting = await confirmed(stripe, 'pm_card_authenticationRequired');
  const back = await answer(waiting, 'approve');
  assert.equal(back.origin + back.pathname, returnUrl);
  assert.equal(back.searchParams.get('payment_intent'), waiting.id);
  assert.equal(back.searchParams.get('payment_intent_client_secret'), waiting.client_secret);
  assert.equal(back.searchParams.get('redirect_status'), 'succeeded');
  const intent = await stripe.paymentIntents.retrieve(waiting.id, { expand: ['latest_charge'] });
  assert.equal(intent.status, 'requires_capture');
  assert.equal(intent.next_action, null);
  assert.equal(intent.latest_charge.payment_method_details.card.three_d_secure.result, 'authenticated');
});

test('refused at the bank, another card can be tried', async () => {
  const waiting = await confirmed(stripe, 'pm_card_authenticationRequired');
  assert.equal((await answer(waiting, 'refuse')).searchParams.get('redirect_status'), 'failed');
  const intent = await stripe.paymentIntents.retrieve(waiting.id);
  assert.equal(intent.status, 'requires_payment_method');
  assert.equal(intent.payment_method, null);
  assert.equal(intent.next_action, null);
  assert.equal(intent.last_payment_error.code, 'payment_intent_authentication_failure');
  assert.equal(intent.last_payment_error.type, 'invalid_request_error');
  const paid = await stripe.paymentIntents.confirm(waiting.id, { payment_method: 'pm_card_visa' });
  assert.equal(paid.status, 'requires_capture');
});

test('approved at the bank, a card can be declined all the same', async () => {
  const waiting = await confirmed(stripe, 'pm_card_authenticationRequiredChargeDeclinedInsufficientFunds');
  await answer(waiting, 'approve');
  const intent = await stripe.paymentIntents.retrieve(waiting.id);
  assert.equal(intent.status, 'requires_payment_method');
  assert.equal(intent.last_payment_error.decline_code, 'insufficient_funds');
});

test('answered twice, the first answer stands', async () => {
  const waiting = await confirmed(stripe, 'pm_card_authenticationRequired');
  await answer(waiting, 'approve');
  assert.equal((await answer(waiting, 'refuse')).searchParams.get('redirect_status'), 'succeeded');
  assert.equal((await stripe.paymentIntents.retrieve(waiting.id)).status, 'requires_capture');
  const page = await (await fetch(waiting.next_action.redirect_to_url.url)).text();
  assert.match(page, /does not wait for you any more/);
});

test('answered after the payment was cancelled, nothing is charged', async () => {
  const waiting = await confirmed(stripe, 'pm_card_authenticationRequired');
  await stripe.paymentIntents.cancel(waiting.id);
  assert.equal((await answer(waiting, 'approve')).searchParams.get('redirect_status'), 'failed');
  const intent = await stripe.paymentIntents.retrieve(waiting.id);
  assert.equal(intent.status, 'canceled');
  assert.equal(intent.latest_charge, null);
});

test('the page of an unknown payment is not found', async () => {
  assert.equal((await fetch(`${sandbox.url}/3ds/pi_unknown`)).status, 404);
});

test('links to the bank use the public address where one is set', async () => {
  const behindProxy = await Sandbox.start({ SANDBOX_PUBLIC_URL: 'https://pay.example/' });
  try {
    const client = behindProxy.client();
    const { id } = await created(client);
    const intent = await client.paymentIntents.confirm(id, { payment_method: 'pm_card_authenticationRequired' });
    assert.equal(intent.next_action.redirect_to_url.url, `https://pay.example/3ds/${id}`);
  } finally {
    await behindProxy.stop();
  }
});
