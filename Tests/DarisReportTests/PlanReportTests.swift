import DarisCore
import Testing

@testable import DarisReport

@Suite("Plans")
struct PlanReportTests {
    @Test("a task with instances is one row, with the contexts and the utilisation of all of them")
    func instances() throws {
        let task = TaskSpecification(
            name: "net", period: .milliseconds(100), priority: .high, instances: 3, afet: [.milliseconds(10)])
        let plan = Fixtures.plan(try Fixtures.configuration([task], homes: [0, 1, 0]))
        #expect(plan.tasks.count == 1 && plan.tasks[0].instances == 3 && plan.tasks[0].contexts == [0, 1, 0])
        #expect(plan.contexts.map(\.hpUtilisation).map { ($0 * 100).rounded() } == [20, 10])
        #expect((plan.totalUtilisation * 100).rounded() == 15)
        let row = try #require(
            PlanReport(plan).text(styling: .plain).split(separator: "\n").first { $0.contains("net ×3") })
        let words = row.split(separator: " ")
        #expect(words.suffix(1) == ["0.30"] && words.contains("0–1"))
    }

    @Test("a plan reads like this")
    func golden() throws {
        #expect(
            PlanReport(try Fixtures.cameraPlan()).text(styling: .plain)
                == """
                Plan: AMD EPYC 7R13, 8 cores
                Partition   2 contexts × 1 stream, oversubscription 1
                Scheduler   daris, MRET over 5 runs
                Releases    for 10 s, seed 7

                Contexts (utilisation in lanes)
                  context  cores  quota  HP utilisation  utilisation  tasks
                  ───────  ─────  ─────  ──────────────  ───────────  ────────────────────────
                        0  0–3        4            0.13         0.23  front, side-2
                        1  4–7        4            0.06         0.29  rear, side-1, lane-marks

                Tasks (times in ms)
                  task        model     prio  context  period  deadline  batch  stages   AFET  utilisation
                  ──────────  ────────  ────  ───────  ──────  ────────  ─────  ──────  ─────  ───────────
                  front       resnet18  HP    0         50.00     50.00      1       3   6.40         0.13
                  rear        resnet18  HP    1         100.0     100.0      1       3   6.40         0.06
                  side-1      unet      LP    1         100.0     100.0      2       2  10.00         0.10
                  side-2      unet      LP    0         100.0     100.0      2       2  10.00         0.10
                  lane-marks  lanes     LP    1         100.0     100.0      1       1  12.50         0.13

                Utilisation 0.52 of 2 lanes (25.9 %), rates scaled to a load of 25.9 %

                Notes
                - no right to use SCHED_FIFO: releases may be up to a few milliseconds late; run as a user with
                  CAP_SYS_NICE to have it
                - lanes: its only cut point is at the end, so it runs as one stage
                """)
    }

    @Test("a simulated plan says so in its heading")
    func simulated() throws {
        let text = PlanReport(try Fixtures.cameraPlan(simulated: true)).text(styling: .plain)
        #expect(text.hasPrefix("Plan (simulated): AMD EPYC 7R13, 8 cores\n"))
    }

    @Test("a server's plan has no duration")
    func server() throws {
        var plan = try Fixtures.cameraPlan()
        plan.durationS = nil
        let text = PlanReport(plan).text(styling: .plain)
        #expect(text.contains("\nReleases    until it is ended, seed 7\n"))
    }

    @Test("with more than 20 tasks, copies of a task share a row")
    func grouping() throws {
        let copies = (1...12).map {
            Fixtures.task("side-\($0)", .low, periodMs: 100, stagesMs: [1, 1.5 + Double($0) / 10])
        }
        let others = (1...9).map { Fixtures.task("cam-\($0 * 2)", .high, periodMs: 50, stagesMs: [1]) }
        let tasks = [Fixtures.cameras[0]] + copies + others
        let homes = tasks.indices.map { $0 % 2 }
        let plan = Fixtures.plan(try Fixtures.configuration(tasks, homes: homes))
        let lines = PlanReport(plan).text(styling: .plain).split(separator: "\n").map(String.init)
        let row = try #require(lines.first { $0.contains("side-1…12") })
        #expect(
            row.split(separator: " ") == [
                "side-1…12", "resnet18", "LP", "0–1", "100.0", "100.0", "1", "2", "2.60…3.70", "0.38",
            ])
        // Copies that are not numbered one after another keep their own rows.
        #expect(lines.contains { $0.contains(" cam-2 ") } && lines.contains { $0.contains(" cam-18 ") })
        #expect(lines.contains { $0.hasSuffix("  front, cam-4 … (11)") })
    }

    @Test("copies with other times or of another model keep their own rows")
    func groupsAreAlike() throws {
        let tasks = [
            Fixtures.task("a-1", .low, periodMs: 100, stagesMs: [1]),
            Fixtures.task("a-2", .low, periodMs: 100, stagesMs: [1]),
            Fixtures.task("a-3", .low, periodMs: 50, stagesMs: [1]),
            Fixtures.task("a-4", .high, periodMs: 50, stagesMs: [1]),
            Fixtures.task("b-5", .high, periodMs: 50, stagesMs: [1]),
            Fixtures.task("b-7", .high, periodMs: 50, stagesMs: [1]),
            Fixtures.task("b", .high, periodMs: 50, stagesMs: [1]),
        ]
        let plan = Fixtures.plan(try Fixtures.configuration(tasks, homes: tasks.map { _ in 0 }))
        #expect(TaskGroup.groups(of: plan.tasks).map(\.name) == ["a-1…2", "a-3", "a-4", "b-5", "b-7", "b"])
        var other = plan.tasks
        other[1].model = "unet"
        #expect(TaskGroup.groups(of: other).map(\.name).prefix(2) == ["a-1", "a-2"])
    }

    @Test("every switch that is not the paper's is named")
    func switches() throws {
        var plan = try Fixtures.cameraPlan()
        #expect(plan.schedulerWords == "daris, MRET over 5 runs")
        plan.scheduler.migration = false
        plan.scheduler.lateLevel = false
        plan.scheduler.worstCaseExecutionTime = true
        #expect(plan.schedulerWords == "daris, WCET in place of MRET, without the late level, without migration")
        plan.scheduler.policy = .edf
        plan.scheduler.worstCaseExecutionTime = false
        plan.scheduler.windowSize = 1
        #expect(plan.schedulerWords == "edf (baseline), MRET over 1 run")
    }

    @Test(
        "the partition is told in words",
        arguments: [
            (1, 3, 1.0, "1 context × 3 streams, oversubscription 1"),
            (6, 1, 6.0, "6 contexts × 1 stream, oversubscription 6"),
            (2, 2, 1.5, "2 contexts × 2 streams, oversubscription 1.5"),
        ] as [(Int, Int, Double, String)])
    func partition(contexts: Int, streams: Int, oversubscription: Double, words: String) throws {
        let configuration = try Fixtures.configuration(
            [], homes: [], contexts: contexts, streams: streams, oversubscription: oversubscription)
        #expect(Fixtures.plan(configuration).partitionWords == words)
    }

    @Test("a plan without tasks, and one with a single task, can be read")
    func few() throws {
        let empty = PlanReport(Fixtures.plan(try Fixtures.configuration([], homes: []))).text(styling: .plain)
        #expect(empty.contains("Tasks (times in ms)\n  none\n"))
        #expect(empty.contains("Utilisation 0.00 of 2 lanes (0.0 %)"))
        #expect(!empty.contains("Notes"))
        let one = Fixtures.plan(try Fixtures.configuration([Fixtures.cameras[0]], homes: [0]))
        #expect(PlanReport(one).text(styling: .plain).contains("front"))
    }

    @Test("no line is too wide or ends in a space, whatever the names, and many rows are cut short")
    func extremes() throws {
        let long = String(repeating: "a very long name 模型 ", count: 20)
        let tasks = (0..<300).map {
            Fixtures.task(
                "\(long)\($0)x", $0 % 2 == 0 ? .high : .low, periodMs: 86_400_000, batch: 65_536, stagesMs: [8e7])
        }
        let configuration = try Fixtures.configuration(
            tasks, homes: tasks.indices.map { $0 % 60 }, contexts: 60, streams: 4)
        var plan = Fixtures.plan(
            configuration, models: tasks.map { _ in long },
            contextUnits: (0..<60).map { [$0, $0 + 2, $0 + 4, 1_000_000] },
            load: 123.456, seed: .max, notes: [long, String(repeating: "x", count: 500)])
        plan.device = long
        let text = PlanReport(plan).text(styling: .plain)
        for line in text.split(separator: "\n") {
            #expect(String(line).displayWidth <= 100)
            #expect(!line.hasSuffix(" "))
        }
        #expect(text.contains("… 20 more, see --json"))
        #expect(text.contains("… 260 more, see --json"))
    }

    @Test("colours do not change the text")
    func styling() throws {
        let report = PlanReport(try Fixtures.cameraPlan())
        let styled = report.text(styling: .ansi)
        #expect(styled != report.text(styling: .plain))
        #expect(styled.replacing(#/\u{1B}\[[0-9]+m/#, with: "") == report.text(styling: .plain))
    }
}
