// Numbers as people read them.
export function duration(seconds) {
  const all = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n) => String(n).padStart(2, '0');
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function size(bytes) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let n = 0;
  let value = bytes;
  for (; value >= 999.5 && n < units.length - 1; n++) value /= 1000;
  return `${value < 10 && n > 0 ? value.toFixed(1) : Math.round(value)} ${units[n]}`;
}

export const views = (count) => (count === 1 ? '1 view' : `${count.toLocaleString('en')} views`);
