// The three sample films, each a function of time: draw(context, seconds). They loop after DURATION.
const W = 1280;
const H = 720;
const DURATION = 9;
const TURN = Math.PI * 2;

const phase = (t, turns = 1, offset = 0) => Math.sin(TURN * ((t / DURATION) * turns + offset));
const random = (n) => {
  const x = Math.sin(n * 127.1 + 311.7) * 43758.5453;
  return x - Math.floor(x);
};

function fill(c, stops, x0 = 0, y0 = 0, x1 = 0, y1 = H) {
  const gradient = c.createLinearGradient(x0, y0, x1, y1);
  stops.forEach(([at, colour]) => gradient.addColorStop(at, colour));
  c.fillStyle = gradient;
}

function glow(c, x, y, radius, colour) {
  const gradient = c.createRadialGradient(x, y, 0, x, y, radius);
  gradient.addColorStop(0, colour);
  gradient.addColorStop(1, colour.replace(/[\d.]+\)$/, '0)'));
  c.fillStyle = gradient;
  c.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
}

function hill(c, base, height, waves, shift, colour) {
  c.beginPath();
  c.moveTo(0, H);
  for (let x = 0; x <= W; x += 8) {
    const u = x / W;
    c.lineTo(x, base - height * (0.6 * Math.sin(TURN * (u * waves + shift)) + 0.4 * Math.sin(TURN * (u * waves * 2.3 + shift * 2))));
  }
  c.lineTo(W, H);
  c.fillStyle = colour;
  c.fill();
}

// A house on a winter night: the floor is warm inside, and it snows.
function warmFloor(c, t) {
  fill(c, [[0, '#0d1330'], [0.55, '#2b2f63'], [0.85, '#6b4a74'], [1, '#a8606a']]);
  c.fillRect(0, 0, W, H);
  for (let n = 0; n < 46; n++) {
    c.globalAlpha = 0.35 + 0.35 * phase(t, 1 + (n % 3), random(n));
    c.fillStyle = '#fff6e0';
    c.beginPath();
    c.arc(random(n + 50) * W, random(n + 150) * 330, 1 + random(n) * 1.4, 0, TURN);
    c.fill();
  }
  c.globalAlpha = 1;
  glow(c, 1010, 150, 210, 'rgba(255,236,200,0.28)');
  c.fillStyle = '#fdf0d2';
  c.beginPath();
  c.arc(1010, 150, 52, 0, TURN);
  c.fill();
  hill(c, 470, 46, 1.1, 0.12, '#2c2a57');
  hill(c, 530, 34, 1.4, 0.55, '#3a3566');
  fill(c, [[0, '#cfd3ee'], [1, '#8f93c4']], 0, 560, 0, H);
  c.beginPath();
  c.moveTo(0, H);
  c.lineTo(0, 590);
  c.bezierCurveTo(320, 545, 760, 560, W, 600);
  c.lineTo(W, H);
  c.fill();

  // smoke from the chimney, one puff after the other
  for (let n = 0; n < 7; n++) {
    const age = (t / DURATION * 2 + n / 7) % 1;
    c.globalAlpha = 0.30 * Math.sin(Math.PI * age);
    c.fillStyle = '#e9e3f2';
    c.beginPath();
    c.arc(822 + 90 * age + 14 * Math.sin(TURN * (age + n / 7)), 300 - 210 * age, 14 + 44 * age, 0, TURN);
    c.fill();
  }
  c.globalAlpha = 1;

  const ember = 0.85 + 0.1 * phase(t, 3) + 0.05 * phase(t, 7, 0.3);
  glow(c, 620, 545, 420, `rgba(255,150,70,${0.42 * ember})`);
  c.fillStyle = '#3b2a35';
  c.fillRect(800, 300, 44, 110);
  c.fillStyle = '#f3f1fb';
  c.fillRect(794, 292, 56, 14);
  c.fillStyle = '#7a4f45';
  c.fillRect(420, 440, 410, 130);
  c.fillStyle = '#5b3a38';
  for (const x of [420, 552, 690, 818]) c.fillRect(x, 440, 12, 130);
  for (const [x, width] of [[446, 92], [580, 96], [716, 88]]) {
    fill(c, [[0, `rgba(255,214,130,${ember})`], [1, `rgba(255,152,70,${ember})`]], 0, 462, 0, 548);
    c.fillRect(x, 462, width, 86);
    c.strokeStyle = '#5b3a38';
    c.lineWidth = 4;
    c.strokeRect(x, 462, width, 86);
    c.lineWidth = 2.5;
    c.beginPath();
    for (let n = 1; n < 4; n++) { c.moveTo(x + width * n / 4, 462); c.lineTo(x + width * n / 4, 548); }
    for (let n = 1; n < 3; n++) { c.moveTo(x, 462 + 86 * n / 3); c.lineTo(x + width, 462 + 86 * n / 3); }
    c.stroke();
  }
  c.fillStyle = '#2b2033'; // the roof, its eaves turned up
  c.beginPath();
  c.moveTo(352, 452);
  c.quadraticCurveTo(430, 436, 500, 348);
  c.lineTo(750, 348);
  c.quadraticCurveTo(820, 436, 898, 452);
  c.quadraticCurveTo(625, 424, 352, 452);
  c.fill();
  c.fillStyle = '#f3f1fb';
  c.beginPath();
  c.moveTo(372, 445);
  c.quadraticCurveTo(440, 422, 496, 344);
  c.lineTo(754, 344);
  c.quadraticCurveTo(810, 422, 878, 445);
  c.quadraticCurveTo(800, 400, 742, 368);
  c.quadraticCurveTo(625, 380, 508, 368);
  c.quadraticCurveTo(450, 400, 372, 445);
  c.fill();
  c.fillStyle = '#8b86b8';
  c.fillRect(404, 570, 442, 16);
  // the hearth below the floor
  fill(c, [[0, '#2a1a1c'], [1, '#1a0f12']], 0, 572, 0, 604);
  c.beginPath();
  c.roundRect(596, 574, 64, 34, [16, 16, 0, 0]);
  c.fill();
  glow(c, 628, 600, 34, `rgba(255,120,40,${ember})`);
  for (let n = 0; n < 62; n++) { // snow
    const fall = (t / DURATION * (1 + (n % 2)) + random(n + 7)) % 1;
    const size = 1.6 + random(n + 30) * 2.8;
    c.globalAlpha = 0.85;
    c.fillStyle = '#ffffff';
    c.beginPath();
    c.arc(random(n + 90) * W + 26 * phase(t, 1, random(n)), fall * (H + 20) - 10, size, 0, TURN);
    c.fill();
  }
  c.globalAlpha = 1;
}

