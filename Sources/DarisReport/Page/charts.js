// Draws the response times and the execution times, and the legend.
let unit = "ms", pointer = null;
const lineOf = priority => priority === "HP"
  ? { colour: colours.hpline, dash: [], width: 2.5 } : { colour: colours.lpline, dash: [7, 3], width: 2 };

function drawResponses() {
  if (!$("ecdf")) return;
  const { context: c, width, height } = surface($("ecdf"), 300);
  const left = 48, right = width - 14, top = 40, bottom = height - 40;
  const key = unit === "ms" ? "milliseconds" : "shares", scale = unit === "ms" ? 1 : 100;
  const curves = facts.responses.map(group => ({ ...group, values: group[key].map(value => value * scale) }));
  const late = curve => curve.values[Math.ceil(curve.values.length * 0.995) - 1];
  const limits = curves.flatMap(curve => unit === "ms" ? curve.deadlines_ms : [100]);
  const most = Math.max(...curves.map(late), ...limits) * 1.08;
  const x = value => left + Math.min(1, value / most) * (right - left);
  const y = share => bottom - share * (bottom - top);

  c.lineWidth = 1;
  for (let share = 0; share <= 1.001; share += 0.25) {
    c.strokeStyle = colours.grid;
    c.beginPath(); c.moveTo(left, y(share)); c.lineTo(right, y(share)); c.stroke();
    c.fillStyle = colours.quiet; c.textAlign = "right";
    c.fillText(`${Math.round(share * 100)} %`, left - 6, y(share));
  }
  const step = niceStep(most, (right - left) / 80);
  c.textAlign = "center";
  for (let value = 0; value <= most; value += step) {
    c.fillText(`${+value.toFixed(6)}`, x(value), bottom + 14);
  }
  c.textAlign = "right";
  c.fillText(unit === "ms" ? "response time, ms" : "response time, % of the deadline", right, bottom + 31);
  c.textAlign = "left";

  const marks = new Map();
  for (const curve of curves) {
    for (const [place, value] of (unit === "ms" ? curve.deadlines_ms : [100]).entries()) {
      const kind = curve.more_deadlines && unit === "ms" ? (place ? "latest " : "first ") : "";
      const text = marks.get(value);
      marks.set(value, text ? text.replace(" deadline", `, ${curve.name} deadline`)
        : `${kind}${curve.name} deadline`);
    }
  }
  let row = 0, taken = [-99, -99];
  for (const [value, text] of [...marks].sort((a, b) => a[0] - b[0])) {
    c.strokeStyle = colours.quiet; c.setLineDash([2, 3]);
    c.beginPath(); c.moveTo(x(value), top - 2); c.lineTo(x(value), bottom); c.stroke();
    c.setLineDash([]);
    const full = `${text} ${+value.toFixed(2)}${unit === "ms" ? " ms" : " %"}`;
    const wide = c.measureText(full).width;
    const start = Math.max(left, Math.min(x(value) - wide / 2, right - wide));
    row = taken[0] < start ? 0 : 1;
    if (taken[row] >= start) continue;
    taken[row] = start + wide + 8;
    c.fillStyle = colours.quiet;
    c.fillText(full, start, row ? 26 : 10);
  }

  for (const curve of curves) {
    const line = lineOf(curve.name), count = curve.values.length;
    c.strokeStyle = line.colour; c.lineWidth = line.width; c.setLineDash(line.dash);
    c.beginPath(); c.moveTo(x(0), y(0));
    let height = 0;
    curve.values.forEach((value, i) => {
      if (value > most) return;
      c.lineTo(x(value), y(height)); height = (i + 1) / count; c.lineTo(x(value), y(height));
    });
    c.lineTo(right, y(height));
    c.stroke(); c.setLineDash([]);
  }
  c.textAlign = "left";
  curves.forEach((curve, i) => {
    const line = lineOf(curve.name), share = pointer === null ? null
      : curve.values.filter(value => value <= pointer * most).length / curve.values.length;
    const text = `${curve.name} (${curve.jobs} jobs)`
      + (share === null ? "" : `: ${(share * 100).toFixed(1)} % within ${(pointer * most).toFixed(1)} ${unit === "ms" ? "ms" : "% of their deadlines"}`);
    const wide = c.measureText(text).width + 40, below = bottom - 40 + i * 20, start = right - wide;
    c.fillStyle = colours.page; c.fillRect(start - 4, below - 10, wide + 4, 20);
    c.strokeStyle = line.colour; c.lineWidth = line.width; c.setLineDash(line.dash);
    c.beginPath(); c.moveTo(start, below); c.lineTo(start + 30, below); c.stroke(); c.setLineDash([]);
    c.fillStyle = colours.ink; c.fillText(text, start + 36, below);
  });
  if (pointer !== null) {
    c.strokeStyle = colours.ink; c.lineWidth = 1;
    c.beginPath(); c.moveTo(x(pointer * most), top); c.lineTo(x(pointer * most), bottom); c.stroke();
  }
  $("ecdf").onpointermove = event => {
    const at = (event.clientX - $("ecdf").getBoundingClientRect().left - left) / (right - left);
    pointer = at >= 0 && at <= 1 ? at : null;
    drawResponses();
  };
  $("ecdf").onpointerleave = () => { pointer = null; drawResponses(); };
}

