// The last ten minutes, as lines over time.

class Chart {
  static span = 600;
  static step = 2;
  static size = { width: 420, height: 150, left: 44, right: 10, top: 10, bottom: 24 };

  // lines: {name, kind}; isShare: from 0 to 1.
  constructor(place, title, lines, isShare) {
    this.lines = lines.map((line) => ({ ...line, points: [] }));
    this.isShare = isShare;
    const { width, height } = Chart.size;
    this.image = this.shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    this.axes = this.shape("g", { class: "axes" });
    this.image.append(this.axes);
    for (const line of this.lines) this.image.append(line.path = this.shape("path", { class: "line " + line.kind }));
    const legend = make("p", { class: "legend" }, ...this.lines.map((line) =>
      make("span", {}, make("i", { class: "stroke " + line.kind, "aria-hidden": "true" }), line.name)));
    place.append(make("article", { class: "chart" }, make("h3", { text: title }), legend, this.image));
    this.draw(0);
  }

  shape(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  // A value a line; null leaves a gap.
  add(time, values) {
    this.lines.forEach((line, index) => {
      line.points.push([time, values[index]]);
      while (time - line.points[0][0] > Chart.span) line.points.shift();
    });
    this.draw(time);
  }

  // The least of 1, 2 and 5 with zeros that is no less.
  static top(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value * 0.999);
  }

  draw(now) {
    const { width, height, left, right, top, bottom } = Chart.size;
    const known = this.lines.flatMap((line) => line.points.map((point) => point[1])).filter((value) => value !== null);
    const most = Math.max(...known, 0);
    const limit = this.isShare ? (most > 0.5 && most <= 1 ? 1 : Chart.top(Math.max(most, 0.01))) : Chart.top(Math.max(most, 1));
    const x = (time) => left + (1 - (now - time) / Chart.span) * (width - left - right);
    const y = (value) => height - bottom - Math.min(1, value / limit) * (height - top - bottom);
    const label = (value) => this.isShare ? Number((value * 100).toPrecision(3)) + " %" : String(Number(value.toPrecision(3)));
    this.axes.replaceChildren(
      ...[0, 0.5, 1].flatMap((part) => [
        this.shape("line", { x1: left, x2: width - right, y1: y(part * limit), y2: y(part * limit) }),
        this.shape("text", { x: left - 6, y: y(part * limit) + 4, "text-anchor": "end" }, label(part * limit)),
      ]),
      ...[10, 5, 0].flatMap((minutes) => [
        this.shape("line", { x1: x(now - minutes * 60), x2: x(now - minutes * 60), y1: height - bottom, y2: height - bottom + 4 }),
        this.shape("text", { x: x(now - minutes * 60), y: height - 8, "text-anchor": minutes === 0 ? "end" : minutes === 10 ? "start" : "middle" },
          minutes ? "−" + minutes + " min" : "now"),
      ]));
    for (const line of this.lines) {
      let path = "";
      let isDown = false;
      for (const [time, value] of line.points) {
        if (value === null) { isDown = false; continue; }
        path += (isDown ? "L" : "M") + x(time).toFixed(1) + " " + y(value).toFixed(1);
        isDown = true;
      }
      line.path.setAttribute("d", path);
    }
  }
}

// What there is a chart of, about every two seconds.
class Past {
  constructor(plan) {
    this.plan = plan;
    $("past").replaceChildren();
    this.load = new Chart($("past"), "Load of the lanes", [
      { name: "planned", kind: "quiet" }, { name: "measured (busy)", kind: "hp" }], true);
    this.requests = new Chart($("past"), "Requests/s", [
      { name: "answered in time", kind: "hp" }, { name: "refused", kind: "lp" }, { name: "late or failed", kind: "bad" }], false);
    this.missed = new Chart($("past"), "Deadlines missed (DMR)", [{ name: "HP", kind: "hp" }, { name: "LP", kind: "lp" }], true);
  }

  add(view, load) {
    if (this.last && view.time < this.last.time) this.last = null;
    if (this.last && view.time - this.last.time < Chart.step * 1000 - 100) return;
    const { last } = this;
    this.last = view;
    if (!last) return;
    const time = view.time / 1000;
    const seconds = (view.time - last.time) / 1000;
    const sum = (look, ...fields) => look.models.reduce((sum, model) => fields.reduce((sum, field) => sum + model[field], sum), 0);
    const rate = (...fields) => Math.max(0, sum(view, ...fields) - sum(last, ...fields)) / seconds;
    this.load.add(time, [load.planned, load.busy]);
    this.requests.add(time, [rate(MODEL.answered), rate(MODEL.refused), rate(MODEL.late, MODEL.tooLate, MODEL.other)]);
    this.missed.add(time, [difference(view.hp, last.hp, true).dmr, difference(view.lp, last.lp, false).dmr]);
  }
}
