/** Waits until `look` finds something; says what it waited for when it does not. */
export async function eventually(what, limitMs, look) {
  const end = Date.now() + (limitMs ?? 10_000);
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a promise is refused with. */
export async function refusal(promise) {
  const answer = await promise.then((value) => ({ value }), (error) => ({ error }));
  if (answer.error) return answer.error;
  throw new Error(`expected a refusal, got ${JSON.stringify(answer.value)}`);
}
