import assert from 'node:assert/strict';
import test from 'node:test';
import { imageType, videoType } from '../src/sniff.js';

const bytes = (text) => Buffer.from(text, 'latin1');

test('videos are told by their first bytes', () => {
  assert.equal(videoType(bytes('\x1a\x45\xdf\xa3rest-of-it')), 'video/webm');
  assert.equal(videoType(bytes('\0\0\0\x20ftypisom')), 'video/mp4');
  assert.equal(videoType(bytes('OggS\0\x02......')), 'video/ogg');
});

test('images are told by their first bytes', () => {
  assert.equal(imageType(bytes('\xff\xd8\xff\xe0........')), 'image/jpeg');
  assert.equal(imageType(bytes('\x89PNG\r\n\x1a\n....')), 'image/png');
  assert.equal(imageType(bytes('RIFF....WEBP')), 'image/webp');
});

test('anything else is nothing', () => {
  for (const text of ['', 'ftyp', '<!doctype html>', 'RIFF....WAVE', '\x89PNG']) {
    assert.equal(videoType(bytes(text)), undefined, text);
    assert.equal(imageType(bytes(text)), undefined, text);
  }
});
