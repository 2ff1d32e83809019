// Reads what TimelineHistory.columns wrote, and what all drawings share.
const $ = id => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const fate = { rejected: 0, skipped: 1, completed: 2, dropped: 3, failed: 4, inFlight: 5 };
const reason = { late: 2, deadlinePassed: 6 };

function reader(text) {
  const raw = atob(text.trim());
  let at = 0;
  return () => {
    let value = 0, scale = 1, byte;
    do { byte = raw.charCodeAt(at++); value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
}

function readJobs(next) {
  const sequences = facts.tasks.map(() => -1);
  let release = facts.from;
  return Array.from({ length: next() }, () => {
    release += next();
    const task = next(), sequence = sequences[task] += next() + 1;
    const job = { task, sequence, release, deadline: release + facts.tasks[task].deadline + next() };
    job.fate = next();
    job.reason = next();
    const place = next();
    job.context = (place >> 1) - 1;
    job.migrated = place % 2 === 1;
    job.finish = release + next();
    job.runs = [];
    return job;
  });
}

function readLanes(next, jobs) {
  const expected = new Map();
  return Array.from({ length: facts.contexts * facts.lanes }, (_, lane) => {
    let time = facts.from, place = 0;
    return Array.from({ length: next() }, () => {
      const run = { lane, start: time + next() };
      time = run.end = run.start + next();
      run.stage = next();
      place += next();
      const key = jobs[place].task * 256 + run.stage;
      expected.set(key, run.expected = (expected.get(key) ?? 0) + next());
      run.outcome = next();
      run.measured = run.end - run.start - next();
      run.jobs = [jobs[place]];
      for (let count = next(); count > 0; count--) run.jobs.push(jobs[place + next()]);
      for (const job of run.jobs) job.runs.push(run);
      return run;
    });
  });
}

const next = reader($("columns").textContent);
const jobs = readJobs(next), lanes = readLanes(next, jobs);
for (const job of jobs) job.runs.sort((a, b) => a.start - b.start);

const isHigh = job => facts.tasks[job.task].is_high;
const contextOf = job => job.context >= 0 ? job.context : facts.tasks[job.task].home;
const isLate = job => job.fate === fate.completed && job.reason === reason.late;
const isMiss = job => isLate(job) || job.fate === fate.failed
  || (job.fate === fate.dropped && job.reason === reason.deadlinePassed)
  || (job.fate === fate.skipped && isHigh(job)) || (job.fate === fate.inFlight && job.deadline < facts.to);
const name = job => `${facts.tasks[job.task].name} #${job.sequence}`;
const ms = time => {
  const value = time / 1e6, size = Math.abs(value);
  return value.toFixed(size < 1 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0) + " ms";
};
const at = time => (time / 1e9).toFixed(4) + " s";

function endOf(job) {
  if (job.fate === fate.completed) {
    const spare = job.deadline - job.finish;
    return spare < 0 ? `ended ${ms(-spare)} late: a miss` : `ended in time, ${ms(spare)} to spare`;
  }
  if (job.fate === fate.inFlight) return "had not ended when the run did";
  return `${facts.fates[job.fate]}: ${facts.reasons[job.reason]}`;
}

function laneName(lane) {
  const first = facts.lanes - facts.express;
  return lane < first ? `lane ${lane}` : `express lane ${lane - first}`;
}

function describe(job, run) {
  const task = facts.tasks[job.task], lines = [];
  lines.push(name(job) + (run ? ` · stage ${run.stage + 1} of ${task.stages}` : "")
    + ` · ${task.is_high ? "HP" : "LP"}`);
  if (run) {
    const place = `context ${Math.floor(run.lane / facts.lanes)}, ${laneName(run.lane % facts.lanes)}`;
    const took = run.outcome === 0 ? `execution time ${ms(run.measured)}`
      : ["", "failed", "lost with its context", "not ended when the run did"][run.outcome];
    lines.push(`From ${at(run.start)} for ${ms(run.end - run.start)} on ${place}; ${took}, `
      + `MRET then ${ms(run.expected)}`);
    if (run.jobs.length > 1) {
      const others = run.jobs.filter(other => other !== job);
      lines.push(`In a batch of ${run.jobs.length} with ${others.slice(0, 4).map(name).join(", ")}`
        + (others.length > 4 ? " …" : ""));
    }
  }
  if (job.migrated) lines.push(`Migrated to context ${job.context}`);
  lines.push(`Job released at ${at(job.release)}, deadline ${at(job.deadline)} `
    + `(${ms(job.deadline - job.release)}), ${endOf(job)}`);
  return lines.join("\n");
}

/* A canvas as large as its place, in device pixels, and its colours. */
const style = property => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
let colours = {};
function readColours() {
  for (const key of ["page", "card", "ink", "quiet", "line", "grid", "bad", "hp", "lp", "hpline", "lpline",
    "boxink", "hpl", "lpl", "focus"]) colours[key] = style("--" + key);
  const hues = [250, 75, 155, 325, 110, 205, 290, 180];
  colours.tasks = facts.tasks.map((task, index) => {
    const hue = hues[task.family] ?? (task.family * 137.5 + 40) % 360;
    const first = facts.tasks.findIndex(other => other.family === task.family);
    const light = +(task.is_high ? colours.hpl : colours.lpl) + ((index - first + 1) % 3 - 1) * 0.035;
    return `oklch(${light} ${task.is_high ? 0.15 : 0.1} ${hue})`;
  });
}
function surface(canvas, height) {
  const width = canvas.clientWidth, ratio = Math.min(window.devicePixelRatio || 1, 3);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = height + "px";
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = "12px system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif";
  context.textBaseline = "middle";
  return { context, width, height };
}
function niceStep(span, count) {
  const raw = span / Math.max(count, 1), power = 10 ** Math.floor(Math.log10(raw)), part = raw / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}
