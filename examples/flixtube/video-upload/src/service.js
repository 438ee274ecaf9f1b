// What the Node services of FlixTube do alike: JSON log lines, /health, errors as JSON, a graceful end.
// A service's folder holds all it needs, so web, video-streaming and video-upload each keep this same file.
import http from 'node:http';

const DRAIN_MS = 1500;
const LONGEST_UPLOAD_MS = 30 * 60 * 1000;

const ID = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
export const isId = (text) => typeof text === 'string' && ID.test(text);

/** Where another service is: `VIDEO_STORAGE_URL`, or by its name. */
export const urlOf = (name) =>
  (process.env[`${name.toUpperCase().replaceAll('-', '_')}_URL`] || `http://${name}`).replace(/\/+$/, '');

/** An answer other than success; thrown where it is found out, sent as JSON. */
export class Refusal extends Error {
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}
export const away = (name) => new Refusal(503, `${name} is not available`, { 'Retry-After': '2' });

export function sendJson(res, status, value, headers = {}) {
  const body = JSON.stringify(value);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers });
  res.end(body);
}

/** The headers by which a trace goes on in the next service. */
export const traceOf = (req) =>
  Object.fromEntries(['traceparent', 'tracestate'].filter((name) => req.headers[name]).map((name) => [name, req.headers[name]]));

let service = '?';
export const log = (event, fields = {}) =>
  console.log(JSON.stringify({ time: new Date().toISOString(), service, event, ...fields }));

/** Serves `answer(req, res, url)` until SIGTERM, then finishes the requests in flight. */
export function serve(name, answer) {
  service = name;
  let draining = false;
  const server = http.createServer({ requestTimeout: LONGEST_UPLOAD_MS, keepAliveTimeout: 20_000 }, async (req, res) => {
    const began = performance.now();
    const url = new URL(`http://host${req.url.startsWith('/') ? req.url : '/'}`);
    if (draining) res.setHeader('Connection', 'close');
    res.on('close', () => {
      if (draining) setImmediate(() => server.closeIdleConnections());
      // /health is asked every second: only worth a line when it fails.
      if (url.pathname === '/health' && res.statusCode === 200) return;
      const ms = Math.round(performance.now() - began);
      const complete = res.writableFinished ? {} : { complete: false };
      log('request', { method: req.method, path: url.pathname, status: res.statusCode, ms, trace: req.headers.traceparent ?? '', ...complete });
    });
    try {
      if (url.pathname === '/health') sendJson(res, 200, { status: 'ok' });
      else await answer(req, res, url);
    } catch (error) {
      if (!(error instanceof Refusal)) log('error', { path: url.pathname, error: String(error?.stack ?? error) });
      if (res.headersSent) res.destroy();
      else if (error instanceof Refusal) sendJson(res, error.status, { error: error.message }, error.headers);
      else sendJson(res, 500, { error: 'internal error' });
    }
  });
  const port = Number(process.env.PORT || 80);
  server.listen(port, '0.0.0.0', () => log('start', { port }));
  const stop = () => {
    if (draining) return;
    draining = true;
    server.close(() => {
      log('stop');
      process.exit(0);
    });
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return server;
}
