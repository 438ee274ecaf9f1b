// The player: starts by itself where it may, waits out a storage that is away, and knows the usual keys.
import { confirmed, toast } from './app.js';

const player = document.querySelector('#player');
const trouble = document.querySelector('#trouble');
const { id } = player.dataset;
const LOOK_AGAIN_MS = 2000;
const TRIES_MAX = 2;

// Not allowed to start by itself? Then the poster waits for a click.
const start = document.querySelector('#start');
const offerStart = (offer) => (player.controls = start.hidden = !offer);
player.play().catch((error) => offerStart(error.name === 'NotAllowedError'));
start.addEventListener('click', () => player.play());
player.addEventListener('play', () => offerStart(false));

// A film out of reach and one in a format unknown here fail alike: whether it can be had tells them apart.
let resumeAt = 0;
let tries = 0;
let looking = false;
player.addEventListener('playing', () => (tries = 0));
player.addEventListener('error', async () => {
  if (looking) return;
  looking = true;
  resumeAt = player.currentTime || resumeAt;
  const status = await whenReachable();
  looking = false;
  if (status === 404) say('This film is gone', 'It was removed from the library.');
  else if (++tries > TRIES_MAX) say('This film cannot be played here', 'The browser does not understand its format.');
  else again();
});

/** The status of the film's address, once it is other than "away". */
async function whenReachable() {
  for (;;) {
    const answer = await fetch(`/stream/${id}?preview=1`, { method: 'HEAD' }).catch(() => undefined);
    if (answer?.ok || answer?.status === 404) return answer.status;
    say('The film is out of reach', 'It goes on by itself as soon as it is back.');
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function again() {
  trouble.hidden = true;
  player.load();
  player.addEventListener('loadedmetadata', () => (player.currentTime = resumeAt), { once: true });
  player.play().catch(() => {});
}

function say(strong, more) {
  trouble.querySelector('strong').textContent = strong;
  trouble.querySelector('span').textContent = more;
  trouble.hidden = false;
}

const KEYS = {
  ' ': () => (player.paused ? player.play() : player.pause()),
  k: () => KEYS[' '](),
  ArrowLeft: () => (player.currentTime -= 5),
  ArrowRight: () => (player.currentTime += 5),
  m: () => (player.muted = !player.muted),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : player.requestFullscreen()),
};
document.addEventListener('keydown', (event) => {
  const busy = event.target.closest('input, textarea, button, a, dialog, video');
  if (busy || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

document.querySelector('#share').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    toast('Link copied');
  } catch {
    toast(location.href);
  }
});

document.querySelector('#delete')?.addEventListener('click', async (event) => {
  const { title } = event.currentTarget.dataset;
  if (!(await confirmed({ heading: 'Remove this video?', text: `“${title}” is deleted for everybody.`, yes: 'Remove' }))) return;
  const answer = await fetch(`/upload/${id}`, { method: 'DELETE' }).catch(() => undefined);
  if (answer?.ok || answer?.status === 404) location.href = '/';
  else toast('It cannot be removed right now. Please try again in a moment.');
});
