import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { captured, confirmed } from './support/payments.js';
import { Sandbox } from './support/sandbox.js';
import { refusal } from './support/wait.js';

let sandbox;
let stripe;

before(async () => {
  sandbox = await Sandbox.start();
  stripe = sandbox.client();
});
after(() => sandbox.stop());

async function disputed() {
  const { id } = await captured(stripe, 'pm_card_createDispute');
  const { data: [dispute] } = await stripe.disputes.list({ payment_intent: id });
  return dispute;
}

test('a payment that will be disputed is so only once it is captured', async () => {
  const { id, latest_charge: chargeId } = await confirmed(stripe, 'pm_card_createDispute');
  assert.equal((await stripe.charges.retrieve(chargeId)).disputed, false);
  assert.equal((await sandbox.ledger(id)).disputed, false);
  await stripe.paymentIntents.capture(id);
  assert.equal((await stripe.charges.retrieve(chargeId)).disputed, true);
  assert.equal((await sandbox.ledger(id)).disputed, true);
});

test('a dispute names its charge and its payment and waits for an answer', async () => {
  const dispute = await disputed();
  assert.equal(dispute.object, 'dispute');
  assert.equal(dispute.status, 'needs_response');
  assert.equal(dispute.reason, 'fraudulent');
  assert.equal(dispute.amount, 2400);
  assert.ok(dispute.evidence_details.due_by > dispute.created);
  assert.deepEqual(await stripe.disputes.retrieve(dispute.id), dispute);
  const [event] = (await stripe.events.list({ type: 'charge.dispute.created', limit: 1 })).data;
  assert.equal(event.data.object.id, dispute.id);
});

test('a disputed payment cannot be refunded', async () => {
  const dispute = await disputed();
  const error = await refusal(stripe.refunds.create({ payment_intent: dispute.payment_intent }));
  assert.equal(error.code, 'charge_disputed');
});

test('a dispute is won or lost by its evidence', async () => {
  for (const [text, end] of [['winning_evidence', 'won'], ['losing_evidence', 'lost']]) {
    const dispute = await disputed();
    const decided = await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: text } });
    assert.equal(decided.status, end);
    assert.equal(decided.evidence_details.submission_count, 1);
    const error = await refusal(stripe.disputes.close(dispute.id));
    assert.match(error.message, /already closed/);
  }
});

test('evidence can be gathered first and submitted later', async () => {
  const { id } = await disputed();
  const gathered = await stripe.disputes.update(id, { evidence: { customer_name: 'Ada' }, submit: false });
  assert.equal(gathered.status, 'needs_response');
  const submitted = await stripe.disputes.update(id, { evidence: { receipt: 'file_1' } });
  assert.equal(submitted.status, 'under_review');
  assert.equal(submitted.evidence.customer_name, 'Ada');
});

test('a dispute that is accepted is lost', async () => {
  assert.equal((await stripe.disputes.close((await disputed()).id)).status, 'lost');
});

test('a dispute says why: goods that did not come', async () => {
  const { id } = await captured(stripe, 'pm_card_createDisputeProductNotReceived');
  const { data: [dispute] } = await stripe.disputes.list({ payment_intent: id });
  assert.equal(dispute.reason, 'product_not_received');
});

test('a payment whose dispute was won can be refunded and one whose dispute was lost cannot', async () => {
  const [won, lost] = [await disputed(), await disputed()];
  await stripe.disputes.update(won.id, { evidence: { uncategorized_text: 'winning_evidence' } });
  await stripe.disputes.update(lost.id, { evidence: { uncategorized_text: 'losing_evidence' } });
  assert.equal((await stripe.refunds.create({ payment_intent: won.payment_intent })).status, 'succeeded');
  const error = await refusal(stripe.refunds.create({ payment_intent: lost.payment_intent }));
  assert.equal(error.code, 'charge_disputed');
});
