// The connection: events as they come, and what to say when they do not.

// A server-sent event stream, cut into events. Chunks may end anywhere.
class EventCutter {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = "";
  }

  take(text) {
    this.rest += text;
    for (;;) {
      const end = this.rest.indexOf("\n\n");
      if (end < 0) return;
      const frame = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 2);
      let name = "message";
      const data = [];
      for (const line of frame.split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        else if (line.startsWith("data: ")) data.push(line.slice(6));
      }
      if (data.length) this.onEvent(name, JSON.parse(data.join("\n")));
    }
  }
}

// Keeps a connection to the server, and makes a new one when it is lost. EventSource could not send a token.
class Connection {
  // on: {event(name, data), open(), lost(words, seconds), refused(words)}
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.token = null;
    this.tries = 0;
    this.number = 0;
  }

  // Silence that long is a lost connection: events come five times a second.
  static silence = 4000;

  async open() {
    clearTimeout(this.timer);
    this.abort?.abort();
    const abort = this.abort = new AbortController();
    const number = ++this.number;
    const isCurrent = () => number === this.number;
    let alarm;
    const heard = () => {
      clearTimeout(alarm);
      alarm = setTimeout(() => abort.abort(), Connection.silence);
    };
    let words = "The server cannot be reached.";
    let least = 0;
    try {
      heard();
      const headers = this.token ? { Authorization: "Bearer " + this.token } : {};
      const response = await fetch(this.url, { headers, cache: "no-store", signal: abort.signal });
      if (response.status === 401) {
        clearTimeout(alarm);
        if (isCurrent()) this.on.refused(this.token ? "The server does not know this token." : "");
        return;
      }
      if (!response.ok) {
        let said = "";
        try { said = (await response.json()).error; } catch { /* no words of its own */ }
        words = "The server answers " + response.status + (said ? ": " + said : "") + ".";
        least = Number(response.headers.get("Retry-After")) || 0;
        throw new Error(words);
      }
      words = "The connection is lost.";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const cutter = new EventCutter((name, data) => {
        if (name === "end") words = "The server has ended.";
        if (isCurrent()) this.on.event(name, data);
      });
      if (isCurrent()) this.on.open();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        heard();
        this.tries = 0;
        cutter.take(value);
      }
    } catch (error) {
      if (error instanceof SyntaxError) words = "The server sends what this page does not understand; load it again.";
    }
    clearTimeout(alarm);
    abort.abort();
    if (!isCurrent()) return;
    const seconds = Math.max(least, Math.min(15, 2 ** this.tries));
    this.tries += 1;
    this.on.lost(words, seconds);
    this.timer = setTimeout(() => this.open(), seconds * 1000);
  }
}

// Where the fields of the arrays are that the server sends.
const JOBS = {
  released: 0, rejected: 1, skipped: 2, completed: 3, dropped: 4, failed: 5, inFlight: 6, late: 7, cancelled: 8,
  missed: 9, migrated: 10, inferences: 11, refused: 12, expired: 13, dmr: 14, acceptance: 15, response: 16,
};
const TASK = { home: 0, removed: 1, mret: 2, utilisation: 3, jobs: 4 };
const CONTEXT = { alive: 0, hp: 1, lp: 2, headroom: 3, ready: 4, losses: 5 };
const LANE = { task: 0, sequence: 1, stage: 2, start: 3, mret: 4, deadline: 5, jobs: 6 };
const RUN = { lane: 0, task: 1, sequence: 2, stage: 3, start: 4, took: 5, jobs: 6 };

// What was counted between two looks at the same jobs.
function difference(now, before, isHP) {
  const part = (field) => now[field] - (before ? before[field] : 0);
  const released = part(JOBS.released);
  const accepted = released - part(JOBS.rejected) - part(JOBS.skipped);
  const offered = released + part(JOBS.refused);
  const due = accepted - part(JOBS.cancelled) + part(JOBS.expired) + (isHP ? part(JOBS.skipped) : 0);
  const missed = part(JOBS.missed);
  return {
    released, accepted, missed, due, late: part(JOBS.late), inferences: part(JOBS.inferences),
    dmr: due > 0 ? missed / due : null, acceptance: offered > 0 ? accepted / offered : null,
    response: now[JOBS.response].map((count, index) => count - (before ? before[JOBS.response][index] : 0)),
  };
}

// A rate since the start; null where nothing was released or asked for.
function sinceStart(jobs, field) {
  return jobs[JOBS.released] + jobs[JOBS.refused] + jobs[JOBS.expired] > 0 ? jobs[field] : null;
}

// The time that a share of cumulative counts does not exceed, taken as evenly spread within a bucket; null of none.
function quantile(counts, bounds, share) {
  const all = counts[counts.length - 1];
  if (!(all > 0)) return null;
  const wanted = share * all;
  for (let index = 0; index < bounds.length; index++) {
    if (counts[index] >= wanted) {
      const below = index ? counts[index - 1] : 0;
      const from = index ? bounds[index - 1] : 0;
      const inside = counts[index] - below;
      return inside ? from + (bounds[index] - from) * (wanted - below) / inside : bounds[index];
    }
  }
  return bounds[bounds.length - 1];
}

// Looks of the last minute, about one a second, to tell figures of a while from those since the start.
class History {
  constructor() { this.views = []; }

  add(view) {
    const last = this.views[this.views.length - 1];
    if (last && view.time < last.time) this.views = [];
    if (!this.views.length || view.time - last.time >= 950) {
      const { time, tasks, hp, lp, decisions, models, busy } = view;
      this.views.push({ time, tasks, hp, lp, decisions, models, busy });
    }
    while (this.views.length && view.time - this.views[0].time > 61500) this.views.shift();
  }

  // The earliest look that is at most so many milliseconds older than a time.
  since(time, milliseconds) { return this.views.find((view) => time - view.time <= milliseconds + 300); }
}
