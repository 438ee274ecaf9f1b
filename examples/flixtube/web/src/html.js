// Templates: html`<p>${anything}</p>` escapes what is put in, unless it is html itself.
class Html {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => ESCAPES[c]);

function shown(value) {
  if (value === undefined || value === null || value === false) return '';
  if (Array.isArray(value)) return value.map(shown).join('');
  return value instanceof Html ? value.text : escaped(value);
}

export const html = (strings, ...values) => new Html(strings.reduce((text, part, n) => text + shown(values[n - 1]) + part));
