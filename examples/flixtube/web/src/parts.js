// Asking the other services. None of them is needed for a page to appear: what is away comes back as `undefined`.
import { log, urlOf } from './service.js';

const MS_MAX = 1500;
const PARTS = ['metadata', 'video-streaming', 'video-storage', 'video-upload', 'history'];

async function ask(name, path, trace) {
  try {
    const answer = await fetch(urlOf(name) + path, { headers: trace, signal: AbortSignal.timeout(MS_MAX) });
    const body = await answer.json();
    if (answer.ok) return body;
    if (answer.status === 404) return null;
    throw new Error(`status ${answer.status}`);
  } catch (error) {
    log('away', { name, path, error: String(error.cause ?? error) });
    return undefined;
  }
}

export const videos = async (trace) => (await ask('metadata', '/api/videos', trace))?.videos;
/** `null` when there is no such video. */
export const video = (id, trace) => ask('metadata', `/api/videos/${id}`, trace);
export const counts = async (trace) => (await ask('history', '/api/history/counts', trace))?.counts;
export const history = async (trace) => (await ask('history', '/api/history?limit=100', trace))?.views;

export async function status() {
  const up = await Promise.all(PARTS.map((name) => ask(name, '/health', {})));
  return Object.fromEntries(PARTS.map((name, n) => [name, up[n] ? 'up' : 'down']));
}
