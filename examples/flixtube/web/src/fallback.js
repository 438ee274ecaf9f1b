// A poster for a video that has none: calm, and always the same for the same id.
export function poster(id) {
  let hash = 2166136261;
  for (const c of id) hash = Math.imul(hash ^ c.charCodeAt(0), 16777619) >>> 0;
  const hue = hash % 360;
  const shift = (hash >>> 9) % 60;
  const wave = (y, rise, light) =>
    `<path d="M0 ${y}C${200 + shift} ${y - rise} ${380 + shift} ${y + rise} 640 ${y - rise / 3}V360H0Z" fill="hsl(${hue} 34% ${light}%)"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><defs><linearGradient id="g" x2="1" y2="1">
<stop stop-color="hsl(${hue} 38% 46%)"/><stop offset="1" stop-color="hsl(${(hue + 40) % 360} 42% 30%)"/></linearGradient></defs>
<rect width="640" height="360" fill="url(#g)"/><circle cx="${430 + shift * 2}" cy="110" r="52" fill="#fff" opacity=".16"/>
${wave(240, 60, 34)}${wave(285, 46, 27)}${wave(325, 30, 21)}<path d="M296 143v74l66-37z" fill="#fff" opacity=".8"/></svg>`;
}
