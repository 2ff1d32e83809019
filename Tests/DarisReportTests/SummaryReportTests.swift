import DarisCore
import Testing

@testable import DarisReport

@Suite("Summaries")
struct SummaryReportTests {
    @Test("a summary reads like this")
    func golden() throws {
        #expect(
            SummaryReport(try Fixtures.cameraSummary(), plan: try Fixtures.cameraPlan()).text(styling: .plain)
                == """
                Run: AMD EPYC 7R13, 8 cores
                Partition   2 contexts × 1 stream, oversubscription 1
                Scheduler   daris, MRET over 5 runs
                Releases    for 10 s, last job ended at 10.1 s
                JPS         64.9 inferences completed a second

                jobs  released  accepted  rejected  skipped  completed  late  dropped  failed  in flight
                ────  ────────  ────────  ────────  ───────  ─────────  ────  ───────  ──────  ─────────
                HP         300       300         0        0        300     0        0       0          0
                LP         300       207        90        3        207     2        0       0          0

                rates  DMR %  acceptance %   JPS  response mean ms    p50    p95    p99    max
                ─────  ─────  ────────────  ────  ────────────────  ─────  ─────  ─────  ─────
                HP       0.0         100.0  29.8              6.71   6.62   7.90   8.41   9.03
                LP       1.0          69.0  35.1             18.46  17.20  31.00  64.50  112.4

                task        prio  released  missed  DMR %  acceptance %   JPS  mean ms  p99 ms  MRET ms
                ──────────  ────  ────────  ──────  ─────  ────────────  ────  ───────  ──────  ───────
                front       HP         200       0    0.0         100.0  19.8     6.70    8.41     6.87
                rear        HP         100       0    0.0         100.0   9.9     6.75    8.37     6.91
                side-1      LP         100       0    0.0          78.0  15.5    15.80   31.20    10.42
                side-2      LP         100       0    0.0          69.0  13.7    17.10   33.50    10.38
                lane-marks  LP         100       2    3.3          60.0   6.0    23.50   88.10    13.05

                context    quota  planned %  busy %
                ───────  ───────  ─────────  ──────
                      0  4 cores       22.8    21.4
                      1  4 cores       28.9    28.7

                Decisions   p50 412 ns, p99 1.93 µs, max 28.40 µs (1953 measured)
                Hand-overs  p50 3.25 µs, p99 11.80 µs, max 1.20 ms (871 measured)
                Stages      1246
                Migrations  41

                released 600 = rejected 90 + skipped 3 + completed 507 + dropped 0 + failed 0 + in flight 0

                No high-priority job missed its deadline (of 300); low-priority: 1.0 % of accepted jobs missed
                theirs, 69.0 % were accepted.
                """)
    }

    @Test("energy has a line where the device counts it, and none where it does not")
    func energy() throws {
        var summary = try Fixtures.cameraSummary()
        let plan = try Fixtures.cameraPlan()
        #expect(!SummaryReport(summary, plan: plan).text(styling: .plain).contains("Energy"))
        summary.energy = RunSummary.Energy(joules: 812.44, seconds: 10, inferences: 23_800)
        let text = SummaryReport(summary, plan: plan).text(styling: .plain)
        #expect(
            text.contains(
                "\nEnergy      812.4 J, 0.0341 J an inference, 81.2 W on average, of the whole device\n"), "\(text)")
        summary.energy = RunSummary.Energy(joules: 812.44, seconds: 10, inferences: 0)
        #expect(
            SummaryReport(summary, plan: plan).text(styling: .plain)
                .contains("\nEnergy      812.4 J, 81.2 W on average, of the whole device\n"))
    }

    @Test("requests that never became jobs have a line where there are any")
    func requests() throws {
        var summary = try Fixtures.cameraSummary()
        summary.lp.refused = 812
        summary.lp.expired = 3
        let text = SummaryReport(summary, plan: try Fixtures.cameraPlan()).text(styling: .plain)
        #expect(text.contains("0          0\nRequests    LP 812 refused, 3 expired before they became jobs\n\nrates"))
        summary.hp.refused = 2
        #expect(
            SummaryReport(summary, plan: try Fixtures.cameraPlan()).text(styling: .plain)
                .contains("Requests    HP 2 refused; LP 812 refused, 3 expired before they became jobs\n"))
    }

    @Test("a simulated run says so in its heading and in its verdict")
    func simulated() throws {
        let plan = try Fixtures.cameraPlan(simulated: true)
        let text = SummaryReport(try Fixtures.cameraSummary(), plan: plan).text(styling: .plain)
        #expect(text.hasPrefix("Run (simulated): "))
        #expect(text.contains("\n\nSimulated: no high-priority job missed its deadline (of 300); "))
    }

    @Test("an interrupted run says so, and errors and notes are listed")
    func interrupted() throws {
        let errors = (1...12).map { RunReport.TaskError(task: "side-\($0)", message: "out of memory\n", count: $0) }
        let report = RunReport(
            summary: try Fixtures.cameraSummary(), plan: try Fixtures.cameraPlan(), version: "0", interrupted: true,
            errors: errors, notes: ["context 1 was lost once\n"])
        let text = SummaryReport(report).text(styling: .plain)
        #expect(text.hasPrefix("Run (interrupted): "))
        #expect(text.contains("\n\nInterrupted: no high-priority job missed"))
        #expect(text.contains("error: task 'side-1': out of memory\u{FFFD} (1 time)\n"))
        #expect(text.contains("(10 times)\n… 2 more errors, see --json"))
        #expect(text.contains("\n\nnote: context 1 was lost once\u{FFFD}\n\n"))
        #expect(try RunReport(json: report.json()) == report)
    }

    @Test("a run without jobs leaves out what has no figures")
    func noJobs() throws {
        let configuration = try Fixtures.configuration(Fixtures.cameras, homes: [0, 1, 1, 0, 1])
        let text = SummaryReport(Fixtures.emptySummary(configuration), plan: try Fixtures.cameraPlan()).text(
            styling: .plain)
        #expect(text.contains("\nHP         –             –  0.0                 –    –    –    –    –\n"))
        #expect(text.contains("Decisions   not measured"))
        #expect(text.hasSuffix("No high-priority job was released; no low-priority job was released."))
        #expect(
            text.contains("released 0 = rejected 0 + skipped 0 + completed 0 + dropped 0 + failed 0 + in flight 0"))
    }

    @Test("a priority without tasks has no row, and a line says so")
    func missingPriorities() throws {
        let high = [Fixtures.cameras[0]]
        let low = [Fixtures.cameras[4]]
        func text(_ tasks: [TaskSpecification]) throws -> String {
            let configuration = try Fixtures.configuration(tasks, homes: tasks.map { _ in 0 })
            return SummaryReport(Fixtures.emptySummary(configuration), plan: Fixtures.plan(configuration)).text(
                styling: .plain)
        }
        #expect(try text(high).contains("\nno low-priority tasks\n"))
        #expect(try !text(high).contains("\nLP"))
        #expect(try text(high).hasSuffix("; no low-priority tasks."))
        #expect(try text(low).contains("\nno high-priority tasks\n"))
        #expect(try text(low).contains("\n\nThere are no high-priority tasks; no low-priority job was released."))
        #expect(try text([]).hasSuffix("There are no high-priority tasks; no low-priority tasks."))
    }

    @Test("after 40 tasks the rest is counted, with those that missed")
    func manyTasks() throws {
        let tasks = (0..<52).map { Fixtures.task("camera-\($0)-模型-with-a-name", .high, periodMs: 50, stagesMs: [1]) }
        let configuration = try Fixtures.configuration(tasks, homes: tasks.map { _ in 0 })
        var summary = Fixtures.emptySummary(configuration)
        func text() -> String { SummaryReport(summary, plan: Fixtures.plan(configuration)).text(styling: .plain) }
        #expect(text().contains("\n… 12 more, see --json\n"))
        summary.tasks[50].figures.missed = 1
        #expect(text().contains("\n… 12 more, 1 of them with misses, see --json\n"))
        #expect(text().contains("camera-39-") && !text().contains("camera-40-"))
    }

    @Test("huge numbers fit the page")
    func hugeNumbers() throws {
        var summary = try Fixtures.cameraSummary()
        let most = 9_007_199_254_740_993
        let huge = Fixtures.group(
            summary.lp, released: most, rejected: most / 3, skipped: most / 3, missed: most / 4, jps: 1e17,
            times: (1e9, 1e10, 1e11, 1e12, 1e300))
        summary.hp = huge
        summary.lp = huge
        summary.jobs.released = .max
        summary.jobs.completed = .max
        summary.jobs.rejected = 0
        summary.jobs.skipped = 0
        summary.decisionNs = Fixtures.times(summary.decisionNs, count: .max, p50: .max, p99: .max, max: .max)
        summary.jps = 1e300
        for index in summary.tasks.indices { summary.tasks[index].figures = huge }
        let text = SummaryReport(summary, plan: try Fixtures.cameraPlan()).text(styling: .plain)
        for line in text.split(separator: "\n") {
            #expect(String(line).displayWidth <= 100)
            #expect(!line.hasSuffix(" "))
        }
        #expect(text.contains("released 9223372036854775807 ="))
    }

    @Test("a balance that does not add up is reported")
    func imbalance() throws {
        var summary = try Fixtures.cameraSummary()
        let plan = try Fixtures.cameraPlan()
        #expect(!SummaryReport(summary, plan: plan).text(styling: .plain).contains("This does not add up"))
        summary.jobs.completed -= 1
        #expect(SummaryReport(summary, plan: plan).text(styling: .plain).contains("This does not add up"))
    }

    @Test("colours do not change the text, and the verdict is red when an HP job missed")
    func styling() throws {
        var summary = try Fixtures.cameraSummary()
        let plan = try Fixtures.cameraPlan()
        let styled = SummaryReport(summary, plan: plan).text(styling: .ansi)
        #expect(styled.contains("\u{1B}[32mNo high-priority job missed"))
        #expect(
            styled.replacing(#/\u{1B}\[[0-9]+m/#, with: "") == SummaryReport(summary, plan: plan).text(styling: .plain))
        summary.hp = Fixtures.group(summary.hp, released: 212, missed: 3)
        #expect(SummaryReport(summary, plan: plan).text(styling: .ansi).contains("\u{1B}[31m3 of 212"))
    }
}
