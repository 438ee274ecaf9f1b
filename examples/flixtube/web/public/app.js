// On every page: the theme, times as people say them, posters that fail, parts that are away, and the library's comforts.
const root = document.documentElement;
const $ = (selector) => document.querySelector(selector);

export function toast(text) {
  const box = $('#toast');
  box.textContent = text;
  box.classList.add('on');
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => box.classList.remove('on'), 3200);
}

/** Resolves to whether the person agreed. */
export function confirmed({ heading, text, yes }) {
  const dialog = $('#confirm');
  dialog.querySelector('h2').textContent = heading;
  dialog.querySelector('p').textContent = text;
  dialog.querySelector('[value=yes]').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }));
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const STEPS = [[60, 'second'], [60, 'minute'], [24, 'hour'], [7, 'day'], [4.35, 'week'], [12, 'month'], [Infinity, 'year']];

function ago(date) {
  let value = (date - Date.now()) / 1000;
  if (value > -45) return 'just now';
  for (const [length, unit] of STEPS) {
    if (Math.abs(value) < length) return relative.format(Math.round(value), unit);
    value /= length;
  }
}

export function sayTimes() {
  for (const time of document.querySelectorAll('time')) {
    const date = new Date(time.dateTime);
    time.textContent = ago(date);
    time.title = exact.format(date);
  }
}
sayTimes();
setInterval(sayTimes, 30_000);

$('#theme').addEventListener('click', () => {
  const now = root.dataset.theme === 'auto' ? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light') : root.dataset.theme;
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
});

function fallBack(image) {
  if (image.dataset.fallback && image.getAttribute('src') !== image.dataset.fallback) image.src = image.dataset.fallback;
}
document.addEventListener('error', (event) => event.target instanceof HTMLImageElement && fallBack(event.target), true);
for (const image of document.images) if (image.complete && image.naturalWidth === 0 && image.loading !== 'lazy') fallBack(image);

async function showParts() {
  let parts = { web: 'down' };
  try {
    parts = { web: 'up', ...(await (await fetch('/status')).json()).parts };
  } catch { /* then web itself is what is down */ }
  $('#parts').replaceChildren(...Object.entries(parts).map(([name, state]) => {
    const item = document.createElement('li');
    item.textContent = name;
    item.title = `${name} is ${state}`;
    Object.assign(item.dataset, { testid: 'part', part: name, state });
    return item;
  }));
}
showParts();
setInterval(() => document.hidden || showParts(), 10_000);

// A page whose content is away looks again by itself.
const poll = $('[data-poll^="/"]')?.dataset.poll;
if (poll) {
  const look = async () => {
    const answer = await fetch(poll).catch(() => undefined);
    if (answer?.ok) location.reload();
    else setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}

/** What the library page shows is asked for again, without leaving the page. */
export async function refreshLibrary(freshId) {
  if ($('main').dataset.page !== 'library') return;
  const page = new DOMParser().parseFromString(await (await fetch('/')).text(), 'text/html');
  $('main').replaceWith(page.querySelector('main'));
  $(`[data-testid=video-card][data-id="${CSS.escape(freshId)}"]`)?.classList.add('fresh');
  sayTimes();
}

document.addEventListener('input', (event) => {
  if (event.target.id !== 'search') return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of document.querySelectorAll('[data-testid=video-card]')) {
    card.hidden = !words.every((word) => card.dataset.words.includes(word));
    shown += !card.hidden;
  }
  $('.hero').hidden = $('[data-testid=upload-tile]').hidden = words.length > 0;
  $('#no-match').hidden = shown > 0;
  $('#count').textContent = shown;
});

// Resting on a card shows its first seconds, without sound and without counting as watched.
if (matchMedia('(hover: hover) and (prefers-reduced-motion: no-preference)').matches) {
  let resting;
  document.addEventListener('mouseover', (event) => {
    const card = event.target.closest?.('.card');
    if (card === resting?.card) return;
    if (resting) {
      clearTimeout(resting.timer);
      resting.card.querySelector('.thumb').classList.remove('previewing');
      resting.card.querySelector('video')?.remove();
    }
    resting = card && { card, timer: setTimeout(() => preview(card), 600) };
  });
}

function preview(card) {
  const video = Object.assign(document.createElement('video'), { muted: true, loop: true, playsInline: true, src: `/stream/${card.dataset.id}?preview=1` });
  video.addEventListener('playing', () => card.querySelector('.thumb').classList.add('previewing'), { once: true });
  video.addEventListener('error', () => video.remove());
  card.querySelector('.thumb img').after(video);
  video.play().catch(() => {});
}
