// The pages. Each works without its script; the scripts add comfort.
import { html } from './html.js';
import { icon } from './icons.js';
import { duration, size, views } from './words.js';

const posterOf = (video) => (video?.hasPoster ? `/stream/${video.id}/poster` : `/poster/${video?.id ?? 'none'}.svg`);
const moment = (iso) => html`<time datetime="${iso}">${iso.slice(0, 10)}</time>`;
const dotted = (parts) => parts.filter(Boolean).map((part, n) => html`${n > 0 && html`<span class="dot" aria-hidden="true">·</span>`}<span>${part}</span>`);

function layout({ title, page, theme, script, body }) {
  const link = (href, name, label) => html`<a href="${href}" aria-current="${page === name && 'page'}" data-testid="nav-${name}">${icon(name)}<span>${label}</span></a>`;
  return html`<!doctype html>
<html lang="en" data-theme="${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>${title ? `${title} · FlixTube` : 'FlixTube'}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/base.css">
<link rel="stylesheet" href="/static/parts.css">
<script type="module" src="/static/app.js"></script>
<script type="module" src="/static/upload.js"></script>
${script && html`<script type="module" src="/static/${script}"></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar">
<div class="bar-in">
<a class="brand" href="/" aria-label="FlixTube, the library"><img src="/static/icon.svg" alt="" width="30" height="30"><span>Flix<b>Tube</b></span></a>
<nav aria-label="Main">${link('/', 'library', 'Library')}${link('/history', 'history', 'History')}</nav>
<div class="tools">
<button class="round" id="theme" data-testid="theme-toggle" aria-label="Switch between light and dark">${icon('moon')}${icon('sun')}</button>
<button class="button" id="upload-open" data-testid="upload-open">${icon('plus')}<span>Upload</span></button>
</div>
</div>
</header>
<main id="main" data-page="${page}">${body}</main>
<footer>
<p>FlixTube, a film library made of six small services. An example for Ondol.</p>
<ul id="parts" class="parts" aria-label="The parts and how they are" data-testid="parts"></ul>
</footer>
${uploadDialog}
<dialog id="confirm" class="sheet small" data-testid="confirm"><form method="dialog">
<h2></h2><p></p>
<div class="actions"><button class="button quiet" value="no">Cancel</button><button class="button danger" value="yes" data-testid="confirm-yes"></button></div>
</form></dialog>
<div id="toast" role="status" aria-live="polite" data-testid="toast"></div>
</body>
</html>`;
}

const uploadDialog = html`<dialog id="upload" class="sheet" aria-labelledby="upload-heading" data-testid="upload-dialog">
<form id="upload-form" method="post" action="/upload" enctype="multipart/form-data" data-step="choose">
<div class="sheet-head"><h2 id="upload-heading">Add a video</h2><button type="button" class="round" id="upload-close" aria-label="Close">${icon('cross')}</button></div>
<label class="drop" id="upload-drop">
<input type="file" name="video" id="upload-input" data-testid="upload-input" accept="video/webm,video/mp4,video/ogg,.webm,.mp4,.m4v,.ogv">
${icon('film')}
<strong>Drop a video here</strong>
<span>or <u>choose a file</u>: WebM, MP4 or Ogg, up to 256 MB</span>
</label>
<div class="details">
<figure class="frame"><img id="upload-poster" alt="The chosen thumbnail"><figcaption id="upload-facts"></figcaption></figure>
<div id="upload-frames" class="frames" role="radiogroup" aria-label="Thumbnail" data-testid="upload-frames"></div>
<label class="field"><span>Title</span><input name="title" id="upload-title" data-testid="upload-title" maxlength="120" required autocomplete="off"></label>
<label class="field"><span>Description <em>optional</em></span><textarea name="description" id="upload-description" maxlength="1000" rows="2"></textarea></label>
</div>
<div class="sending" aria-live="polite">
<div class="track" role="progressbar" aria-label="Upload" aria-valuemin="0" aria-valuemax="100" id="upload-progress" data-testid="upload-progress"><i></i></div>
<p id="upload-state"></p>
</div>
<p class="error" id="upload-error" role="alert" data-testid="upload-error"></p>
<div class="actions"><button type="button" class="button quiet" id="upload-again">Another file</button><button class="button" id="upload-submit" data-testid="upload-submit">Publish</button></div>
<div class="done" data-testid="upload-done">${icon('check')}<p><strong id="upload-done-title"></strong> is in the library.</p>
<div class="actions"><button type="button" class="button quiet" id="upload-more">Add another</button><a class="button" id="upload-watch" data-testid="upload-watch" href="/">Watch it</a></div></div>
</form></dialog>`;

function notice({ testid, mark = 'cloud', heading, text, poll, action }) {
  return html`<section class="notice" data-testid="${testid}" data-poll="${poll}">${icon(mark)}<h2>${heading}</h2><p>${text}</p>${action}</section>`;
}

function card(video, seen) {
  return html`<article class="card" data-testid="video-card" data-id="${video.id}" data-words="${`${video.title} ${video.description}`.toLowerCase()}">
<a href="/watch/${video.id}" aria-label="Watch ${video.title}">
<div class="thumb"><img src="${posterOf(video)}" alt="" width="640" height="360" loading="lazy" data-fallback="/poster/${video.id}.svg">
<span class="play" aria-hidden="true">${icon('play')}</span>${video.durationSeconds !== null && html`<span class="badge">${duration(video.durationSeconds)}</span>`}</div>
<h3 data-testid="video-title">${video.title}</h3>
</a>
<p class="meta">${dotted([seen && views(seen[video.id] ?? 0), moment(video.createdAt)])}</p>
</article>`;
}

function hero(video, seen) {
  return html`<section class="hero" data-testid="hero"><img class="hero-glow" src="${posterOf(video)}" alt="" data-fallback="/poster/${video.id}.svg"><img class="hero-image" src="${posterOf(video)}" alt="" data-fallback="/poster/${video.id}.svg">
<div class="hero-text"><p class="eyebrow">New in the library</p><h1>${video.title}</h1><p class="lead">${video.description}</p>
<div class="actions"><a class="button large" href="/watch/${video.id}">${icon('play')}<span>Play</span></a><span class="hero-meta">${dotted([video.durationSeconds !== null && duration(video.durationSeconds), seen && views(seen[video.id] ?? 0)])}</span></div></div></section>`;
}

const addTile = html`<button class="add" data-upload data-testid="upload-tile">${icon('plus')}<strong>Add a video</strong><span>or drop one anywhere</span></button>`;

export function library({ videos, seen, theme }) {
  let body;
  if (!videos) {
    body = notice({ testid: 'library-unavailable', poll: '/api/videos', heading: 'The library is taking a short break',
      text: 'Its catalogue cannot be reached right now. This page comes back by itself as soon as it can.' });
  } else if (videos.length === 0) {
    body = notice({ testid: 'library-empty', mark: 'film', heading: 'No videos yet', text: 'Drop one anywhere on this page, or pick a file.',
      action: html`<button class="button" data-upload>${icon('plus')}<span>Add a video</span></button>` });
  } else {
    body = html`${hero(videos[0], seen)}
<div class="shelf-head"><h2>All videos <small id="count">${videos.length}</small></h2>
<label class="search">${icon('search')}<input type="search" id="search" data-testid="search" placeholder="Search" aria-label="Search the library" autocomplete="off"></label></div>
<div class="grid" id="library" data-testid="library">${videos.map((video) => card(video, seen))}${addTile}</div>
<p class="none" id="no-match" data-testid="no-match" hidden>Nothing here by that name.</p>`;
  }
  return layout({ page: 'library', theme, body });
}

export function watch({ id, view, video, others, seen, theme }) {
  const about = video ?? { id, title: 'Video', description: '', hasPoster: true };
  const kind = video && video.contentType.replace('video/', '').replace('webm', 'WebM').replace('mp4', 'MP4').replace('ogg', 'Ogg');
  const facts = video && [seen && views(seen[id] ?? 0), moment(video.createdAt), video.width && `${video.width}×${video.height}`, size(video.sizeBytes), kind];
  const body = html`<div class="theatre">
<div class="stage">
<img class="glow" src="${posterOf(about)}" alt="" aria-hidden="true">
<div class="player"><video id="player" data-testid="player" controls playsinline preload="none" poster="${posterOf(about)}" src="/stream/${id}?view=${view}" data-id="${id}"></video>
<button class="start" id="start" data-testid="player-start" aria-label="Play" hidden>${icon('play')}</button>
<div class="trouble" id="trouble" data-testid="player-trouble" role="status" hidden>${icon('cloud')}<strong></strong><span></span></div></div>
<div class="about">
<h1 data-testid="watch-title">${about.title}</h1>
${video ? html`<p class="meta">${dotted(facts)}</p>`
    : html`<p class="meta" data-testid="details-unavailable">Its details cannot be reached right now; the film plays all the same.</p>`}
${about.description && html`<p class="lead">${about.description}</p>`}
<div class="actions"><button class="button quiet" id="share" data-testid="share">${icon('link')}<span>Copy link</span></button>${video && html`<button class="button quiet" id="delete" data-testid="delete" data-title="${video.title}">${icon('bin')}<span>Remove</span></button>`}</div>
</div>
</div>
${others?.length > 0 && html`<aside class="next" aria-label="Up next"><h2>Up next</h2>${others.map((other) => html`<a class="row" href="/watch/${other.id}" data-testid="next-item">
<div class="thumb"><img src="${posterOf(other)}" alt="" width="640" height="360" loading="lazy" data-fallback="/poster/${other.id}.svg">${other.durationSeconds !== null && html`<span class="badge">${duration(other.durationSeconds)}</span>`}</div>
<div><h3>${other.title}</h3><p class="meta">${dotted([seen && views(seen[other.id] ?? 0), moment(other.createdAt)])}</p></div></a>`)}</aside>`}
</div>`;
  return layout({ title: about.title, page: 'watch', theme, script: 'watch.js', body });
}

export function history({ views: seen, videos, theme }) {
  let body;
  if (!seen) {
    body = notice({ testid: 'history-unavailable', poll: '/api/history', heading: 'Your history is resting',
      text: 'It cannot be reached right now. Everything else works, and what you watch meanwhile is added later.',
      action: html`<a class="button" href="/">Go to the library</a>` });
  } else if (seen.length === 0) {
    body = notice({ testid: 'history-empty', mark: 'history', heading: 'Nothing watched yet', text: 'What you play shows up here.',
      action: html`<a class="button" href="/">Find something to watch</a>` });
  } else {
    body = html`<div class="shelf-head"><h1>History</h1><button class="button quiet" id="forget" data-testid="history-clear">${icon('bin')}<span>Clear</span></button></div>
<div class="days" id="history" data-testid="history">${seen.map((one) => historyRow(one, videos))}</div>`;
  }
  return layout({ title: 'History', page: 'history', theme, script: 'history.js', body });
}

function historyRow({ video: id, atMs }, videos) {
  const video = videos?.find((one) => one.id === id);
  const title = video?.title ?? (videos ? 'A video that was removed' : 'A video');
  const inside = html`<div class="thumb"><img src="${video ? posterOf(video) : `/poster/${id}.svg`}" alt="" width="640" height="360" loading="lazy" data-fallback="/poster/${id}.svg">${typeof video?.durationSeconds === 'number' && html`<span class="badge">${duration(video.durationSeconds)}</span>`}</div>
<div><h3>${title}</h3><p class="meta">Watched ${moment(new Date(atMs).toISOString())}</p>${video?.description && html`<p class="about-line">${video.description}</p>`}</div>`;
  const gone = videos && !video;
  return gone ? html`<div class="row gone" data-testid="history-item" data-id="${id}" data-at="${atMs}">${inside}</div>`
    : html`<a class="row" href="/watch/${id}" data-testid="history-item" data-id="${id}" data-at="${atMs}">${inside}</a>`;
}

export function missing({ theme }) {
  return layout({ title: 'Not found', page: 'missing', theme, body: notice({ testid: 'not-found', mark: 'film', heading: 'This film is not on the shelf',
    text: 'It was removed, or the address has a typo.', action: html`<a class="button" href="/">Go to the library</a>` }) });
}
