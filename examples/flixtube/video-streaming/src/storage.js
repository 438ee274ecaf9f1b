// Reading from video-storage, in a way that outlives its restarts.
import { setTimeout as sleep } from 'node:timers/promises';
import { away, log, Refusal, urlOf } from './service.js';

const STORAGE = urlOf('video-storage');
const PIECE_SECONDS_MAX = 10;
const FIRST_TRIES = 3; // before anything was sent: an error can still be told
const LATER_TRIES = 12; // in the middle of a film: worth some patience (about 15 s)

/** What a blob is: `{length, type, etag}`. */
export async function look(blob, headers) {
  const answer = await patiently(FIRST_TRIES, blob, () =>
    fetch(`${STORAGE}/blobs/${blob}`, { method: 'HEAD', headers, signal: AbortSignal.timeout(2000) }));
  return {
    length: Number(answer.headers.get('content-length')),
    type: answer.headers.get('content-type'),
    etag: answer.headers.get('etag'),
  };
}

/** One piece of a blob, whole. */
export function piece(blob, { first, last }, headers, isFirst) {
  return patiently(isFirst ? FIRST_TRIES : LATER_TRIES, blob, async () => {
    const signal = AbortSignal.timeout(PIECE_SECONDS_MAX * 1000);
    const answer = await fetch(`${STORAGE}/blobs/${blob}`, { headers: { ...headers, Range: `bytes=${first}-${last}` }, signal });
    if (!answer.ok) return answer;
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (bytes.length !== last - first + 1) throw new Error(`expected ${last - first + 1} bytes, got ${bytes.length}`);
    return { ok: true, bytes };
  });
}

async function patiently(tries, blob, ask) {
  for (let n = 1; ; n++) {
    let why;
    try {
      const answer = await ask();
      if (answer.ok) return answer;
      await answer.arrayBuffer();
      if (answer.status === 404) throw new Refusal(404, 'no such video');
      why = `status ${answer.status}`;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      why = String(error.cause ?? error);
    }
    log('storage away', { blob, try: n, error: why });
    if (n >= tries) throw away('video-storage');
    await sleep(Math.min(100 * 2 ** n, 1500));
  }
}
