import { html } from './html.js';

const PATHS = {
  library: html`<rect x="3" y="4" width="18" height="12" rx="2.5"/><path d="M7 20h10"/>`,
  history: html`<path d="M3.5 12a8.5 8.5 0 1 0 2.6-6.1L3.5 8.4M3.5 3.8v4.6h4.6M12 7.5V12l3.2 2"/>`,
  plus: html`<path d="M12 5v14M5 12h14"/>`,
  moon: html`<path d="M20 14.2A8.2 8.2 0 0 1 9.8 4 8.2 8.2 0 1 0 20 14.2z"/>`,
  sun: html`<circle cx="12" cy="12" r="4.2"/><path d="M12 2.8v2M12 19.2v2M2.8 12h2M19.2 12h2M5.5 5.5l1.4 1.4M17.1 17.1l1.4 1.4M5.5 18.5l1.4-1.4M17.1 6.9l1.4-1.4"/>`,
  cross: html`<path d="M6 6l12 12M18 6L6 18"/>`,
  check: html`<path d="M4.5 12.5l5 5 10-11"/>`,
  search: html`<circle cx="11" cy="11" r="6.5"/><path d="M16 16l4.5 4.5"/>`,
  film: html`<rect x="3" y="5" width="18" height="14" rx="3"/><path d="M10 9.2v5.6l4.8-2.8z"/>`,
  link: html`<path d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L11.9 6.4M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.2-1.2"/>`,
  bin: html`<path d="M4 7h16M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10 11v5M14 11v5"/>`,
  cloud: html`<path d="M7 18.5a4.5 4.5 0 0 1-.6-8.96A5.5 5.5 0 0 1 17 8.7a4.9 4.9 0 0 1 .3 9.8zM9.5 13.2h.01M14.5 13.2h.01"/>`,
};

export const icon = (name) => name === 'play'
  ? html`<svg class="icon icon-play" viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5.3v13.4a.8.8 0 0 0 1.22.68l10.7-6.7a.8.8 0 0 0 0-1.36L9.22 4.62A.8.8 0 0 0 8 5.3z" fill="currentColor"/></svg>`
  : html`<svg class="icon icon-${name}" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">${PATHS[name]}</svg>`;
