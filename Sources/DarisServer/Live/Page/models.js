// The models as their clients see them: requests, where the tasks' table has jobs.

const MODEL = {
  name: 0, waiting: 1, running: 2, answered: 3, late: 4, refused: 5, tooLate: 6, other: 7, error: 8, errorAge: 9,
};

class ModelRow {
  constructor(name) {
    const cell = (label, kind) => {
      const figure = make("b");
      const more = make("small");
      return { element: make("td", { "data-label": label, class: kind },
        make("div", { class: "figure" }, figure, more)), figure, more };
    };
    this.rate = cell("Requests/s", "rate");
    this.queue = cell("Waiting", "queue");
    this.refused = cell("Refused", "refused");
    this.late = cell("Too late", "late");
    this.error = cell("Last error", "error");
    this.element = make("tr", {}, make("th", { scope: "row", text: name }),
      ...[this.rate, this.queue, this.refused, this.late, this.error].map((part) => part.element));
  }

  // before: the model a minute ago, if it was there.
  show(now, before, seconds) {
    const part = (field) => now[field] - (before ? before[field] : 0);
    const all = (look) => look[MODEL.answered] + look[MODEL.late] + look[MODEL.refused] + look[MODEL.tooLate] + look[MODEL.other];
    const asked = all(now) - (before ? all(before) : 0);
    say(this.rate.figure, seconds > 0.5 ? (asked / seconds).toFixed(1) : "–");
    say(this.rate.more, format.count(all(now)) + " since the start");
    say(this.queue.figure, String(now[MODEL.waiting]));
    say(this.queue.more, now[MODEL.running] + " running");
    const count = (cell, value, whole) => {
      say(cell.figure, format.count(value));
      say(cell.more, format.share(asked > 0 ? value / asked : null) + " · " + format.count(whole) + " since the start");
      cell.element.classList.toggle("bad", value > 0);
    };
    count(this.refused, part(MODEL.refused), now[MODEL.refused]);
    // Given up at their deadlines, and answered after them.
    count(this.late, part(MODEL.tooLate) + part(MODEL.late), now[MODEL.tooLate] + now[MODEL.late]);
    const error = now[MODEL.error];
    say(this.error.figure, error ?? "none");
    say(this.error.more, error ? format.age(now[MODEL.errorAge] / 1000) + " ago" : "");
  }
}

class ModelTable {
  constructor() {
    this.rows = new Map();
    $("models").tBodies[0].replaceChildren();
  }

  show(view, before) {
    const names = new Set(view.models.map((model) => model[MODEL.name]));
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      row.element.remove();
      this.rows.delete(name);
    }
    const seconds = (view.time - (before?.time ?? 0)) / 1000;
    for (const model of view.models.slice(0, Page.mostTasks)) {
      const name = model[MODEL.name];
      if (!this.rows.has(name)) {
        this.rows.set(name, new ModelRow(name));
        $("models").tBodies[0].append(this.rows.get(name).element);
      }
      this.rows.get(name).show(model, before?.models.find((other) => other[MODEL.name] === name), seconds);
    }
  }
}
