import DarisCore

extension RunPage {
    /// The limit of rows in a table.
    static let rowLimit = 200

    var timelineSection: String {
        let lanes = Figure.counted(configuration.partition.laneCount, "lane")
        return """
            <section id="timeline">
            <h2>What ran when, on each lane</h2>
            <p class="hint">A row a lane, a box a stage of a job: HP full height, LP low and rounded. \(thinning)
            <span class="screen">Drag to move; pinch, Ctrl + wheel (or the wheel alone after a click) to zoom. Keys:
            ← → stages, ↑ ↓ lanes, Shift + ← → move, + − zoom, 0 whole run, M next miss.</span></p>
            <div class="bar" role="group" aria-label="Timeline controls">
            <button type="button" data-do="in" aria-label="Zoom in">+</button>
            <button type="button" data-do="out" aria-label="Zoom out">−</button>
            <button type="button" data-do="left" aria-label="Move left">←</button>
            <button type="button" data-do="right" aria-label="Move right">→</button>
            <button type="button" data-do="all">Whole run</button>
            <button type="button" data-do="miss">Next miss</button>
            <output id="span"></output>
            </div>
            <canvas id="overview" role="img"
            aria-label="The whole run: share of lanes that are busy, and misses"></canvas>
            <div id="rows"><div id="tall"><canvas id="lanes" tabindex="0" role="application"
            aria-label="Timeline of \(lanes). Arrow keys choose stages and lanes, plus and minus zoom."></canvas>
            </div></div>
            <div id="legend"></div>
            <p id="detail" aria-live="polite">Choose a stage to see its job, times and deadline.</p>
            <noscript><p>The timeline and the charts need JavaScript; the tables do not.</p></noscript>
            </section>
            """
    }

    /// A note on the part of the run that the timeline leaves out.
    private var thinning: String {
        let isAll = timeline.runs.count == timeline.totalRuns && timeline.jobs.count == timeline.totalJobs
        guard !isAll else { return "" }
        let (from, to) = (timeline.from.inSeconds, timeline.to.inSeconds)
        let span = "\(Figure.fixed(from, decimals: 3)) to \(Figure.fixed(to, decimals: 3)) s"
        let why =
            timeline.isCut
            ? "a page holds at most \(timeline.limit) stages and \(timeline.limit) jobs; "
                + "<code>--from</code> and <code>--to</code> choose another part"
            : "as asked for"
        return "<strong>The timeline and the chart of execution times show \(span): \(timeline.runs.count) of "
            + "\(timeline.totalRuns) stage runs (\(why)). Everything else is of the whole run.</strong>"
    }

