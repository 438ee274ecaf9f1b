// FlixTube's face: the pages, and, when no edge does it, the way to the other services.
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { poster } from './fallback.js';
import * as pages from './pages.js';
import * as parts from './parts.js';
import { handOn, ownerOf } from './proxy.js';
import { isId, Refusal, sendJson, serve, traceOf } from './service.js';

const OTHERS_MAX = 8;
const TYPES = { '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml' };
const POLICY = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const files = readFiles(new URL('../public/', import.meta.url));

serve('web', async (req, res, url) => {
  const owner = ownerOf(url.pathname);
  if (owner) return handOn(owner, req, res);
  if (!['GET', 'HEAD'].includes(req.method)) throw new Refusal(405, 'method not allowed', { Allow: 'GET, HEAD' });
  const file = files.get(url.pathname);
  if (file) return send(req, res, 200, file.type, file.bytes, { ETag: file.etag, 'Cache-Control': 'no-cache' });
  if (url.pathname === '/status') return sendJson(res, 200, { parts: await parts.status() }, { 'Cache-Control': 'no-store' });
  const [, first, second, ...rest] = url.pathname.split('/');
  const id = second?.replace(/\.svg$/, '');
  if (first === 'poster' && isId(id)) return send(req, res, 200, TYPES['.svg'], Buffer.from(poster(id)), { 'Cache-Control': 'public, max-age=86400' });

  const asked = { trace: traceOf(req), theme: themeOf(req) };
  const page = rest.length > 0 ? undefined : await pageAt(first, second, asked);
  const body = Buffer.from(String(page ?? pages.missing(asked)));
  send(req, res, page ? 200 : 404, 'text/html; charset=utf-8', body, { 'Cache-Control': 'no-cache', 'Content-Security-Policy': POLICY, 'Referrer-Policy': 'same-origin' });
});

/** The page, or `undefined` when there is none. */
async function pageAt(first, second, { trace, theme }) {
  if (first === '' && second === undefined) {
    const [videos, seen] = await Promise.all([parts.videos(trace), parts.counts(trace)]);
    return pages.library({ videos, seen, theme });
  }
  if (first === 'history' && second === undefined) {
    const [views, videos] = await Promise.all([parts.history(trace), parts.videos(trace)]);
    return pages.history({ views, videos, theme });
  }
  if (first === 'watch' && isId(second)) {
    const [video, all, seen] = await Promise.all([parts.video(second, trace), parts.videos(trace), parts.counts(trace)]);
    if (video === null) return undefined;
    const others = all?.filter((other) => other.id !== second).slice(0, OTHERS_MAX);
    return pages.watch({ id: second, view: randomUUID(), video, others, seen, theme });
  }
  return undefined;
}

function send(req, res, status, type, bytes, headers) {
  if (headers.ETag && req.headers['if-none-match'] === headers.ETag) return res.writeHead(304, headers).end();
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': bytes.length, 'X-Content-Type-Options': 'nosniff', ...headers });
  res.end(req.method === 'HEAD' ? undefined : bytes);
}

/** Light or dark when somebody chose; otherwise as the system has it. */
const themeOf = (req) => /(?:^|;\s*)theme=(light|dark)(?:;|$)/.exec(req.headers.cookie ?? '')?.[1] ?? 'auto';

function readFiles(folder) {
  return new Map(readdirSync(folder).map((name) => {
    const bytes = readFileSync(new URL(name, folder));
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
    return [`/static/${name}`, { bytes, etag, type: TYPES[extname(name)] }];
  }));
}
