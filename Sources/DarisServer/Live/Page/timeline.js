// The moving picture: which stages ran on each lane in the last seconds.

class Timeline {
  static row = 24;
  static axis = 18;
  static gutter = 30;
  // Shown that much late, so that what is drawn is known already.
  static delay = 350;

  constructor(plan) {
    this.plan = plan;
    this.runs = [];
    this.lanes = [];
    this.charts = [];
    this.offset = null;
    this.span = 2;
    this.pausedAt = null;
    this.frame = null;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours = null; });
  }

  // A context's canvas, with its first lane and how many it has.
  add(canvas, first, count) {
    canvas.style.height = count * Timeline.row + Timeline.axis + "px";
    this.charts.push({ canvas, first, count });
  }

  take(view) {
    const offset = view.time - performance.now();
    // The clock of the server, as far as it can be told from here; small differences are the network's.
    this.offset = this.offset === null || Math.abs(offset - this.offset) > 1000
      ? offset : this.offset + (offset - this.offset) * 0.05;
    if (this.runs.length && view.time < this.latest) this.runs = [];
    this.latest = view.time;
    this.runs.push(...view.runs);
    this.lanes = view.lanes;
    const oldest = view.time - 31000;
    if (this.pausedAt === null) {
      let gone = 0;
      while (gone < this.runs.length && this.runs[gone][RUN.start] + this.runs[gone][RUN.took] < oldest) gone++;
      if (gone) this.runs.splice(0, gone);
    }
    // Never more than can be seen, whatever comes while the picture stands still.
    if (this.runs.length > 60000) this.runs.splice(0, this.runs.length - 60000);
    if (this.frame === null && this.pausedAt === null) {
      if (this.still.matches) this.draw();
      else this.frame = requestAnimationFrame(() => this.tick());
    }
  }

  tick() {
    this.frame = null;
    if (this.pausedAt !== null || this.isLost) return;
    this.draw();
    if (!this.still.matches) this.frame = requestAnimationFrame(() => this.tick());
  }

  lose() { this.isLost = true; }

  found() {
    this.isLost = false;
    this.offset = null;
  }

  pause(isPaused) {
    this.pausedAt = isPaused ? this.now() : null;
    if (!isPaused && this.frame === null) this.tick();
  }

  now() {
    if (this.pausedAt !== null) return this.pausedAt;
    return Math.min(performance.now() + (this.offset ?? 0), (this.latest ?? 0) + 300) - Timeline.delay;
  }

  draw() {
    this.colours ??= this.palette();
    const now = this.now();
    const from = now - this.span * 1000;
    // By lane, those that can be seen; sorted by their ends already.
    const seen = new Map();
    for (let index = this.runs.length - 1; index >= 0; index--) {
      const run = this.runs[index];
      const end = run[RUN.start] + run[RUN.took];
      if (end < from - 1000) break;
      if (end < from || run[RUN.start] > now) continue;
      let list = seen.get(run[RUN.lane]);
      if (!list) seen.set(run[RUN.lane], list = []);
      list.push(run);
    }
    for (const chart of this.charts) {
      const box = chart.canvas.getBoundingClientRect();
      if (box.bottom < 0 || box.top > innerHeight || !box.width) continue;
      this.drawChart(chart, box, from, now, seen);
    }
  }

  palette() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const context = tile.getContext("2d");
    context.fillStyle = of("--lp-ground");
    context.fillRect(0, 0, 8, 8);
    context.strokeStyle = of("--lp");
    context.lineWidth = 1.6;
    for (const shift of [-8, 0, 8]) {
      context.beginPath();
      context.moveTo(shift - 1, 9);
      context.lineTo(shift + 9, -1);
      context.stroke();
    }
    return {
      hp: of("--hp"), hpInk: of("--hp-ink"), lp: of("--lp"), lpGround: of("--lp-ground"), lpInk: of("--lp-ink"),
      line: of("--line"), track: of("--track"), quiet: of("--quiet"), card: of("--card"), tile,
    };
  }

  drawChart(chart, box, from, now, seen) {
    const { canvas, first, count } = chart;
    const scale = devicePixelRatio || 1;
    const [width, height] = [box.width, count * Timeline.row + Timeline.axis];
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const left = Timeline.gutter;
    const x = (time) => left + (time - from) / (now - from) * (width - left);
    const colours = this.colours;
    this.drawAxis(context, colours, { left, width, height, from, now, x });
    const hatch = context.createPattern(colours.tile, "repeat");
    context.textBaseline = "middle";
    for (let row = 0; row < count; row++) {
      const top = row * Timeline.row;
      context.font = "12px system-ui, sans-serif";
      context.textAlign = "left";
      context.fillStyle = colours.quiet;
      context.fillText("L" + row, 2, top + Timeline.row / 2);
      context.fillStyle = colours.track;
      context.fillRect(left, top + Timeline.row - 2, width - left, 1);
      context.save();
      context.beginPath();
      context.rect(left, top, width - left, Timeline.row);
      context.clip();
      const bars = (seen.get(first + row) ?? []).map((run) => ({
        task: run[RUN.task], sequence: run[RUN.sequence], stage: run[RUN.stage], jobs: run[RUN.jobs],
        start: run[RUN.start], end: run[RUN.start] + run[RUN.took],
      })).reverse();
      const running = this.lanes[first + row];
      if (running && running[LANE.start] < now) {
        const [task, sequence, stage, jobs, start] =
          [LANE.task, LANE.sequence, LANE.stage, LANE.jobs, LANE.start].map((field) => running[field]);
        bars.push({ task, sequence, stage, jobs, start, end: now });
      }
      for (const bar of bars) {
        this.drawBar(context, colours, hatch, bar, x(bar.start), Math.max(1, x(bar.end) - x(bar.start)), top + 2);
      }
      for (const job of this.jobs(bars)) this.drawName(context, colours, job, x(job.start), x(job.end), top + 2);
      context.restore();
    }
  }

  drawAxis(context, colours, { left, width, height, from, now, x }) {
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    const step = this.span <= 1 ? 200 : this.span <= 2 ? 500 : this.span <= 5 ? 1000 : 5000;
    for (let time = Math.ceil(from / step) * step; time <= now; time += step) {
      const place = Math.round(x(time)) + 0.5;
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(place, 0);
      context.lineTo(place, height - Timeline.axis + 3);
      context.stroke();
      context.fillStyle = colours.quiet;
      context.textAlign = place > width - 24 ? "right" : place < left + 12 ? "left" : "center";
      const seconds = time / 1000;
      context.fillText((step < 1000 ? seconds.toFixed(1) : seconds.toFixed(0)) + " s", place, height - 4);
    }
  }

  // Stages of one job right after each other have one name together.
  jobs(bars) {
    const jobs = [];
    for (const bar of bars) {
      const last = jobs[jobs.length - 1];
      if (last && last.task === bar.task && last.sequence === bar.sequence && bar.start - last.end < 2) {
        last.end = bar.end;
        last.to = bar.stage;
      } else {
        jobs.push({ ...bar, from: bar.stage, to: bar.stage });
      }
    }
    return jobs;
  }

  drawBar(context, colours, hatch, bar, start, width, top) {
    const isHP = this.plan.tasks[bar.task].hp;
    const height = Timeline.row - 5;
    context.fillStyle = isHP ? colours.hp : width < 4 ? colours.lp : hatch;
    context.fillRect(start, top, Math.max(1, width - (width > 3 ? 1 : 0)), height);
    if (isHP || width < 4) return;
    context.strokeStyle = colours.lp;
    context.lineWidth = 1;
    context.strokeRect(start + 0.5, top + 0.5, width - 2, height - 1);
  }

  drawName(context, colours, job, from, to, top) {
    const start = Math.max(from, Timeline.gutter);
    const room = to - start - 10;
    if (room < 24) return;
    const task = this.plan.tasks[job.task];
    const height = Timeline.row - 5;
    const stages = task.stages === 1 || (job.from === 0 && job.to === task.stages - 1) ? ""
      : " " + (job.from + 1) + (job.to > job.from ? "–" + (job.to + 1) : "") + "/" + task.stages;
    const text = (job.jobs > 1 ? job.jobs + "× " : "") + task.name + stages;
    context.textAlign = "left";
    context.font = "12px system-ui, sans-serif";
    let shown = text;
    while (shown.length > 2 && context.measureText(shown).width > room) shown = shown.slice(0, -2).trimEnd() + "…";
    if (shown.length <= 3 && shown !== text) return;
    const width = context.measureText(shown).width;
    context.fillStyle = task.hp ? colours.hp : colours.lpGround;
    context.fillRect(start + 3, top + 2, Math.min(width + 4, room + 6), height - 4);
    context.fillStyle = task.hp ? colours.hpInk : colours.lpInk;
    context.fillText(shown, start + 5, top + height / 2 + 0.5);
  }
}
