// FlixTube's upload: POST /upload (a multipart form: title, description, duration, width, height, poster, video)
// and DELETE /upload/<id>. The film flows through to video-storage and is never held here; metadata hears of it
// when it is stored whole. When a later step fails, the earlier ones are taken back.
import { randomBytes } from 'node:crypto';
import { readForm } from './form.js';
import { put } from './put.js';
import { away, isId, log, Refusal, sendJson, serve, traceOf, urlOf } from './service.js';

const METADATA = urlOf('metadata');
const STORAGE = urlOf('video-storage');

serve('video-upload', async (req, res, url) => {
  const trace = traceOf(req);
  if (req.method === 'POST' && url.pathname === '/upload') return sendJson(res, 201, await upload(req, trace));
  const id = url.pathname.replace(/^\/upload\//, '');
  if (req.method === 'DELETE' && isId(id)) {
    await remove(id, trace);
    return sendJson(res, 200, { deleted: true });
  }
  throw new Refusal(404, 'POST /upload or DELETE /upload/<id>');
});

async function upload(req, trace) {
  const id = newId();
  try {
    const form = await readForm(req, (type, content) => store(id, type, content, trace));
    if (!form.film) throw new Refusal(400, 'the form has no video');
    if (form.poster) await store(`${id}-poster`, form.poster.type, form.poster.bytes, trace);
    return await register(id, form, trace);
  } catch (error) {
    await takeBack(id, trace);
    throw error;
  }
}

async function store(blob, type, content, trace) {
  const { status, body } = await put(`${STORAGE}/blobs/${blob}`, { ...trace, 'Content-Type': type }, content);
  if (status === 413 || status === 507) throw new Refusal(status, body.error);
  if (status !== 201) throw away('video-storage');
}

async function register(id, { fields, film, poster }, trace) {
  const number = (text) => (text && Number.isFinite(Number(text)) && Number(text) > 0 ? Number(text) : null);
  const answer = await ask('metadata', `${METADATA}/internal/videos/${id}`, {
    method: 'PUT',
    headers: { ...trace, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      title: fields.title?.trim() || 'Untitled',
      description: fields.description ?? '',
      contentType: film.type,
      sizeBytes: film.bytes,
      durationSeconds: number(fields.duration),
      width: number(fields.width) && Math.round(fields.width),
      height: number(fields.height) && Math.round(fields.height),
      hasPoster: poster !== undefined,
    }),
  });
  if (answer.status === 400) throw new Refusal(400, answer.body.error);
  if (answer.status !== 200) throw away('metadata');
  return answer.body;
}

/** The library forgets it first: nobody is offered what is about to go. */
async function remove(id, trace) {
  const answer = await ask('metadata', `${METADATA}/internal/videos/${id}`, { method: 'DELETE', headers: trace });
  if (answer.status === 404) throw new Refusal(404, 'no such video');
  if (answer.status !== 200) throw away('metadata');
  await takeBack(id, trace);
}

async function takeBack(id, trace) {
  for (const blob of [id, `${id}-poster`]) {
    await ask('video-storage', `${STORAGE}/blobs/${blob}`, { method: 'DELETE', headers: trace }).catch((error) =>
      log('blob left behind', { blob, error: error.message }));
  }
}

async function ask(name, url, options) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000), ...options });
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    log('away', { name, error: String(error.cause ?? error) });
    throw away(name);
  }
}

const newId = () => randomBytes(6).toString('hex');
