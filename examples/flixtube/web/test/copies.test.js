// Each service's folder holds all it needs, so some files stand in several: they must stay the same.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const COPIES = [
  ['web/src/service.js', 'video-streaming/src/service.js', 'video-upload/src/service.js'],
  ['metadata/service.py', 'history/service.py'],
];

for (const [first, ...others] of COPIES) {
  test(`${first} is the same everywhere`, () => {
    const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    for (const other of others) assert.equal(read(other), read(first), other);
  });
}