function drawStage(canvas, runs) {
  const { context: c, width, height } = surface(canvas, 140);
  const left = 46, right = width - 6, top = 8, bottom = height - 20;
  const most = runs.reduce((most, run) => Math.max(most, run.measured, run.expected), 1000) * 1.05;
  const x = time => left + (time - whole.from) / (whole.to - whole.from) * (right - left);
  const y = time => bottom - time / most * (bottom - top), step = niceStep(most, 4);
  c.textAlign = "right";
  for (let value = 0; value <= most; value += step) {
    c.fillStyle = colours.grid; c.fillRect(left, Math.round(y(value)), right - left, 1);
    c.fillStyle = colours.quiet; c.fillText(`${+(value / 1e6).toFixed(4)}`, left - 5, y(value));
  }
  c.fillText(`${+(whole.to / 1e9).toFixed(2)} s`, right, bottom + 12);
  c.textAlign = "left";
  c.fillText(`${+(whole.from / 1e9).toFixed(2)} s`, left, bottom + 12);
  c.strokeStyle = colours.lpline; c.lineWidth = 1.6;
  c.beginPath();
  runs.filter(run => run.jobs.length === 1).forEach((run, i, all) => {
    if (i) c.lineTo(x(run.start), y(all[i - 1].expected)); else c.moveTo(x(run.start), y(run.expected));
    c.lineTo(x(run.start), y(run.expected));
  });
  c.stroke();
  c.fillStyle = c.strokeStyle = colours.hpline; c.lineWidth = 1;
  const size = runs.length > 400 ? 1.2 : 2;
  for (const run of runs) {
    if (run.outcome !== 0) continue;
    c.beginPath(); c.arc(x(run.start), y(run.measured), size, 0, 7);
    if (run.jobs.length > 1) c.stroke(); else c.fill();
  }
}

function drawStages() {
  if (!$("task")) return;
  const task = +$("task").value, stages = facts.tasks[task].stages;
  const byStage = Array.from({ length: stages }, () => []);
  for (const job of jobs) if (job.task === task) for (const run of job.runs) byStage[run.stage].push(run);
  $("stages").replaceChildren(...byStage.map((runs, stage) => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const canvas = document.createElement("canvas"), alone = runs.filter(run => run.jobs.length === 1);
    const last = alone.length ? `, last MRET ${ms(alone[alone.length - 1].expected)}` : "";
    caption.textContent = `${facts.tasks[task].name}, stage ${stage + 1} of ${stages}, in ms: `
      + `${runs.length} run${runs.length === 1 ? "" : "s"}${last}`;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", caption.textContent + "; figures are in the table below");
    figure.append(caption, canvas);
    return figure;
  }));
  [...$("stages").querySelectorAll("canvas")].forEach((canvas, stage) => drawStage(canvas, byStage[stage]));
}

function drawLegend() {
  const legend = $("legend");
  const colour = family => colours.tasks[facts.tasks.findIndex(task => task.family === family)];
  legend.replaceChildren(...facts.families.slice(0, 40).map((family, index) => {
    const button = document.createElement("button"), swatch = document.createElement("i");
    button.type = "button";
    swatch.style.background = colour(index);
    if (!family.is_high) swatch.className = "low"; else swatch.style.borderTop = `2px solid ${colours.boxink}`;
    button.append(swatch, `${family.name} (${family.is_high ? "HP" : "LP"})`);
    button.title = "Show these tasks alone";
    button.setAttribute("aria-pressed", lit === index);
    button.onclick = () => { lit = lit === index ? null : index; drawLegend(); redraw(); };
    return button;
  }));
  const key = document.createElement("span");
  key.className = "key";
  const kinds = new Set(marks.flat().map(mark => mark.job.fate)), words = [];
  if (misses.length) words.push("✕ or red edge: deadline missed");
  if (kinds.has(fate.rejected)) words.push("▽ rejected job");
  if (kinds.has(fate.skipped)) words.push("◇ release skipped");
  if (jobs.some(job => job.migrated)) words.push("▸ at its left: migrated job");
  const isBatched = lanes.some(list => list.some(run => run.jobs.length > 1));
  if (isBatched) words.push("two lines and ×n: batch of n jobs");
  const more = facts.families.length > 40 ? [`${facts.families.length - 40} more tasks`] : [];
  key.textContent = [...more, ...words].join(" · ");
  legend.append(key);
}
