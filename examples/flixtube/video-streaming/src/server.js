// FlixTube's streaming: GET /stream/<id> by ranges, GET /stream/<id>/poster.
//
// A film is fetched from video-storage piece by piece, each tried again when it fails: a viewer who pauses
// holds nothing there, and storage can be restarted in the middle of a film without anybody noticing.
// Playing from the first byte is announced to history, once for each `?view=<id>`; `?preview=1` is not.
import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { pieces, wanted } from './range.js';
import { isId, Refusal, serve, traceOf } from './service.js';
import { look, piece } from './storage.js';
import { announce } from './views.js';

const PIECE_BYTES = 1024 * 1024;

serve('video-streaming', async (req, res, url) => {
  const [, prefix, id, poster, ...rest] = url.pathname.split('/');
  const isPoster = poster === 'poster';
  if (prefix !== 'stream' || !isId(id) || rest.length > 0 || (poster !== undefined && !isPoster)) throw new Refusal(404, 'no such video');
  if (!['GET', 'HEAD'].includes(req.method)) throw new Refusal(405, 'method not allowed', { Allow: 'GET, HEAD' });

  const blob = isPoster ? `${id}-poster` : id;
  const trace = traceOf(req);
  const { length, type, etag } = await look(blob, trace);
  res.setHeader('ETag', etag);
  res.setHeader('Accept-Ranges', 'bytes');
  res.setHeader('Cache-Control', isPoster ? 'public, max-age=86400' : 'private, max-age=3600');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  if (req.headers['if-none-match'] === etag) return res.writeHead(304).end();

  const changed = req.headers['if-range'] !== undefined && req.headers['if-range'] !== etag;
  const part = changed ? null : wanted(req.headers.range, length);
  if (part === undefined) throw new Refusal(416, 'the range lies outside of the video', { 'Content-Range': `bytes */${length}` });
  const { first, last } = part ?? { first: 0, last: length - 1 };
  const send = () => {
    const headers = { 'Content-Type': type, 'Content-Length': last - first + 1 };
    if (part) headers['Content-Range'] = `bytes ${first}-${last}/${length}`;
    res.writeHead(part ? 206 : 200, headers);
  };
  if (req.method === 'HEAD' || length === 0) return send(), res.end();

  const all = pieces({ first, last }, PIECE_BYTES);
  // Until the first piece is here, an error can still be told as such.
  const opening = await piece(blob, all.next().value, trace, true);
  send();
  if (first === 0 && !isPoster && !url.searchParams.has('preview')) announce({ video: id, view: viewOf(url) }, trace);
  try {
    await pipeline(async function* () {
      yield opening.bytes;
      for (const one of all) yield (await piece(blob, one, trace, false)).bytes;
    }, res);
  } catch (error) {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error; // else the viewer went elsewhere
  }
});

function viewOf(url) {
  const view = url.searchParams.get('view');
  return isId(view) ? view : randomUUID();
}
