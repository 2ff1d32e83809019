// The page: tiles, contexts and tasks, from the events as they come.

const $ = (id) => document.getElementById(id);

function make(name, options = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") element.className = value;
    else if (key === "text") element.textContent = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

// Text that has not changed is left alone, so that nothing is laid out for it.
function say(element, text) { if (element.textContent !== text) element.textContent = text; }

const format = {
  count: (value) => value < 10000 ? String(value) : value < 1e6 ? (value / 1000).toFixed(value < 1e5 ? 1 : 0) + " k"
    : (value / 1e6).toFixed(2) + " M",
  share: (value) => value === null ? "–" : value === 0 ? "0 %" : value === 1 ? "100 %"
    : (value * 100).toFixed(value < 0.01 || value > 0.99 ? 2 : 1) + " %",
  time: (value) => value === null ? "–" : value < 0.001 ? (value * 1e6).toFixed(0) + " ns"
    : value < 1 ? (value * 1e3).toFixed(value < 0.01 ? 1 : 0) + " µs"
    : value < 1000 ? value.toFixed(value < 10 ? 1 : 0) + " ms" : (value / 1000).toFixed(value < 10000 ? 2 : 1) + " s",
  lanes: (value) => value.toFixed(2),
  load: (hp, lp, headroom) => "HP " + hp.toFixed(2) + " · LP " + lp.toFixed(2) + " · headroom " + headroom.toFixed(2),
  age: (seconds) => seconds < 60 ? seconds.toFixed(0) + " s" : seconds < 3600 ? Math.floor(seconds / 60) + " min"
    : seconds < 172800 ? (seconds / 3600).toFixed(1) + " h" : Math.floor(seconds / 86400) + " days",
};

// A figure with its course over the last minute.
class Tile {
  static points = 60;

  constructor(name, isShare) {
    this.value = make("p", { class: "value", text: "–" });
    this.sub = make("p", { class: "sub" });
    const space = "http://www.w3.org/2000/svg";
    this.trend = document.createElementNS(space, "svg");
    this.trend.setAttribute("class", "trend");
    this.trend.setAttribute("viewBox", "0 0 60 26");
    this.trend.setAttribute("preserveAspectRatio", "none");
    this.trend.setAttribute("aria-hidden", "true");
    const base = document.createElementNS(space, "line");
    for (const [key, value] of Object.entries({ x1: 0, x2: 60, y1: 25, y2: 25 })) base.setAttribute(key, value);
    this.path = document.createElementNS(space, "path");
    this.trend.append(base, this.path);
    this.element = make("div", { class: "tile" },
      make("p", { class: "name", text: name }), this.value, this.sub, this.trend);
    this.isShare = isShare;
    this.course = [];
    $("tiles").append(this.element);
  }

  set(text, sub, isBad = false) {
    say(this.value, text);
    say(this.sub, sub);
    this.element.classList.toggle("bad", isBad);
  }

  // Once a second; null leaves a gap.
  add(value) {
    this.course.push(value);
    if (this.course.length > Tile.points) this.course.shift();
    const known = this.course.filter((value) => value !== null);
    const top = this.isShare && Math.max(...known, 0) > 0.5 ? 1 : Math.max(...known, this.isShare ? 0.01 : 0) || 1;
    let path = "";
    let isDown = false;
    this.course.forEach((value, index) => {
      if (value === null) { isDown = false; return; }
      const place = index + Tile.points - this.course.length;
      path += (isDown ? "L" : "M") + place + " " + (25 - 23 * Math.min(1, value / top)).toFixed(1);
      isDown = true;
    });
    this.path.setAttribute("d", path);
  }
}

class ContextCard {
  constructor(plan, index, timeline) {
    const context = plan.contexts[index];
    this.index = index;
    this.plan = plan;
    const units = context.units.length > 0 && context.units.length <= 8
      ? plan.unit + " " + context.units.join(", ") : context.quota + " " + plan.unit;
    this.state = make("span", { class: "sub" });
    this.hp = make("i", { class: "hp" });
    this.lp = make("i", { class: "lp" });
    this.meter = make("div", { class: "meter", role: "img" }, this.hp, this.lp);
    this.canvas = make("canvas",
      { role: "img", "aria-label": "Timeline of context " + index + "; what runs now is listed below" });
    const rows = plan.streams + plan.express;
    this.lanes = [...Array(rows).keys()].map(() => make("span"));
    this.element = make("article", { class: "context" },
      make("div", { class: "head" }, make("h3", { text: "Context " + index }),
        make("span", { class: "quiet", text: units }), this.state),
      this.meter, this.canvas,
      make("ul", { class: "lanes" }, ...this.lanes.map((lane, number) =>
        make("li", {}, make("span", { text: number < plan.streams ? "Lane " + number : "Express " + (number - plan.streams) }), lane))));
    timeline.add(this.canvas, index * rows, rows);
    $("contexts").append(this.element);
  }

  show(view) {
    const figures = view.contexts[this.index];
    const lanes = this.plan.streams;
    const isAlive = figures[CONTEXT.alive] === 1;
    this.element.classList.toggle("down", !isAlive);
    const [hp, lp] = [figures[CONTEXT.hp], figures[CONTEXT.lp]];
    const whole = Math.max(lanes, hp + lp);
    this.hp.style.width = hp / whole * 100 + "%";
    this.lp.style.width = lp / whole * 100 + "%";
    this.lp.hidden = lp === 0;
    const words = isAlive
      ? format.load(hp, lp, figures[CONTEXT.headroom]) + " of " + lanes + (lanes === 1 ? " lane" : " lanes") + " · " + figures[CONTEXT.ready] + " ready"
      : "lost: it runs nothing";
    say(this.state, words + (figures[CONTEXT.losses] ? " · lost " + figures[CONTEXT.losses] + "×" : ""));
    this.meter.setAttribute("aria-label", words);
    this.lanes.forEach((element, number) => {
      const running = view.lanes[this.index * this.lanes.length + number];
      if (!running) return say(element, "idle");
      const task = this.plan.tasks[running[LANE.task]];
      say(element, (running[LANE.jobs] > 1 ? running[LANE.jobs] + "× " : "") + task.name + " #" + running[LANE.sequence]
        + ", stage " + (running[LANE.stage] + 1) + " of " + task.stages + ", for "
        + format.time(Math.max(0, view.time - running[LANE.start]))
        + " (MRET " + format.time(running[LANE.mret]) + ")");
    });
  }
}

class TaskRow {
  constructor(plan, index) {
    this.plan = plan;
    this.task = plan.tasks[index];
    this.index = index;
    const task = this.task;
    this.home = make("small");
    const cell = (label, kind) => {
      const figure = make("b");
      const more = make("small");
      const line = make("div", { class: "figure" }, figure, more);
      const element = make("td", { "data-label": label, class: kind }, line);
      return { element, figure, more, line };
    };
    this.dmr = cell("Missed (DMR)", "dmr");
    this.acceptance = cell("Accepted", "acceptance");
    this.response = cell("Response against deadline", "response");
    this.room = cell("Headroom for a job", task.hp ? "room always" : "room");
    this.jobs = cell("Jobs since the start", "jobs");
    this.jobs.element.append(this.jobs.other = make("small"));
    for (const part of [this.response, this.room]) {
      part.wide = make("i");
      part.main = make("i", { class: "main" });
      part.mark = make("b");
      part.element.append(make("div", { class: "bullet", "aria-hidden": "true" }, part.wide, part.main, part.mark));
    }
    this.element = make("tr", {},
      make("th", { scope: "row" },
        make("span", { class: "badge " + (task.hp ? "hp" : "lp"), text: task.hp ? "HP" : "LP" }),
        " " + task.name + (task.contexts.length > 1 ? " ×" + task.contexts.length : ""), this.home),
      ...[this.dmr, this.acceptance, this.response, this.room, this.jobs].map((part) => part.element));
  }

  show(view, before) {
    const { task, plan } = this;
    const now = view.tasks[this.index];
    const jobs = now.slice(TASK.jobs);
    const recent = difference(jobs, before && before.tasks[this.index].slice(TASK.jobs), task.hp);
    this.element.classList.toggle("removed", now[TASK.removed] === 1);
    // With several instances each has a home of its own; that of the next job changes from moment to moment.
    const homes = task.contexts.length > 1 ? [...new Set(task.contexts)].sort((a, b) => a - b) : [now[TASK.home]];
    const contexts = (homes.length > 1 ? "contexts " : "context ") + homes.join(", ");
    say(this.home, (task.model === task.name ? "" : task.model + " · ") + contexts + " · MRET "
      + format.time(now[TASK.mret]) + (now[TASK.removed] ? " · taken out" : ""));

    say(this.dmr.figure, format.share(recent.dmr));
    say(this.dmr.more, format.share(sinceStart(jobs, JOBS.dmr)));
    this.dmr.line.classList.toggle("bad", recent.missed > 0);
    say(this.acceptance.figure, format.share(recent.acceptance));
    say(this.acceptance.more, format.share(sinceStart(jobs, JOBS.acceptance)));

    const [half, most] = [0.5, 0.99].map((share) => {
      const time = quantile(recent.response, plan.bounds, share);
      // A bucket may reach beyond the deadline though no job did.
      return time !== null && !recent.late ? Math.min(time, task.deadline) : time;
    });
    say(this.response.figure, half === null ? "–" : "p50 " + format.time(half) + " · p99 " + format.time(most));
    say(this.response.more, "of " + format.time(task.deadline));
    const place = (time) => Math.min(100, (time ?? 0) / task.deadline * 80) + "%";
    this.response.main.style.width = place(half);
    this.response.wide.style.width = place(most);
    this.response.wide.classList.toggle("over", most !== null && most > task.deadline);
    this.response.mark.style.left = "80%";
    this.showRoom(view, now);

    const part = (field) => jobs[field];
    say(this.jobs.figure, format.count(part(JOBS.completed)) + " done");
    say(this.jobs.more, part(JOBS.inFlight) ? part(JOBS.inFlight) + " in flight" : "");
    say(this.jobs.other, [
      [part(JOBS.missed), "missed"], [part(JOBS.refused), "refused"], [part(JOBS.rejected), "rejected"],
      [part(JOBS.skipped), "skipped"], [part(JOBS.expired), "expired"], [part(JOBS.dropped), "dropped"],
      [part(JOBS.failed), "failed"], [part(JOBS.migrated), "migrated"],
    ].filter(([count]) => count > 0).map(([count, word]) => format.count(count) + " " + word).join(" · "));
  }

  // What is left where the task could run, with a mark where its own utilisation is.
  showRoom(view, now) {
    const { task, plan } = this;
    const wanted = now[TASK.utilisation];
    const rooms = view.contexts.map((context) => context[CONTEXT.headroom]);
    const home = now[TASK.home];
    const best = rooms.reduce((best, room, index) => room > rooms[best] ? index : best, home);
    const fits = (index) => view.contexts[index][CONTEXT.alive] === 1 && wanted < rooms[index];
    let words = "always admitted";
    if (!task.hp) {
      const running = now[TASK.jobs + JOBS.inFlight];
      words = running >= task.contexts.length ? (running > 1 ? "all in flight" : "in flight") : fits(home) ? "fits"
        : fits(best) ? "fits on context " + best : "no context fits";
    }
    say(this.room.figure, words);
    say(this.room.more, "needs " + format.lanes(wanted));
    const whole = Math.max(plan.streams, wanted);
    this.room.main.style.width = "0";
    this.room.wide.style.width = (task.hp ? 0 : rooms[best] / whole * 100) + "%";
    this.room.mark.style.left = "min(" + wanted / whole * 100 + "%, 100% - 2px)";
  }
}

class Page {
  // The most tasks that are listed; more would be neither read nor laid out in time.
  static mostTasks = 200;

  constructor(plan) {
    this.plan = plan;
    this.history = new History();
    this.lost = 0;
    $("contexts").replaceChildren();
    for (const tile of $("tiles").querySelectorAll(".tile:not(.dial)")) tile.remove();
    $("tasks").tBodies[0].replaceChildren();
    this.timeline = new Timeline(plan);
    this.timeline.span = Number($("span").value);
    say($("system"), plan.device + " · " + plan.contexts.length + " × " + plan.streams + " lanes"
      + (plan.express ? " and " + plan.express + " express" : "") + " · "
      + plan.tasks.length + " tasks · Daris " + plan.version);
    this.tiles = {
      rate: new Tile("Inferences/s"), requests: new Tile("Requests in flight"),
      hp: new Tile("HP missed (DMR)", true), lp: new Tile("LP missed (DMR)", true),
      acceptance: new Tile("LP accepted", true), hpResponse: new Tile("HP response, p99"),
      lpResponse: new Tile("LP response, p99"), decision: new Tile("Decision time, p50"),
    };
    this.past = new Past(plan);
    this.models = new ModelTable();
    this.contexts = plan.contexts.map((_, index) => new ContextCard(plan, index, this.timeline));
    // HP first, as the scheduler has it.
    // Places without a name are kept for models that come later.
    const order = [...plan.tasks.keys()].filter((index) => plan.tasks[index].name).sort((a, b) => plan.tasks[b].hp - plan.tasks[a].hp || a - b);
    this.rows = order.slice(0, Page.mostTasks).map((index) => new TaskRow(plan, index));
    $("tasks").tBodies[0].append(...this.rows.map((row) => row.element));
    $("more").hidden = order.length <= Page.mostTasks;
    say($("more"), "and " + (order.length - Page.mostTasks) + " more tasks, which /metrics has");
  }

  take(view) {
    this.timeline.take(view);
    this.lost += view.lost;
    $("lost").hidden = !this.lost;
    say($("lost"), "The timeline has gaps: " + format.count(this.lost) + " stages were too many to be told of.");
    const tenSeconds = this.history.since(view.time, 10000);
    const load = this.load(view, tenSeconds);
    this.past.add(view, load);
    // Paused: what stands there stays, to be read.
    if (this.isPaused) return;
    const before = this.history.since(view.time, 60000);
    this.showTiles(view, before, tenSeconds);
    this.showDial(view, load);
    this.models.show(view, before);
    for (const context of this.contexts) context.show(view);
    for (const row of this.rows) row.show(view, before);
    this.history.add(view);
  }

  showTiles(view, minute, tenSeconds) {
    const { tiles, plan } = this;
    const [hp, lp] = [difference(view.hp, minute?.hp, true), difference(view.lp, minute?.lp, false)];
    const now = [difference(view.hp, tenSeconds?.hp, true), difference(view.lp, tenSeconds?.lp, false)];
    const seconds = (view.time - (tenSeconds?.time ?? 0)) / 1000;
    const rate = seconds > 0.5 ? (now[0].inferences + now[1].inferences) / seconds : null;
    tiles.rate.set(rate === null ? "–" : rate.toFixed(rate < 100 ? 1 : 0),
      format.count(view.hp[JOBS.inferences] + view.lp[JOBS.inferences]) + " since the start");
    tiles.requests.set(String(view.requests),
      format.count(view.refused) + " of " + format.count(view.answered) + " refused");
    const start = (jobs) => format.share(sinceStart(jobs, JOBS.dmr)) + " since the start";
    tiles.hp.set(format.share(hp.dmr), start(view.hp), hp.missed > 0);
    tiles.lp.set(format.share(lp.dmr), start(view.lp));
    tiles.acceptance.set(format.share(lp.acceptance),
      format.share(sinceStart(view.lp, JOBS.acceptance)) + " since the start");
    const responses = now.map((jobs) => [0.5, 0.99].map((share) => quantile(jobs.response, plan.bounds, share)));
    tiles.hpResponse.set(format.time(responses[0][1]), "p50 " + format.time(responses[0][0]));
    tiles.lpResponse.set(format.time(responses[1][1]), "p50 " + format.time(responses[1][0]));
    const decisions = view.decisions.map((count, index) => count - (minute?.decisions[index] ?? 0));
    const [middle, most] = [0.5, 0.99].map((share) => quantile(decisions, plan.decisionBounds, share));
    tiles.decision.set(format.time(middle), "p99 " + format.time(most));
    if (this.lastTrend !== undefined && view.time - this.lastTrend < 950) return;
    this.lastTrend = view.time;
    tiles.rate.add(rate);
    tiles.requests.add(view.requests);
    [[tiles.hp, now[0].dmr], [tiles.lp, now[1].dmr], [tiles.acceptance, now[1].acceptance],
      [tiles.hpResponse, responses[0][1]], [tiles.lpResponse, responses[1][1]], [tiles.decision, middle]]
      .forEach(([tile, value]) => tile.add(value));
  }

  // Shares of the lanes: what admission counts, and the time in which they ran stages in the last ten seconds.
  load(view, before) {
    const alive = view.contexts.filter((context) => context[CONTEXT.alive] === 1);
    const lanes = alive.length * this.plan.streams;
    const sum = (field) => alive.reduce((sum, context) => sum + context[field], 0);
    const [hp, lp, headroom] = [sum(CONTEXT.hp), sum(CONTEXT.lp), sum(CONTEXT.headroom)];
    // Express lanes run in the time of the others.
    const rows = this.plan.streams + this.plan.express;
    const time = view.time - (before?.time ?? 0);
    const busy = view.busy.reduce((sum, value, lane) =>
      lane % rows < this.plan.streams ? sum + value - (before?.busy[lane] ?? 0) : sum, 0);
    return {
      lanes, hp, lp, headroom, planned: lanes ? (hp + lp) / lanes : null,
      busy: lanes && time > 1000 ? Math.min(1, busy / time / lanes) : null,
    };
  }

  showDial(view, { lanes, hp, lp, headroom, busy }) {
    const part = (value) => lanes ? Math.min(100, value / lanes * 100) : 0;
    $("dial-hp").style.strokeDasharray = part(hp) + " 200";
    $("dial-lp").style.strokeDasharray = part(hp + lp) + " 200";
    const whole = lanes ? ((hp + lp) / lanes * 100).toFixed(0) + " %" : "–";
    say($("dial-value"), whole);
    say($("dial-label"), "of " + lanes + (lanes === 1 ? " lane" : " lanes") + ", planned");
    const words = format.load(hp, lp, headroom);
    say($("dial-sub"), words);
    $("dial-busy").style.strokeDasharray = (busy ?? 0) * 100 + " 200";
    const measured = "busy " + (busy === null ? "–" : (busy * 100).toFixed(0) + " %") + ", measured";
    say($("dial-busy-sub"), measured);
    $("dial").setAttribute("aria-label", "Load " + whole + " of the lanes planned, " + measured + ": " + words);
  }
}

let page = null;
let planText = null;
let lastView = null;
let countdown = null;

function show(state, text) {
  document.body.className = state;
  say($("status-text"), text);
}

const connection = new Connection("v2/daris/live", {
  open() {
    clearInterval(countdown);
    $("banner").hidden = true;
    $("gate").hidden = true;
    show("waiting", "connected, no figures yet");
  },
  event(name, data) {
    if (name === "plan") {
      // The same system again: what was drawn stays.
      const text = JSON.stringify(data);
      if (text !== planText) page = new Page(data);
      planText = text;
      page.timeline.found();
      $("main").hidden = false;
    } else if (name === "view" && page) {
      lastView = { time: data.time, at: Date.now() };
      show(data.ready ? "live" : "ending", (data.ready ? "live" : "ending: takes no more requests")
        + ", up " + format.age(data.time / 1000) + (page.isPaused ? ", paused" : ""));
      page.take(data);
    }
  },
  lost(words, seconds) {
    page?.timeline.lose();
    show("lost", "no connection");
    $("banner").hidden = false;
    const again = Date.now() + seconds * 1000;
    const tell = () => {
      const left = Math.max(0, Math.ceil((again - Date.now()) / 1000));
      const age = lastView ? " What you see is " + format.age((Date.now() - lastView.at) / 1000) + " old." : "";
      say($("banner-text"), words + age + (left ? " Trying again in " + left + " s." : " Trying again …"));
    };
    clearInterval(countdown);
    tell();
    countdown = setInterval(tell, 1000);
  },
  refused(words) {
    clearInterval(countdown);
    $("banner").hidden = true;
    show("waiting", "a token is needed");
    $("gate").hidden = false;
    say($("gate-text"), words);
    $("token").focus();
  },
});

$("gate").addEventListener("submit", (event) => {
  event.preventDefault();
  connection.token = $("token").value.trim();
  $("token").value = "";
  connection.open();
});
$("retry").addEventListener("click", () => connection.open());
$("pause").addEventListener("click", () => {
  if (!page) return;
  page.isPaused = !page.isPaused;
  $("pause").setAttribute("aria-pressed", String(page.isPaused));
  page.timeline.pause(page.isPaused);
});
$("span").addEventListener("change", () => {
  if (!page) return;
  page.timeline.span = Number($("span").value);
  page.timeline.draw();
});
// A small screen shows less at a time, so that what it shows can be told apart.
if (innerWidth < 760) $("span").value = "1";
addEventListener("resize", () => page?.timeline.draw());
connection.open();