// A paper boat on a paper sea.
function paperSea(c, t) {
  fill(c, [[0, '#8fd6e8'], [0.6, '#fbe3c4'], [1, '#ffd0a6']]);
  c.fillRect(0, 0, W, H);
  const sunY = 250 + 14 * phase(t);
  glow(c, 930, sunY, 330, 'rgba(255,246,214,0.85)');
  c.fillStyle = '#fff4cf';
  c.beginPath();
  c.arc(930, sunY, 92, 0, TURN);
  c.fill();
  const cloud = (x, y, scale) => {
    c.fillStyle = 'rgba(255,255,255,0.88)';
    c.beginPath();
    for (const [dx, dy, r] of [[0, 0, 40], [48, -18, 50], [104, -4, 44], [148, 8, 30]]) {
      c.moveTo(x + dx * scale + r * scale, y + dy * scale);
      c.arc(x + dx * scale, y + dy * scale, r * scale, 0, TURN);
    }
    c.fill();
  };
  cloud(150 + 40 * phase(t, 1, 0.1), 150, 1.05);
  cloud(560 + 30 * phase(t, 1, 0.45), 96, 0.7);
  cloud(1080 + 36 * phase(t, 1, 0.7), 140, 0.8);
  for (let n = 0; n < 3; n++) { // gulls
    const x = 330 + n * 74 + 60 * phase(t, 1, 0.2);
    const y = 250 - n * 30 + 12 * phase(t, 2, n / 3);
    const wing = 10 * phase(t, 6, n / 5);
    c.strokeStyle = '#3c5a70';
    c.lineWidth = 5;
    c.lineCap = 'round';
    c.beginPath();
    c.moveTo(x - 26, y - wing);
    c.quadraticCurveTo(x - 10, y - 10, x, y);
    c.quadraticCurveTo(x + 10, y - 10, x + 26, y - wing);
    c.stroke();
  }
  const wave = (base, height, waves, turns, colour) => {
    c.save();
    c.shadowColor = 'rgba(10,50,80,0.28)';
    c.shadowBlur = 22;
    c.shadowOffsetY = -5;
    c.beginPath();
    c.moveTo(-40, H + 40);
    for (let x = -40; x <= W + 40; x += 8) {
      c.lineTo(x, base + height * Math.sin(TURN * ((x / W) * waves - (t / DURATION) * turns)) + 5 * phase(t, 2, base));
    }
    c.lineTo(W + 40, H + 40);
    c.fillStyle = colour;
    c.fill();
    c.restore();
  };
  wave(440, 20, 2, 1, '#5fb8cf');
  wave(492, 24, 2.5, -1, '#3f9dbd');
  const x = 500 + 46 * phase(t);
  const slope = 0.11 * phase(t, 2, 0.2);
  c.save();
  c.translate(x, 520 + 13 * phase(t, 2));
  c.rotate(slope);
  c.shadowColor = 'rgba(10,40,70,0.35)';
  c.shadowBlur = 18;
  const shape = (colour, ...points) => {
    c.fillStyle = colour;
    c.beginPath();
    points.forEach(([px, py]) => c.lineTo(px, py));
    c.fill();
  };
  shape('#fffaf0', [0, -235], [0, -52], [-112, -52]);
  c.shadowBlur = 0;
  shape('#ffe2c2', [8, -205], [8, -52], [96, -52]);
  shape('#e8590c', [0, -235], [0, -262], [46, -248]);
  shape('#fff3e2', [-150, -42], [150, -42], [104, 28], [-104, 28]);
  shape('#f4d9ba', [0, -42], [150, -42], [104, 28], [0, 28]);
  c.restore();
  wave(548, 26, 1.8, 1, '#2b82a8');
  wave(610, 24, 2.6, -1, '#1f6a92');
  wave(668, 18, 2.1, 1, '#17537a');
}

