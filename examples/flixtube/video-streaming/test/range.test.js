import assert from 'node:assert/strict';
import test from 'node:test';
import { pieces, wanted } from '../src/range.js';

const cases = {
  'one range is honoured': [
    ['bytes=0-99', { first: 0, last: 99 }], ['bytes=500-', { first: 500, last: 999 }], ['bytes=-100', { first: 900, last: 999 }],
  ],
  'the end is cut to the length': [
    ['bytes=900-5000', { first: 900, last: 999 }], ['bytes=-5000', { first: 0, last: 999 }], [`bytes=0-${'9'.repeat(40)}`, { first: 0, last: 999 }],
  ],
  'beyond the end cannot be satisfied': [['bytes=1000-', undefined], ['bytes=-0', undefined], [`bytes=${'9'.repeat(40)}-`, undefined]],
  'what is not understood is ignored': [
    [undefined, null], ['bytes=', null], ['bytes=-', null], ['bytes=9-5', null], ['bytes=0-1,5-9', null], ['bytes=a-b', null], ['items=0-5', null],
  ],
};
for (const [name, rows] of Object.entries(cases)) {
  test(name, () => rows.forEach(([header, expected]) => assert.deepEqual(wanted(header, 1000), expected, header)));
}

test('nothing of an empty blob can be had', () => {
  assert.equal(wanted('bytes=0-', 0), undefined);
  assert.equal(wanted('bytes=-1', 0), undefined);
});

test('pieces cover a range exactly', () => {
  assert.deepEqual([...pieces({ first: 5, last: 14 }, 4)], [{ first: 5, last: 8 }, { first: 9, last: 12 }, { first: 13, last: 14 }]);
  assert.deepEqual([...pieces({ first: 7, last: 7 }, 4)], [{ first: 7, last: 7 }]);
});
