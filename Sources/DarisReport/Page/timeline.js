// Draws the overview and the lanes.
const whole = { from: facts.from, to: Math.max(facts.to, facts.from + 1000) };
let view = { ...whole }, selected = null, hovered = null, lit = null;
const rowHeight = 24, markHeight = 18, axisHeight = 24;
const contextHeight = markHeight + facts.lanes * rowHeight + 6;
let laneWidth = $("lanes").clientWidth;
const gutter = () => laneWidth < 600 ? 50 : 84;
const plotWidth = () => Math.max(20, laneWidth - gutter());
const toX = time => gutter() + (time - view.from) / (view.to - view.from) * plotWidth();
const toTime = x => view.from + (x - gutter()) / plotWidth() * (view.to - view.from);
const laneTop = lane => {
  const context = Math.floor(lane / facts.lanes);
  return context * contextHeight + markHeight + (lane % facts.lanes) * rowHeight;
};
const shownHeight = () => Math.min(axisHeight + facts.contexts * contextHeight,
  document.documentElement.dataset.print ? Infinity : Math.min(innerHeight * 0.72, 760));

/* What has no box of its own, by context: jobs that did not run, and misses. */
const marks = Array.from({ length: facts.contexts }, () => []);
for (const job of jobs) {
  const miss = isMiss(job), context = contextOf(job);
  if (miss || job.fate === fate.rejected || job.fate === fate.skipped || job.fate === fate.dropped) {
    marks[context].push({ time: job.fate === fate.inFlight ? job.deadline : job.finish, job, miss });
  }
}
for (const list of marks) list.sort((a, b) => a.time - b.time);
const misses = marks.flat().filter(mark => mark.miss).sort((a, b) => a.time - b.time);

/* The first of a list sorted by time that ends after a time. */
function firstAfter(list, time, key) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle][key] < time) low = middle + 1; else high = middle;
  }
  return low;
}

function addMark(c, mark, x, y) {
  if (mark.job.fate === fate.rejected) {
    c.moveTo(x - 4, y - 4); c.lineTo(x + 4, y - 4); c.lineTo(x, y + 4); c.closePath();
  } else if (mark.job.fate === fate.skipped) {
    c.moveTo(x, y - 5); c.lineTo(x + 4, y); c.lineTo(x, y + 5); c.lineTo(x - 4, y); c.closePath();
  } else {
    c.moveTo(x - 4, y - 4); c.lineTo(x + 4, y + 4); c.moveTo(x + 4, y - 4); c.lineTo(x - 4, y + 4);
  }
}

function drawMarks(c, context, top) {
  const list = marks[context], y = top + markHeight / 2;
  for (const miss of [false, true]) {
    let last = -9;
    c.beginPath();
    for (let i = firstAfter(list, view.from, "time"); i < list.length && list[i].time <= view.to; i++) {
      const x = toX(list[i].time);
      if (list[i].miss !== miss || x - last < (miss ? 3 : 8)) continue;
      last = x;
      addMark(c, list[i], x, y);
    }
    c.strokeStyle = miss ? colours.bad : colours.quiet;
    c.lineWidth = miss ? 2 : 1.2;
    c.stroke();
  }
}

function drawBox(c, run, top, dim) {
  const job = run.jobs[0], high = isHigh(job);
  const x = Math.max(toX(run.start), gutter() - 4), end = Math.min(toX(run.end), gutter() + plotWidth() + 4);
  const width = Math.max(1, end - x), y = top + (high ? 1 : 7), height = rowHeight - (high ? 3 : 9);
  c.globalAlpha = dim ? 0.2 : 1;
  c.fillStyle = colours.tasks[job.task];
  c.beginPath();
  if (!high && width > 7) c.roundRect(x, y, width - 0.5, height, 4); else c.rect(x, y, width - 0.5, height);
  c.fill();
  c.fillStyle = c.strokeStyle = colours.boxink;
  if (high && width > 2) c.fillRect(x, y, width - 0.5, 2);
  if (run.jobs.length > 1 && width > 4) {
    c.fillRect(x + 2, y + 4, width - 4.5, 1);
    c.fillRect(x + 2, y + 6, width - 4.5, 1);
  }
  const migrated = job.migrated && width > 9;
  if (migrated) {
    c.beginPath();
    c.moveTo(x + 1, y + height / 2 - 4); c.lineTo(x + 6, y + height / 2); c.lineTo(x + 1, y + height / 2 + 4);
    c.fill();
  }
  if (width > 30) {
    const count = run.jobs.length > 1 ? `×${run.jobs.length} ` : "";
    const full = `${count}${facts.tasks[job.task].name} ${run.stage + 1}/${facts.tasks[job.task].stages}`;
    const short = `${count}${run.stage + 1}/${facts.tasks[job.task].stages}`;
    const room = width - (migrated ? 12 : 6), text = c.measureText(full).width <= room ? full : short;
    if (c.measureText(text).width <= room) {
      c.fillText(text, x + (migrated ? 9 : 4), y + height / 2 + (run.jobs.length > 1 ? 2.5 : 1));
    }
  }
  if (run.jobs.some(isLate) && run.stage === facts.tasks[job.task].stages - 1) {
    c.fillStyle = colours.bad;
    c.fillRect(x + Math.max(0, width - 4), y, Math.min(4, width), height);
  }
  if (run.outcome === 1 || run.outcome === 2) {
    c.strokeStyle = colours.bad; c.lineWidth = 2;
    c.beginPath();
    c.moveTo(x, y); c.lineTo(x + width, y + height);
    c.moveTo(x + width, y); c.lineTo(x, y + height);
    c.stroke();
  }
  c.globalAlpha = 1;
}

