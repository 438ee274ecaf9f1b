// Telling history that a film is being watched. Never in the way of the film: what cannot be told
// now is kept (a bounded number of them) and told when history is back.
import { log, urlOf } from './service.js';

const HISTORY = urlOf('history');
const WAITING_MAX = 1000;
const waiting = [];
let telling = false;

export function announce(view, headers) {
  if (waiting.length >= WAITING_MAX) log('view lost', { ...waiting.shift().view });
  waiting.push({ view: { ...view, atMs: Date.now() }, headers });
  tell();
}

/** Announces in order; history counts a view once, however often it hears of it. */
async function tell() {
  if (telling) return;
  telling = true;
  let delayMs = 250;
  while (waiting.length > 0) {
    const { view, headers } = waiting[0];
    const error = await post(view, headers);
    if (error) {
      log('history away', { waiting: waiting.length, error });
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
      delayMs = Math.min(delayMs * 2, 5000);
    } else {
      if (waiting[0]?.view === view) waiting.shift();
      delayMs = 250;
    }
  }
  telling = false;
}

async function post(view, headers) {
  try {
    const answer = await fetch(`${HISTORY}/views`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify(view),
      signal: AbortSignal.timeout(2000),
    });
    await answer.arrayBuffer();
    if (answer.status >= 400 && answer.status < 500) log('view refused', { ...view, status: answer.status });
    return answer.status >= 500 ? `status ${answer.status}` : undefined;
  } catch (error) {
    return String(error.cause ?? error);
  }
}
