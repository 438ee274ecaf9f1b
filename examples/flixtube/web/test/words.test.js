import assert from 'node:assert/strict';
import test from 'node:test';
import { html } from '../src/html.js';
import { duration, size, views } from '../src/words.js';

test('what is put into a page is escaped, once', () => {
  assert.equal(String(html`<b>${'<i a="1">&\''}</b>`), '<b>&lt;i a=&quot;1&quot;&gt;&amp;&#39;</b>');
  assert.equal(String(html`<ul>${['a', '<'].map((x) => html`<li>${x}</li>`)}</ul>`), '<ul><li>a</li><li>&lt;</li></ul>');
  assert.equal(String(html`${undefined}${null}${false}${0}`), '0');
});

test('durations', () => {
  assert.deepEqual([0, 9.4, 59.6, 125, 3600, 36061].map(duration), ['0:00', '0:09', '1:00', '2:05', '1:00:00', '10:01:01']);
});

test('sizes', () => {
  assert.deepEqual([0, 999, 1000, 208281, 9_960_000, 256e6, 5e12].map(size), ['0 B', '999 B', '1.0 KB', '208 KB', '10.0 MB', '256 MB', '5.0 TB']);
});

test('views', () => {
  assert.deepEqual([0, 1, 1200].map(views), ['0 views', '1 view', '1,200 views']);
});
