// What a file really is, by its first bytes: the name and the type that a client gives may be anything.
const at = (bytes, offset, text) => bytes.subarray(offset, offset + text.length).toString('latin1') === text;

export function videoType(bytes) {
  if (at(bytes, 0, '\x1a\x45\xdf\xa3')) return 'video/webm'; // EBML: WebM, Matroska
  if (at(bytes, 4, 'ftyp')) return 'video/mp4';
  if (at(bytes, 0, 'OggS')) return 'video/ogg';
  return undefined;
}

export function imageType(bytes) {
  if (at(bytes, 0, '\xff\xd8\xff')) return 'image/jpeg';
  if (at(bytes, 0, '\x89PNG\r\n\x1a\n')) return 'image/png';
  if (at(bytes, 0, 'RIFF') && at(bytes, 8, 'WEBP')) return 'image/webp';
  return undefined;
}

export const SNIFF_BYTES = 12;