/* Too many boxes to tell apart: the share of each two pixels in which the lane ran HP (below) and LP. */
function busyColumns(list, from, to, count) {
  const high = new Float32Array(count), low = new Float32Array(count), size = (to - from) / count;
  for (let i = firstAfter(list, from, "end"); i < list.length && list[i].start < to; i++) {
    const run = list[i], share = isHigh(run.jobs[0]) ? high : low;
    const start = Math.max(run.start, from), end = Math.min(run.end, to);
    const last = Math.min(count - 1, Math.floor((end - from) / size));
    for (let column = Math.floor((start - from) / size); column <= last; column++) {
      const left = from + column * size;
      share[column] += Math.max(0, Math.min(end, left + size) - Math.max(start, left)) / size;
    }
  }
  return { high, low };
}
function drawBusy(c, lane, top) {
  const count = Math.max(1, Math.floor(plotWidth() / 2)), height = rowHeight - 3;
  const step = plotWidth() / count, left = gutter();
  const { high, low } = busyColumns(lanes[lane], view.from, view.to, count);
  for (const [share, below, colour] of [[high, null, colours.hp], [low, high, colours.lp]]) {
    c.beginPath();
    for (let i = 0; i < count; i++) {
      const foot = below ? below[i] * height : 0;
      if (share[i]) c.rect(left + i * step, top + height + 1 - foot, step, -share[i] * height);
    }
    c.fillStyle = colour;
    c.fill();
  }
}
const isCrowded = () => lanes.some(list =>
  firstAfter(list, view.to, "start") - firstAfter(list, view.from, "end") > plotWidth() / 3);

function drawAxis(c, width, height) {
  const step = niceStep(view.to - view.from, plotWidth() / 110);
  const decimals = Math.max(0, Math.min(7, -Math.floor(Math.log10(step / 1e9) + 1e-9)));
  c.lineWidth = 1;
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    const x = Math.round(toX(time)) + 0.5;
    c.strokeStyle = colours.grid;
    c.beginPath(); c.moveTo(x, axisHeight - 4); c.lineTo(x, height); c.stroke();
    c.fillStyle = colours.quiet;
    const text = (time / 1e9).toFixed(decimals) + " s", half = c.measureText(text).width / 2;
    c.fillText(text, Math.min(width - 2 * half - 2, Math.max(gutter(), x - half)), axisHeight / 2);
  }
}

function drawJob(c, job, offset) {
  const context = contextOf(job), top = context * contextHeight + offset, bottom = top + contextHeight - 6;
  c.lineWidth = 1.5;
  for (const [time, dash, colour, text] of [[job.release, [], colours.ink, "release"],
    [job.deadline, [4, 3], isMiss(job) ? colours.bad : colours.ink, "deadline"]]) {
    const x = toX(time);
    if (x < gutter() || x > gutter() + plotWidth()) continue;
    c.strokeStyle = c.fillStyle = colour;
    c.setLineDash(dash);
    c.beginPath(); c.moveTo(x, top); c.lineTo(x, bottom); c.stroke();
    c.setLineDash([]);
    const width = c.measureText(text).width, left = Math.min(x + 4, gutter() + plotWidth() - width - 2);
    c.fillStyle = colours.page;
    c.fillRect(left - 2, top + 1, width + 4, 15);
    c.fillStyle = colour;
    c.fillText(text, left, top + 9);
  }
  c.strokeStyle = colours.ink;
  let last = null;
  for (const run of job.runs) {
    const y = laneTop(run.lane) + offset, x = toX(run.start);
    c.strokeRect(x, y + 0.5, Math.max(2, toX(run.end) - x), rowHeight - 2);
    if (last) {
      c.beginPath(); c.moveTo(toX(last.end), laneTop(last.lane) + offset + rowHeight / 2);
      c.lineTo(x, y + rowHeight / 2); c.stroke();
    }
    last = run;
  }
}

