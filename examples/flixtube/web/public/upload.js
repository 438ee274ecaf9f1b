// Adding a video: choose or drop a file, pick a thumbnail among its frames, say what it is, send it.
import { refreshLibrary } from './app.js';

const BYTES_MAX = 256 * 1024 * 1024;
const FRAMES_AT = [0.1, 0.35, 0.6, 0.85];
const FRAME_WIDTH = 960;
const PATIENCE_MS = 6000;

const $ = (name) => document.querySelector(`#upload-${name}`);
const dialog = document.querySelector('#upload');
const form = $('form');
let chosen; // {file, facts: {duration, width, height}, poster: Blob | undefined, picked: by hand}
let sending;

function open() {
  if (!dialog.open) dialog.showModal();
}
document.addEventListener('click', (event) => event.target.closest('#upload-open, [data-upload]') && (reset(), open()));
$('close').addEventListener('click', () => dialog.close());
$('again').addEventListener('click', reset);
$('more').addEventListener('click', reset);
dialog.addEventListener('close', () => sending?.abort());
dialog.addEventListener('click', (event) => event.target === dialog && form.dataset.step !== 'send' && dialog.close());

function reset() {
  sending?.abort();
  chosen = undefined;
  form.reset();
  form.dataset.step = 'choose';
  $('error').textContent = '';
  $('frames').replaceChildren();
}

// The whole window takes files.
let depth = 0;
const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
const dragging = (on) => document.body.classList.toggle('dragging', on);
addEventListener('dragenter', (event) => hasFiles(event) && dragging((depth += 1) > 0));
addEventListener('dragleave', (event) => hasFiles(event) && dragging((depth -= 1) > 0));
addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
addEventListener('drop', (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  dragging((depth = 0) > 0);
  if (form.dataset.step === 'send') return;
  reset();
  open();
  choose(event.dataTransfer.files[0]);
});
$('input').addEventListener('change', () => $('input').files[0] && choose($('input').files[0]));

async function choose(file) {
  $('error').textContent = '';
  if (!/^video\//.test(file.type) && !/\.(webm|mp4|m4v|ogv)$/i.test(file.name)) return fail(`“${file.name}” is not a video.`);
  if (file.size > BYTES_MAX) return fail('That video is larger than 256 MB.');
  const mine = (chosen = { file, facts: {}, poster: undefined, picked: false });
  form.dataset.step = 'describe';
  $('title').value = titleOf(file.name);
  $('facts').textContent = megabytes(file.size);
  $('poster').src = '/poster/none.svg';
  $('title').select();
  try {
    await lookInto(mine);
  } catch {
    // A file this browser cannot look into may play elsewhere: it gets the neutral poster.
    if (mine === chosen) $('facts').textContent = `${megabytes(file.size)} · no preview`;
  }
}

function fail(text) {
  $('error').textContent = text;
  $('error').scrollIntoView({ block: 'nearest' });
}

const titleOf = (name) => {
  const words = name.replace(/\.[^.]+$/, '').replace(/[-_.]+/g, ' ').trim();
  return (words.charAt(0).toUpperCase() + words.slice(1)).slice(0, 120);
};
const megabytes = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} KB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Length, size and some frames of the chosen file, as its own player sees them. */
async function lookInto(mine) {
  const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true, preload: 'auto', src: URL.createObjectURL(mine.file) });
  try {
    await happens(video, 'loadeddata');
    const seconds = Number.isFinite(video.duration) ? video.duration : await lengthBySeeking(video);
    mine.facts = { duration: seconds, width: video.videoWidth, height: video.videoHeight };
    if (mine !== chosen || !video.videoWidth) return;
    $('facts').textContent = `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')} · ${video.videoWidth}×${video.videoHeight} · ${megabytes(mine.file.size)}`;
    for (const [n, part] of FRAMES_AT.entries()) {
      video.currentTime = part * seconds;
      await happens(video, 'seeked');
      const frame = await frameOf(video);
      if (mine !== chosen) return;
      offer(mine, frame, n < 2 && !mine.picked);
    }
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

/** Recordings made by a browser say no length: it is known once their end was looked for. */
async function lengthBySeeking(video) {
  video.currentTime = 1e7;
  await happens(video, 'seeked');
  return Number.isFinite(video.duration) ? video.duration : video.currentTime;
}

function happens(target, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event}`)), PATIENCE_MS);
    target.addEventListener(event, () => (clearTimeout(timer), resolve()), { once: true });
    target.addEventListener('error', () => (clearTimeout(timer), reject(new Error('unreadable'))), { once: true });
  });
}

function frameOf(video) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.min(FRAME_WIDTH, video.videoWidth);
  canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
  canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.84));
}

function offer(mine, frame, take) {
  const url = URL.createObjectURL(frame);
  const button = Object.assign(document.createElement('button'), { type: 'button' });
  button.setAttribute('role', 'radio');
  button.setAttribute('aria-label', `Frame ${$('frames').childElementCount + 1}`);
  button.append(Object.assign(document.createElement('img'), { src: url, alt: '' }));
  const pick = () => {
    mine.poster = frame;
    $('poster').src = url;
    for (const one of $('frames').children) one.setAttribute('aria-checked', one === button);
  };
  button.addEventListener('click', () => ((mine.picked = true), pick()));
  $('frames').append(button);
  if (take) pick();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (chosen && form.dataset.step === 'describe') send(chosen);
});

function send({ file, facts, poster }) {
  const body = new FormData();
  body.set('title', $('title').value);
  body.set('description', $('description').value);
  for (const [name, value] of Object.entries(facts)) body.set(name, value);
  if (poster) body.set('poster', poster, 'poster.jpg');
  body.set('video', file);

  form.dataset.step = 'send';
  $('error').textContent = '';
  progress(0, 'Starting…');
  const began = performance.now();
  const request = (sending = new XMLHttpRequest());
  request.open('POST', '/upload');
  request.responseType = 'json';
  request.upload.addEventListener('progress', ({ loaded, total }) => {
    const left = (performance.now() - began) / 1000 * (total / Math.max(1, loaded) - 1);
    const soon = left > 3 ? `, ${left > 90 ? `${Math.round(left / 60)} min` : `${Math.round(left)} s`} left` : '';
    progress(loaded / total, loaded < total ? `${megabytes(loaded)} of ${megabytes(total)}${soon}` : 'Putting it on the shelf…');
  });
  request.addEventListener('loadend', () => {
    sending = undefined;
    if (request.status === 201) return published(request.response);
    form.dataset.step = 'describe';
    if (request.status >= 500 || request.status === 0) fail('The upload did not get through. Nothing is lost here: please try again in a moment.');
    else fail(sentence(request.response?.error));
  });
  request.send(body);
}

const sentence = (text) => (text ? `${text.charAt(0).toUpperCase()}${text.slice(1)}.` : 'That did not work.');

function progress(part, text) {
  const percent = Math.round(part * 100);
  $('progress').setAttribute('aria-valuenow', percent);
  $('progress').firstElementChild.style.width = `${percent}%`;
  $('state').textContent = text;
}

function published(video) {
  form.dataset.step = 'done';
  $('done-title').textContent = video.title;
  $('watch').href = `/watch/${video.id}`;
  refreshLibrary(video.id);
}
