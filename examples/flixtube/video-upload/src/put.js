// PUT of a body of any length, at the pace of the receiver. (`fetch` would read ahead of it, without bound.)
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { away, log, Refusal } from './service.js';

const SILENCE_MS_MAX = 60_000;

/** `{status, body}` of the answer; when `content` throws, the transfer is broken off and that is thrown. */
export async function put(url, headers, content) {
  const request = http.request(url, { method: 'PUT', headers, timeout: SILENCE_MS_MAX });
  request.on('timeout', () => request.destroy(new Error('silent for too long')));
  const answered = new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
  answered.catch(() => {});
  try {
    await pipeline(Readable.from(content, { objectMode: false }), request);
    const answer = await answered;
    return { status: answer.statusCode, body: await json(answer) };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    log('away', { url, error: String(error) });
    throw away('video-storage');
  }
}
