// Draws the sample films of scenes.js in a headless browser and encodes them with ffmpeg:
// `npm install --prefix /tmp/render playwright-core`, then `node render.mjs /tmp/render`
// writes ../<film>.webm and ../<film>.jpg. Needs chromium and ffmpeg.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { chromium } = createRequire(join(process.argv[2] ?? '.', 'x.js'))('playwright-core');
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const FPS = 24;
const SECONDS = 9;
const RATE = 48000;

// Four bars of a slow pad (frequencies of three voices each) and a bell on top.
const music = {
  'warm-floor': { bars: [[0, 4, 7], [-3, 0, 4], [-7, -3, 0], [-5, -1, 2]], root: 220, bells: [12, 16, 19, 16, 12, 9, 12, 7, 11] },
  'paper-sea': { bars: [[0, 4, 9], [2, 5, 9], [-3, 0, 4], [-5, 2, 5]], root: 261.6, bells: [16, 12, 21, 16, 14, 9, 16, 12, 7] },
  'slow-orbits': { bars: [[0, 3, 7], [-4, 0, 3], [-9, -5, 0], [-2, 2, 5]], root: 196, bells: [19, 15, 12, 15, 14, 10, 7, 10, 12] },
};

function sound({ bars, root, bells }) {
  const pcm = Buffer.alloc(SECONDS * RATE * 4);
  const hertz = (semitones) => root * 2 ** (semitones / 12);
  const bar = SECONDS / bars.length;
  for (let n = 0; n < SECONDS * RATE; n++) {
    const t = n / RATE;
    let left = 0;
    let right = 0;
    bars.forEach((voices, k) => {
      let age = t - k * bar;
      if (k === 0 && age > SECONDS - 1) age -= SECONDS; // the loop closes under its own tail
      if (age < -0.6 || age > bar + 0.6) return;
      const swell = Math.sin(Math.PI * Math.min(1, (age + 0.6) / (bar + 1.2))) ** 0.8 * 0.085;
      for (const [v, semitones] of voices.entries()) {
        const f = hertz(semitones);
        const wave = Math.sin(6.2832 * f * t) + 0.35 * Math.sin(6.2832 * f * 2.003 * t) + 0.5 * Math.sin(3.1416 * f * 0.998 * t);
        left += swell * wave * (v === 1 ? 0.7 : 1);
        right += swell * wave * (v === 2 ? 0.7 : 1);
      }
    });
    bells.forEach((semitones, k) => {
      const age = t - k;
      if (age < 0) return;
      const ring = Math.sin(6.2832 * hertz(semitones) * age) * Math.exp(-2.4 * age) * Math.min(1, age * 200) * 0.12;
      left += ring * (k % 2 ? 1 : 0.6);
      right += ring * (k % 2 ? 0.6 : 1);
    });
    const edge = Math.min(1, t / 0.15, (SECONDS - t) / 0.6);
    pcm.writeInt16LE(Math.round(Math.tanh(left * edge) * 29000), n * 4);
    pcm.writeInt16LE(Math.round(Math.tanh(right * edge) * 29000), n * 4 + 2);
  }
  return pcm;
}

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
await page.setContent('<canvas width="1280" height="720"></canvas>');
await page.addScriptTag({ path: join(here, 'scenes.js') });
const frame = async (film, t, type, quality) => {
  const url = await page.evaluate(([film, t, type, quality]) => {
    const canvas = document.querySelector('canvas');
    globalThis.films[film](canvas.getContext('2d'), t);
    return canvas.toDataURL(type, quality);
  }, [film, t, type, quality]);
  return Buffer.from(url.split(',')[1], 'base64');
};

for (const film of Object.keys(music)) {
  const [lossless, pcm, log] = ['mkv', 'pcm', 'log'].map((end) => join(tmpdir(), `flixtube-${film}.${end}`));
  const gather = spawn('ffmpeg', ['-v', 'error', '-y', '-f', 'image2pipe', '-c:v', 'mjpeg', '-framerate', String(FPS), '-i', '-',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '8', lossless], { stdio: ['pipe', 'inherit', 'inherit'] });
  for (let n = 0; n < FPS * SECONDS; n++) {
    if (!gather.stdin.write(await frame(film, n / FPS, 'image/jpeg', 0.97))) await once(gather.stdin, 'drain');
  }
  gather.stdin.end();
  await once(gather, 'exit');
  writeFileSync(pcm, sound(music[film]));
  const video = ['-c:v', 'libvpx-vp9', '-b:v', '0', '-crf', '40', '-g', '96', '-cpu-used', '1', '-row-mt', '1', '-pix_fmt', 'yuv420p', '-passlogfile', log];
  const ffmpeg = (...args) => execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', lossless, ...args], { stdio: 'inherit' });
  ffmpeg(...video, '-pass', '1', '-an', '-f', 'null', '-');
  ffmpeg('-f', 's16le', '-ar', String(RATE), '-ac', '2', '-i', pcm, ...video, '-pass', '2',
    '-c:a', 'libopus', '-b:a', '56k', '-map_metadata', '-1', '-fflags', '+bitexact', join(here, '..', `${film}.webm`));
  writeFileSync(join(here, '..', `${film}.jpg`), await frame(film, 2, 'image/jpeg', 0.82));
  for (const file of [lossless, pcm, `${log}-0.log`]) rmSync(file, { force: true });
}
await browser.close();
