// Moves, zooms and chooses, by mouse, touch, keys and buttons.
let frame = 0;
function redraw() { if (!frame) frame = requestAnimationFrame(() => { frame = 0; drawLanes(); }); }

function show(from, to) {
  const most = whole.to - whole.from, span = Math.min(most, Math.max(2000, to - from));
  const start = Math.min(whole.to - span, Math.max(whole.from, (from + to - span) / 2));
  view = { from: start, to: start + span };
  redraw();
}
function zoom(factor, centre = (view.from + view.to) / 2) {
  show(centre - (centre - view.from) * factor, centre + (view.to - centre) * factor);
}
function move(share) {
  const shift = (view.to - view.from) * share, span = view.to - view.from;
  const from = Math.min(whole.to - span, Math.max(whole.from, view.from + shift));
  show(from, from + span);
}

function choose(job, run, isMoving) {
  selected = job ? { job, run } : null;
  $("detail").className = job ? "chosen" : "";
  $("detail").textContent = job ? describe(job, run) : "Choose a stage to see its job, times and deadline.";
  if (job && isMoving) {
    const from = run ? run.start : job.release, to = run ? run.end : job.finish, span = view.to - view.from;
    if (from < view.from || to > view.to) show(from - span * 0.3, from + span * 0.7);
    const top = run ? laneTop(run.lane)
      : contextOf(job) * contextHeight, rows = $("rows");
    if (top < rows.scrollTop || top + rowHeight * 2 > rows.scrollTop + rows.clientHeight) {
      rows.scrollTop = top - rows.clientHeight / 2;
    }
  }
  redraw();
}
function goTo(job) {
  const end = Math.max(job.finish, Math.min(job.deadline, whole.to)), room = Math.max(end - job.release, 1e6);
  show(job.release - room * 0.35, end + room * 0.35);
  choose(job, job.runs[job.runs.length - 1] ?? null, true);
}
function nextMiss() {
  if (!misses.length) { $("detail").textContent = "There is no miss in this part of the run."; return; }
  const place = selected ? misses.findIndex(miss => miss.job === selected.job) : -1;
  const after = place >= 0 ? place + 1 : misses.findIndex(miss => miss.time >= view.from);
  goTo(misses[after >= 0 && after < misses.length ? after : 0].job);
}

/* What is at a point: a stage, or a job that did not run. */
function hit(x, y) {
  const row = y - axisHeight + $("rows").scrollTop, context = Math.floor(row / contextHeight);
  if (y < axisHeight || x < gutter() || context < 0 || context >= facts.contexts) return null;
  const inside = row - context * contextHeight;
  if (inside < markHeight) {
    let best = null, distance = 7;
    const list = marks[context], time = toTime(x - 8);
    for (let i = firstAfter(list, time, "time"); i < list.length && toX(list[i].time) < x + 8; i++) {
      const off = Math.abs(toX(list[i].time) - x) - (list[i].miss ? 1 : 0);
      if (off < distance) { distance = off; best = list[i]; }
    }
    return best && { job: best.job, run: null };
  }
  const stream = Math.floor((inside - markHeight) / rowHeight);
  if (stream >= facts.lanes || isCrowded()) return null;
  const list = lanes[context * facts.lanes + stream], run = list[firstAfter(list, toTime(x - 1), "end")];
  return run && toX(run.start) <= x + 1 ? { job: run.jobs[0], run } : null;
}

const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
function point(found, x, y) {
  if (found?.job !== hovered?.job) redraw();
  hovered = found;
  tip.hidden = !found;
  if (!found) return;
  tip.textContent = describe(found.job, found.run);
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 6)) + "px";
  tip.style.top = (y + 18 + box.height < innerHeight ? y + 18 : Math.max(4, y - box.height - 12)) + "px";
}

