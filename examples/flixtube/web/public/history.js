// Groups what was watched by day, as the viewer's clock has it.
import { confirmed, toast } from './app.js';

const list = document.querySelector('#history');
const full = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long' });
const dayOf = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

function nameOf(day) {
  const back = Math.round((dayOf(new Date()) - day) / 86_400_000);
  return back === 0 ? 'Today' : back === 1 ? 'Yesterday' : full.format(day);
}

let last;
for (const row of list?.querySelectorAll('[data-at]') ?? []) {
  const name = nameOf(dayOf(new Date(Number(row.dataset.at))));
  if (name === last) continue;
  last = name;
  row.before(Object.assign(document.createElement('h2'), { className: 'day', textContent: name }));
}

document.querySelector('#forget')?.addEventListener('click', async () => {
  if (!(await confirmed({ heading: 'Clear the history?', text: 'What was watched is forgotten. The videos stay.', yes: 'Clear' }))) return;
  const answer = await fetch('/api/history', { method: 'DELETE' }).catch(() => undefined);
  if (answer?.ok) location.reload();
  else toast('The history cannot be cleared right now.');
});