// A small clockwork of moons.
function slowOrbits(c, t) {
  fill(c, [[0, '#1a0b2e'], [0.5, '#3b1350'], [1, '#7a1f56']], 0, 0, W, H);
  c.fillRect(0, 0, W, H);
  const [x0, y0] = [W / 2, H / 2];
  glow(c, x0, y0, 520, 'rgba(255,110,140,0.30)');
  const rings = [
    [110, 3, '#ffd166', 15, 1], [175, -2, '#ff8fab', 20, 2], [245, 2, '#9bf6ff', 13, 3], [320, -1, '#bdb2ff', 24, 2],
    [405, 1, '#ffc6a5', 17, 4], [495, -1, '#f72585', 11, 5],
  ];
  for (const [radius, turns, colour, size, moons] of rings) {
    c.strokeStyle = colour;
    c.globalAlpha = 0.22;
    c.lineWidth = 2;
    c.beginPath();
    c.ellipse(x0, y0, radius * 1.15, radius * 0.66, -0.22, 0, TURN);
    c.stroke();
    for (let moon = 0; moon < moons; moon++) {
      for (let tail = 12; tail >= 0; tail--) {
        const angle = TURN * ((t / DURATION) * turns + moon / moons) - Math.sign(turns) * tail * 0.045;
        const [ex, ey] = [radius * 1.15 * Math.cos(angle), radius * 0.66 * Math.sin(angle)];
        c.globalAlpha = tail ? 0.16 * (1 - tail / 13) : 1;
        c.fillStyle = colour;
        c.beginPath();
        c.arc(x0 + ex * 0.976 + ey * 0.218, y0 - ex * 0.218 + ey * 0.976, size * (1 - tail / 18), 0, TURN);
        c.fill();
      }
    }
  }
  c.globalAlpha = 1;
  const beat = 52 + 5 * phase(t, 6);
  glow(c, x0, y0, beat * 2.6, 'rgba(255,225,160,0.75)');
  c.fillStyle = '#fff1cc';
  c.beginPath();
  c.arc(x0, y0, beat, 0, TURN);
  c.fill();
}

globalThis.films = { 'warm-floor': warmFloor, 'paper-sea': paperSea, 'slow-orbits': slowOrbits };
