// Handing a request on to another service, as it comes. Behind an edge that has the same routes none arrive here.
import http from 'node:http';
import { pipeline } from 'node:stream';
import { away, urlOf } from './service.js';

const ROUTES = { '/api/videos': 'metadata', '/api/history': 'history', '/stream': 'video-streaming', '/upload': 'video-upload' };
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
const SILENCE_MS_MAX = 60_000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 256, timeout: SILENCE_MS_MAX });

/** The service whose path this is, if any. */
export function ownerOf(pathname) {
  const prefix = Object.keys(ROUTES).find((one) => pathname === one || pathname.startsWith(`${one}/`));
  return prefix && ROUTES[prefix];
}

/** Resolves when the answer is through or the client is gone; rejects while an error can still be told. */
export const handOn = (name, req, res) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(urlOf(name));
    const attempt = () => {
      const headers = { ...withoutHops(req.headers), 'x-forwarded-host': req.headers.host ?? '' };
      if (req.headers['transfer-encoding']) headers['transfer-encoding'] = 'chunked';
      const onward = http.request({ agent, hostname, port: port || 80, method: req.method, path: req.url, headers });
      onward.on('response', (answer) => {
        res.writeHead(answer.statusCode, withoutHops(answer.headers));
        pipeline(answer, res, resolve);
      });
      onward.on('timeout', () => onward.destroy(new Error('silent for too long')));
      onward.on('error', () => {
        if (res.headersSent || res.destroyed) return resolve(res.destroy());
        // The other side may have closed a kept connection just as we used it: nobody saw this request.
        if (onward.reusedSocket && ['GET', 'HEAD'].includes(req.method)) return attempt();
        req.resume();
        reject(away(name));
      });
      res.on('close', () => onward.destroy());
      if (['GET', 'HEAD'].includes(req.method)) onward.end();
      else req.pipe(onward);
    };
    attempt();
  });

function withoutHops(headers) {
  const named = String(headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !named.includes(name)));
}