    var responseSection: String {
        let rows = [(Priority.high, summary.hp), (.low, summary.lp)].filter { $0.1.responseMs.count > 0 }.map { row in
            let times = row.1.responseMs
            let inTime = Double(row.1.completed - row.1.late) / Double(max(1, row.1.completed))
            return [row.0.name, "\(row.1.completed)", Figure.percent(inTime)]
                + [times.mean, times.p50, times.p95, times.p99, times.max].map(Figure.milliseconds)
        }
        guard !rows.isEmpty else { return "<section><h2>Response times</h2><p>No job completed.</p></section>" }
        let table = Self.table(
            ["jobs", "completed", "in time %", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms"], rows)
        return """
            <section id="responses">
            <h2>How long jobs took from release to end, HP against LP</h2>
            <p class="hint">The share of completed jobs (upwards) that took at most so long (to the right).
            Dotted: deadlines.</p>
            <div class="bar screen" role="group" aria-label="Unit of the response times">
            <button type="button" data-unit="ms" aria-pressed="true">in ms</button>
            <button type="button" data-unit="share" aria-pressed="false">as share of the deadline</button></div>
            <canvas id="ecdf" role="img"
            aria-label="Response times of HP and LP jobs; the table below has the figures"></canvas>
            \(table)
            </section>
            """
    }

    var executionSection: String {
        let tasks = configuration.tasks.indices.prefix(Self.rowLimit * 5).map { index in
            "<option value=\"\(index)\">\(Self.escaped(configuration.tasks[index].name))</option>"
        }
        guard !tasks.isEmpty else { return "" }
        return """
            <section id="execution">
            <h2>How MRET follows the measured execution times, stage by stage</h2>
            <p class="hint">Dots: measured execution times of each run. Line: MRET (\(window)) when the stage was
            started; a dot above the line took longer than the scheduler expected. Hollow dots ran in batches and do not
            count for MRET.</p>
            <p class="screen"><label>Task <select id="task">\(tasks.joined())</select></label></p>
            <div id="stages"></div>
            \(stageTable)
            </section>
            """
    }

    private var window: String {
        configuration.options.worstCaseExecutionTime
            ? "here the longest ever" : "the longest of the last \(configuration.options.windowSize)"
    }

    private var stageTable: String {
        var rows: [[String]] = []
        for (task, stages) in statistics.stages.enumerated() {
            for (index, stage) in stages.enumerated() {
                let none = stage.alone == 0
                let mean = none ? .zero : Nanoseconds(stage.sum.rawValue / Int64(stage.alone))
                func ms(_ time: Nanoseconds) -> String { none ? Figure.none : Figure.milliseconds(time.inMilliseconds) }
                rows.append([
                    configuration.tasks[task].name, "\(index + 1)", "\(stage.alone)", "\(stage.batched)",
                    ms(stage.least),
                    ms(mean), ms(stage.most),
                    none ? Figure.none : Figure.percent(Double(stage.above) / Double(stage.alone)),
                    Figure.milliseconds(stage.mret.inMilliseconds),
                ])
            }
        }
        return Self.details(
            "Table of all stages",
            Self.table(
                [
                    "task", "stage", "runs alone", "in batches", "least ms", "mean ms", "most ms", "above MRET %",
                    "MRET at the end ms",
                ], rows))
    }

    var tableSection: String {
        let tasks = summary.tasks.map { task in
            let times = task.figures.responseMs
            func ms(_ value: Double) -> String { times.count > 0 ? Figure.milliseconds(value) : Figure.none }
            let judged = task.figures.judged(task.priority == Priority.high.name ? .high : .low)
            return [
                task.name, task.priority, "\(task.figures.released)", "\(task.figures.missed)",
                judged > 0 ? Figure.percent(task.figures.dmr) : Figure.none,
                task.figures.offered > 0 ? Figure.percent(task.figures.acceptance) : Figure.none,
                "\(task.figures.migrated)", Figure.rate(task.figures.jps), ms(times.mean), ms(times.p99),
                Figure.milliseconds(task.mretMs),
            ]
        }
        let contexts = summary.contexts.map { context in
            let planned = plan.contexts.first { $0.context == context.context }
            let quota = planned.map { "\($0.quota) \(plan.unitName)" } ?? Figure.none
            return [
                "\(context.context)", quota, Figure.percent(context.utilisation), "\(context.losses)",
                planned.map { PlanReport.shortList($0.tasks) } ?? Figure.none,
            ]
        }
        return """
            <section id="tables">
            <h2>Figures by task and by context</h2>
            \(Self.table(
                [
                    "task", "priority", "released", "missed", "DMR %", "acceptance %", "migrated", "JPS", "mean ms",
                    "p99 ms", "MRET ms",
                ], tasks))
            \(Self.table(["context", "quota", "lanes busy %", "losses", "tasks placed on it"], contexts))
            </section>
            """
    }

    static func details(_ title: String, _ content: String) -> String {
        "<details><summary>\(escaped(title))</summary>\(content)</details>"
    }

    /// A table whose first column names the row.
    static func table(_ columns: [String], _ rows: [[String]]) -> String {
        let head = columns.map { "<th scope=\"col\">\(escaped($0))</th>" }.joined()
        let body = rows.prefix(rowLimit).map { row in
            let cells = row.enumerated().map { index, cell in
                index == 0 ? "<th scope=\"row\">\(escaped(cell))</th>" : "<td>\(escaped(cell))</td>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        let rest = rows.count - rowLimit
        let more = rest > 0 ? "<p>\(rest) more rows are not shown; --json of the run has all of them.</p>" : ""
        return "<div class=\"table\" tabindex=\"0\"><table><thead><tr>\(head)</tr></thead><tbody>"
            + body.joined(separator: "\n") + "</tbody></table></div>\(more)"
    }
}
