import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { captured } from './support/payments.js';
import { Receiver } from './support/receiver.js';
import { Sandbox } from './support/sandbox.js';
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

/** Presses a button of the console, as a browser would. */
async function press(path) {
  const response = await fetch(sandbox.url + path, { method: 'POST', redirect: 'manual' });
  return [response.status, response.headers.get('location')];
}

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
  assert.deepEqual(await press(`/console/refund/${id}`), [303, '/']);
  assert.equal((await sandbox.ledger(id)).refunded, 2400);
  await receiver.hears(id, 'charge.refunded');
  assert.ok(!(await page()).includes(`/console/refund/${id}`));
  assert.equal((await press(`/console/refund/${id}`))[0], 400);
});

test('the button disputes a payment', async () => {
  const { id } = await captured(stripe);
  assert.deepEqual(await press(`/console/dispute/${id}`), [303, '/']);
  assert.equal((await sandbox.ledger(id)).disputed, true);
  await receiver.hears(id, 'charge.dispute.created');
  assert.ok(!(await page()).includes(`/console/dispute/${id}`));
});

test('the button sends an event again', async () => {
  const { id } = await captured(stripe);
  const [first] = await receiver.hears(id, 'payment_intent.succeeded');
  const event = JSON.parse(first.body);
  assert.deepEqual(await press(`/console/resend/${event.id}`), [303, '/']);
  await eventually('it arrives twice', 5_000, () => receiver.of(id, 'payment_intent.succeeded').length === 2);
  assert.equal((await press('/console/resend/evt_unknown'))[0], 404);
});