function drawLanes() {
  const { context: c, width, height } = surface($("lanes"), shownHeight());
  laneWidth = width;
  $("tall").style.height = axisHeight + facts.contexts * contextHeight + "px";
  const offset = axisHeight - $("rows").scrollTop, crowded = isCrowded(), left = gutter(), isNarrow = left < 60;
  c.fillStyle = colours.page;
  c.fillRect(0, 0, width, height);
  drawAxis(c, width, height);
  c.save();
  c.beginPath(); c.rect(0, axisHeight, width, height - axisHeight); c.clip();
  for (let context = 0; context < facts.contexts; context++) {
    const top = context * contextHeight + offset;
    if (top > height || top + contextHeight < axisHeight) continue;
    c.fillStyle = colours.card;
    c.fillRect(0, top, width, markHeight - 1);
    c.fillStyle = colours.ink;
    c.fillText(isNarrow ? `C ${context}` : `Context ${context}`, 6, top + markHeight / 2);
    c.save();
    c.beginPath(); c.rect(left, axisHeight, width - left, height); c.clip();
    for (const loss of facts.losses.filter(loss => loss.context === context)) {
      c.fillStyle = colours.line;
      c.fillRect(toX(loss.from), top, toX(loss.to) - toX(loss.from), contextHeight - 6);
      c.fillStyle = colours.bad;
      c.fillText("context lost", Math.max(left, toX(loss.from)) + 14, top + markHeight / 2);
    }
    drawMarks(c, context, top);
    for (let lane = context * facts.lanes; lane < (context + 1) * facts.lanes; lane++) {
      const y = laneTop(lane) + offset;
      if (y > height || y + rowHeight < axisHeight) continue;
      if (crowded) { drawBusy(c, lane, y); continue; }
      const list = lanes[lane];
      for (let i = firstAfter(list, view.from, "end"); i < list.length && list[i].start <= view.to; i++) {
        drawBox(c, list[i], y, lit !== null && facts.tasks[list[i].jobs[0].task].family !== lit);
      }
    }
    const job = selected?.job ?? hovered?.job;
    if (job && contextOf(job) === context) drawJob(c, job, offset);
    c.restore();
    c.fillStyle = colours.quiet;
    for (let stream = 0; stream < facts.lanes; stream++) {
      const y = top + markHeight + stream * rowHeight;
      const isExpress = stream >= facts.lanes - facts.express;
      const label = isExpress ? `express ${stream - facts.lanes + facts.express}` : `lane ${stream}`;
      c.fillText(isNarrow ? isExpress ? `e${stream - facts.lanes + facts.express}` : `${stream}` : label, isNarrow ? 14 : 16, y + rowHeight / 2);
      c.fillStyle = colours.grid; c.fillRect(0, y + rowHeight - 1, width, 1); c.fillStyle = colours.quiet;
    }
  }
  c.restore();
  $("span").textContent = `${at(view.from)} to ${at(view.to)}`
    + (crowded ? " · columns: share of time busy with HP (below) and LP (above); zoom in for stages" : "");
  drawOverview();
}

let overall = null;
function drawOverview() {
  const { context: c, width, height } = surface($("overview"), 46);
  const count = Math.max(1, Math.floor(width / 2));
  if (overall?.count !== count) {
    overall = { count, high: new Float32Array(count), low: new Float32Array(count) };
    // What express lanes run, they run in the time of the others.
    const ordinary = lanes.filter((_, lane) => lane % facts.lanes < facts.lanes - facts.express);
    for (const list of ordinary) {
      const busy = busyColumns(list, whole.from, whole.to, count);
      for (let i = 0; i < count; i++) {
        overall.high[i] += busy.high[i] / ordinary.length;
        overall.low[i] += busy.low[i] / ordinary.length;
      }
    }
  }
  const x = time => (time - whole.from) / (whole.to - whole.from) * width;
  const step = width / count, tall = height - 10;
  for (let i = 0; i < count; i++) {
    const h = overall.high[i] * tall, l = overall.low[i] * tall;
    c.fillStyle = colours.hp; c.fillRect(i * step, height - h, step, h);
    c.fillStyle = colours.lp; c.fillRect(i * step, height - h - l, step, l);
  }
  c.fillStyle = colours.bad;
  for (const miss of misses) c.fillRect(Math.min(width - 2, x(miss.time)), 0, 2, 8);
  c.strokeStyle = colours.ink; c.lineWidth = 2;
  const wide = Math.max(4, Math.min(width - 2, x(view.to) - x(view.from)));
  c.strokeRect(Math.max(1, x(view.from)), 1, wide, height - 2);
}
