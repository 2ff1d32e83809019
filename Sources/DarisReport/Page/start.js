// Draws everything, and again when the window or the colours change.
function drawAll() { readColours(); drawLegend(); drawLanes(); drawResponses(); drawStages(); }

/* At first: some dozens of stages a lane, around the first miss if there is one. */
const longest = lanes.reduce((most, list) => Math.max(most, list.length), 1);
const span = Math.min(whole.to - whole.from, (whole.to - whole.from) * (plotWidth() / 34) / longest);
const first = misses[0]?.time ?? whole.from + span / 2;
view = { from: Math.max(whole.from, Math.min(whole.to - span, first - span * 0.6)), to: 0 };
view.to = view.from + span;

listen();
drawAll();
$("task")?.addEventListener("change", drawStages);
for (const button of document.querySelectorAll("[data-unit]")) {
  button.addEventListener("click", () => {
    unit = button.dataset.unit;
    for (const other of document.querySelectorAll("[data-unit]")) {
      other.setAttribute("aria-pressed", other === button);
    }
    drawResponses();
  });
}
let resized = 0;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(drawAll, 80); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
addEventListener("beforeprint", () => { document.documentElement.dataset.print = "1"; drawAll(); });
addEventListener("afterprint", () => { delete document.documentElement.dataset.print; drawAll(); });
