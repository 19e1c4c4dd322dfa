import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { captured, confirmed, created } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

test('the ledger shows every payment with its money', async () => {
  const order = (id) => ({ metadata: { order_id: id } });
  const fresh = await created(stripe, { metadata: {} });
  const held = await confirmed(stripe, 'pm_card_visa', order('held'));
  const paid = await captured(stripe, 'pm_card_visa', order('paid'));
  await stripe.refunds.create({ payment_intent: paid.id, amount: 400 });
  const disputed = await captured(stripe, 'pm_card_createDispute', order('disputed'));

  const money = { amount: 2400, currency: 'EUR', amount_capturable: 0, captured: 0, refunded: 0, disputed: false };
  assert.deepEqual(await sandbox.ledger(), [
    { payment_intent: fresh.id, order_id: null, status: 'requires_payment_method', ...money },
    { payment_intent: held.id, order_id: 'held', status: 'requires_capture', ...money, amount_capturable: 2400 },
    { payment_intent: paid.id, order_id: 'paid', status: 'succeeded', ...money, captured: 2400, refunded: 400 },
    { payment_intent: disputed.id, order_id: 'disputed', status: 'succeeded', ...money, captured: 2400, disputed: true },
  ]);
});
