import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { confirmed, created } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

const declines = {
  pm_card_visa_chargeDeclined: ['card_declined', 'generic_decline'],
  pm_card_visa_chargeDeclinedInsufficientFunds: ['card_declined', 'insufficient_funds'],
  pm_card_visa_chargeDeclinedLostCard: ['card_declined', 'lost_card'],
  pm_card_visa_chargeDeclinedStolenCard: ['card_declined', 'stolen_card'],
  pm_card_chargeDeclinedExpiredCard: ['expired_card', 'expired_card'],
  pm_card_chargeDeclinedIncorrectCvc: ['incorrect_cvc', 'incorrect_cvc'],
  pm_card_chargeDeclinedProcessingError: ['processing_error', 'processing_error'],
};

for (const [card, [code, declineCode]] of Object.entries(declines)) {
  test(`${card} is declined with ${declineCode}`, async () => {
    const error = await refusal(confirmed(stripe, card));
    assert.equal(error.type, 'StripeCardError');
    assert.equal(error.statusCode, 402);
    assert.equal(error.rawType, 'card_error');
    assert.equal(error.code, code);
    assert.equal(error.decline_code, declineCode);
    assert.ok(error.message && error.requestId && error.doc_url);
    assert.match(error.charge, /^ch_/);
    assert.equal(error.payment_method.id, card);
    assert.equal(error.payment_intent.status, 'requires_payment_method');
  });
}

test('a decline brings the payment back to where a method is needed, and says why', async () => {
  const { payment_intent: declined, charge } =
    await refusal(confirmed(stripe, 'pm_card_visa_chargeDeclinedInsufficientFunds'));
  const intent = await stripe.paymentIntents.retrieve(declined.id);
  assert.equal(intent.status, 'requires_payment_method');
  assert.equal(intent.payment_method, null);
  assert.equal(intent.amount_capturable, 0);
  assert.equal(intent.latest_charge, charge);
  const last = intent.last_payment_error;
  assert.equal(last.type, 'card_error');
  assert.equal(last.decline_code, 'insufficient_funds');
  assert.equal(last.charge, charge);
  assert.equal(last.payment_method.id, 'pm_card_visa_chargeDeclinedInsufficientFunds');
});

test('a declined charge is kept as a failed one', async () => {
  const { charge: id } = await refusal(confirmed(stripe, 'pm_card_visa_chargeDeclined'));
  const charge = await stripe.charges.retrieve(id);
  assert.equal(charge.status, 'failed');
  assert.equal(charge.paid, false);
  assert.equal(charge.captured, false);
  assert.equal(charge.failure_code, 'card_declined');
  assert.equal(charge.outcome.reason, 'generic_decline');
  assert.equal(charge.outcome.network_status, 'declined_by_network');
});

test('after a decline another card pays the same payment', async () => {
  const { payment_intent: { id } } = await refusal(confirmed(stripe, 'pm_card_visa_chargeDeclined'));
  const intent = await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
  assert.equal(intent.status, 'requires_capture');
  assert.equal(intent.last_payment_error, null);
  const charges = await stripe.charges.list({ payment_intent: id });
  assert.deepEqual(charges.data.map(({ status }) => status), ['succeeded', 'failed']);
});

test('a decline at creation leaves a payment that can be tried again', async () => {
  const error = await refusal(created(stripe, { payment_method: 'pm_card_visa_chargeDeclined', confirm: true }));
  assert.equal(error.type, 'StripeCardError');
  const intent = await stripe.paymentIntents.confirm(error.payment_intent.id, { payment_method: 'pm_card_visa' });
  assert.equal(intent.status, 'requires_capture');
});

test('a card that needs the shopper is declined when the shopper is not there', async () => {
  const error = await refusal(created(stripe, {
    payment_method: 'pm_card_authenticationRequired', confirm: true, off_session: true,
  }));
  assert.equal(error.type, 'StripeCardError');
  assert.equal(error.code, 'authentication_required');
  assert.equal(error.payment_intent.status, 'requires_payment_method');
});
