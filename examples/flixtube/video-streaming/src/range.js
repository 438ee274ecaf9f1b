/**
 * What part of `length` bytes a Range header asks for (RFC 9110, section 14): `{first, last}` inclusive,
 * `null` for all of them, `undefined` when it cannot be satisfied. Several ranges, other units and
 * malformed headers are ignored, as the specification allows.
 */
export function wanted(header, length) {
  const found = /^\s*bytes=\s*(\d*)\s*-\s*(\d*)\s*$/.exec(header ?? '');
  if (!found || (found[1] === '' && found[2] === '')) return null;
  const [from, to] = found.slice(1).map((digits) => (digits === '' ? undefined : Number(digits)));
  if (from === undefined) return to > 0 && length > 0 ? { first: Math.max(0, length - to), last: length - 1 } : undefined;
  if (to !== undefined && to < from) return null;
  if (from >= length) return undefined;
  return { first: from, last: Math.min(to ?? length - 1, length - 1) };
}

/** The pieces, of at most `size` bytes, in which `first..last` is fetched. */
export function* pieces({ first, last }, size) {
  for (let at = first; at <= last; at += size) yield { first: at, last: Math.min(at + size - 1, last) };
}