function listen() {
  const canvas = $("lanes"), fingers = new Map();
  let travelled = 0;
  const place = event => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  canvas.addEventListener("pointerdown", event => {
    fingers.set(event.pointerId, place(event));
    canvas.setPointerCapture(event.pointerId);
    if (fingers.size === 1) travelled = 0;
  });
  canvas.addEventListener("pointermove", event => {
    const now = place(event), before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") point(hit(now.x, now.y), event.clientX, event.clientY);
      return;
    }
    fingers.set(event.pointerId, now);
    if (fingers.size === 1) {
      travelled += Math.abs(now.x - before.x);
      if (travelled > 4) { point(null); move((before.x - now.x) / plotWidth()); }
    } else if (fingers.size === 2) {
      travelled = 9;
      const [id] = [...fingers.keys()].filter(id => id !== event.pointerId), other = fingers.get(id);
      const wide = Math.max(8, Math.abs(before.x - other.x)), wider = Math.max(8, Math.abs(now.x - other.x));
      zoom(wide / wider, toTime((now.x + other.x) / 2));
    }
  });
  const lift = event => {
    const was = fingers.delete(event.pointerId);
    if (event.type !== "pointerup" || !was || travelled > 4 || fingers.size) return;
    const { x, y } = place(event), found = hit(x, y);
    choose(found?.job, found?.run, false);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("wheel", event => {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      move(event.deltaX / plotWidth());
      return;
    }
    const isAll = view.to - view.from >= whole.to - whole.from, isFocused = document.activeElement === canvas;
    if (!(event.ctrlKey || event.metaKey || isFocused) || (isAll && event.deltaY > 0 && !event.ctrlKey)) return;
    event.preventDefault();
    zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * 0.002))), toTime(place(event).x));
  }, { passive: false });
  canvas.addEventListener("keydown", onKey);
  $("rows").addEventListener("scroll", redraw);

  const overview = $("overview");
  const jump = event => {
    const box = overview.getBoundingClientRect(), span = view.to - view.from;
    const centre = whole.from + (event.clientX - box.left) / box.width * (whole.to - whole.from);
    show(centre - span / 2, centre + span / 2);
  };
  overview.addEventListener("pointerdown", event => {
    overview.setPointerCapture(event.pointerId);
    jump(event);
  });
  overview.addEventListener("pointermove", event => { if (event.buttons) jump(event); });

  const actions = { in: () => zoom(0.5), out: () => zoom(2), left: () => move(-0.4), right: () => move(0.4),
    all: () => show(whole.from, whole.to), miss: nextMiss };
  for (const button of document.querySelectorAll("[data-do]")) {
    button.addEventListener("click", actions[button.dataset.do]);
  }
  const byName = new Map(jobs.map(job => [`${job.task} ${job.sequence}`, job]));
  for (const link of document.querySelectorAll("[data-job]")) {
    link.addEventListener("click", event => {
      const job = byName.get(link.dataset.job);
      if (!job) return;
      event.preventDefault();
      $("timeline").scrollIntoView();
      $("lanes").focus({ preventScroll: true });
      goTo(job);
    });
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], row = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step && event.shiftKey) move(step * 0.2);
  else if (step) {
    const run = selected?.run, list = lanes[run?.lane ?? 0];
    const near = run ? list.indexOf(run) + step : firstAfter(list, view.from, "start");
    const next = list[Math.max(0, Math.min(list.length - 1, near))];
    if (next) choose(next.jobs[0], next, true);
  } else if (row) {
    const run = selected?.run;
    let lane = (run?.lane ?? -1) + row;
    while (lane >= 0 && lane < lanes.length && !lanes[lane].length) lane += row;
    const list = lanes[lane];
    if (!list) return event.preventDefault();
    const near = Math.min(list.length - 1, firstAfter(list, run?.start ?? view.from, "end"));
    choose(list[near].jobs[0], list[near], true);
  } else if (event.key === "+" || event.key === "=") zoom(0.5);
  else if (event.key === "-") zoom(2);
  else if (event.key === "0" || event.key === "Home") show(whole.from, whole.to);
  else if (event.key === "m" || event.key === "M") nextMiss();
  else if (event.key === "Escape") choose(null);
  else return;
  event.preventDefault();
}
