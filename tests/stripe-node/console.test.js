import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { captured, confirmed } from './support/payments.js';
import { Receiver } from './support/receiver.js';
import { press, Sandbox } from './support/sandbox.js';
import { eventually } from './support/wait.js';

let receiver;
let sandbox;
let stripe;

before(async () => {
  receiver = await Receiver.start();
  sandbox = await Sandbox.start({ SANDBOX_WEBHOOK_URL: receiver.url });
  stripe = sandbox.client();
});
after(async () => {
  await sandbox.stop();
  await receiver.stop();
});

const page = async () => (await fetch(sandbox.url)).text();

test('the console shows payments, events and deliveries', async () => {
  const { id } = await captured(stripe, 'pm_card_visa', { metadata: { order_id: 'order-<7>' } });
  const [event] = (await stripe.events.list({ limit: 1 })).data;
  const html = await eventually('the delivery is shown', 5_000, async () => {
    const html = await page();
    return html.split(event.id).length > 2 && html;
  });
  assert.match(html, new RegExp(id));
  assert.match(html, /order-&#60;7&#62;|order-&lt;7&gt;/);
  assert.match(html, /2400 EUR/);
  assert.ok(html.includes(receiver.url.replaceAll('/', '&#x2F;')) || html.includes(receiver.url));
});

test('the button refunds what is left and then goes away', async () => {
  const { id } = await captured(stripe);
  assert.deepEqual(await press(sandbox, 'refund', id), [303, '/']);
  assert.equal((await sandbox.ledger(id)).refunded, 2400);
  await receiver.hears(id, 'charge.refunded');
  assert.ok(!(await page()).includes(`/console/refund/${id}`));
  assert.equal((await press(sandbox, 'refund', id))[0], 400);
});

test('the button disputes a payment', async () => {
  const { id } = await captured(stripe);
  assert.deepEqual(await press(sandbox, 'dispute', id), [303, '/']);
  assert.equal((await sandbox.ledger(id)).disputed, true);
  await receiver.hears(id, 'charge.dispute.created');
  assert.ok(!(await page()).includes(`/console/dispute/${id}`));
});

test('the button sends an event again', async () => {
  const { id } = await captured(stripe);
  const [first] = await receiver.hears(id, 'payment_intent.succeeded');
  const event = JSON.parse(first.body);
  assert.deepEqual(await press(sandbox, 'resend', event.id), [303, '/']);
  await eventually('it arrives twice', 5_000, () => receiver.of(id, 'payment_intent.succeeded').length === 2);
  assert.equal((await press(sandbox, 'resend', 'evt_unknown'))[0], 404);
});

test('the button sends a delivery again, to the endpoint that it went to', async () => {
  const other = await Receiver.start();
  try {
    await stripe.webhookEndpoints.create({ url: other.url, enabled_events: ['payment_intent.succeeded'] });
    const { id } = await captured(stripe);
    await other.hears(id, 'payment_intent.succeeded');
    const before = receiver.of(id, 'payment_intent.succeeded').length;
    const [, delivery] = await eventually('its delivery is shown', 5_000, async () => (await page())
      .match(new RegExp(`/console/resend-delivery/(del_\\w+)"><button aria-label="Send again: \\w+ to we_(?!built_in)`)));
    assert.deepEqual(await press(sandbox, 'resend-delivery', delivery), [303, '/']);
    await eventually('it arrives twice', 5_000, () => other.of(id, 'payment_intent.succeeded').length === 2);
    assert.equal(receiver.of(id, 'payment_intent.succeeded').length, before);
    assert.equal((await press(sandbox, 'resend-delivery', 'del_unknown'))[0], 404);
  } finally {
    await other.stop();
  }
});

test('the console shows refunds and disputes with what can become of them', async () => {
  const { id } = await captured(stripe, 'pm_card_pendingRefund');
  const refund = await stripe.refunds.create({ payment_intent: id, amount: 400 });
  const { id: disputed } = await captured(stripe, 'pm_card_createDispute');
  const { data: [dispute] } = await stripe.disputes.list({ payment_intent: disputed });
  const shown = await page();
  for (const button of ['succeed-refund', 'fail-refund']) assert.ok(shown.includes(`/console/${button}/${refund.id}`));
  for (const button of ['win-dispute', 'lose-dispute']) assert.ok(shown.includes(`/console/${button}/${dispute.id}`));
  assert.deepEqual(await press(sandbox, 'fail-refund', refund.id), [303, '/']);
  assert.deepEqual(await press(sandbox, 'win-dispute', dispute.id), [303, '/']);
  assert.equal((await stripe.refunds.retrieve(refund.id)).status, 'failed');
  assert.equal((await stripe.disputes.retrieve(dispute.id)).status, 'won');
  assert.equal((await press(sandbox, 'fail-refund', refund.id))[0], 400);
  assert.equal((await press(sandbox, 'lose-dispute', dispute.id))[0], 400);
  const later = await page();
  assert.ok(!later.includes(`/console/fail-refund/${refund.id}`) && !later.includes(`/console/lose-dispute/${dispute.id}`));
});

test('a button that does not exist does nothing', async () => {
  const { id } = await confirmed(stripe);
  assert.equal((await press(sandbox, 'explode', id))[0], 400);
});
