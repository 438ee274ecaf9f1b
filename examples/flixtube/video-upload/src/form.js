// Reading the upload form: small fields and the poster into memory, the film straight on to `keep`.
import busboy from 'busboy';
import { Refusal } from './service.js';
import { imageType, SNIFF_BYTES, videoType } from './sniff.js';

const MIB = 1024 * 1024;
const POSTER_BYTES_MAX = MIB;
export const FILM_BYTES_MAX = Number(process.env.MAX_UPLOAD_MIB || 256) * MIB;

/**
 * `{fields, poster, film}` of a multipart request; `keep(type, content)` stores the film as it arrives.
 * Rejects with what went wrong first.
 */
export function readForm(req, keep) {
  const form = { fields: {}, poster: undefined, film: undefined };
  let parser;
  try {
    parser = busboy({ headers: req.headers, limits: { files: 2, fields: 10, fieldSize: 4096, parts: 12, fileSize: FILM_BYTES_MAX } });
  } catch {
    throw new Refusal(400, 'a multipart/form-data body is expected');
  }
  return new Promise((resolve, reject) => {
    const jobs = [];
    const fail = (error) => {
      req.unpipe(parser);
      req.resume(); // the client reads our answer only once it has sent all, or given up
      parser.destroy();
      reject(error);
    };
    parser.on('field', (name, value) => (form.fields[name] = value));
    parser.on('file', (name, stream) => {
      const job = read(name, stream, form, keep);
      job.catch((error) => (stream.resume(), fail(error)));
      jobs.push(job);
    });
    parser.on('error', () => fail(new Refusal(400, 'the upload is malformed or was cut off')));
    parser.on('close', () => Promise.all(jobs).then(() => resolve(form), reject));
    req.on('close', () => req.complete || parser.destroy(new Error('cut off')));
    req.pipe(parser);
  });
}

async function read(name, stream, form, keep) {
  if (name === 'poster') form.poster = await readPoster(stream);
  else if (name === 'video' && !form.film) form.film = await readFilm(stream, keep);
  else stream.resume();
}

async function readPoster(stream) {
  const parts = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > POSTER_BYTES_MAX) throw new Refusal(413, 'the poster is larger than 1 MiB');
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  const type = imageType(bytes);
  return type && { type, bytes };
}

async function readFilm(stream, keep) {
  const source = stream[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let rest = await source.next();
  while (!rest.done && head.length < SNIFF_BYTES) {
    head = Buffer.concat([head, rest.value]);
    rest = await source.next();
  }
  const type = videoType(head);
  if (!type) throw new Refusal(415, 'that file is not a video this player knows (WebM, MP4 or Ogg)');
  let bytes = head.length;
  await keep(type, (async function* () {
    yield head;
    for (; !rest.done; rest = await source.next()) {
      bytes += rest.value.length;
      yield rest.value;
    }
    if (stream.truncated) throw new Refusal(413, `the video is larger than ${FILM_BYTES_MAX / MIB} MiB`);
  })());
  return { type, bytes };
}
