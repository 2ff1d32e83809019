import DarisCore
import Foundation
import Testing

@Suite("Runs")
struct RunTests {
    /// A workplace with `net.onnx` and a task set that uses it.
    private func workplace(_ model: [UInt8], tasks: String, rest: String = "run: {duration: 300 ms}") throws
        -> Workplace
    {
        let workplace = try Workplace()
        try workplace.write(model, to: "net.onnx")
        try workplace.write("models: {net: {file: net.onnx, stages: 1}}\ntasks:\n\(tasks)\n\(rest)\n", to: "t.yaml")
        return workplace
    }

    private static let pair = """
        - {name: front, model: net, rate: 20 Hz, priority: high}
        - {name: side, model: net, rate: 20 Hz, priority: low, count: 2}
        """

    @Test("a run prints its plan, its figures and the balance of its jobs")
    func tables() throws {
        let workplace = try workplace(TestModels.small, tasks: Self.pair)
        let result = try workplace.daris("run", "t.yaml")
        #expect(result.exitCode == 0)
        #expect(result.errorLines.isEmpty)
        #expect(result.output.hasPrefix("Plan: CPU"))
        #expect(result.output.contains("\n\nRun: CPU"))
        #expect(result.output.contains("\nreleased 18 = "))
        #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test("a model that sometimes fails only fails its own jobs, and --json has every documented key")
    func failingModel() throws {
        let workplace = try workplace(
            TestModels.drawing(from: 0, to: 143),
            tasks: "- {name: front, model: net, rate: 100 Hz, priority: high, phase: 0 s}", rest: "run: {duration: 1 s}"
        )
        let result = try workplace.daris("run", "t.yaml", "--json")
        #expect(result.exitCode == 0)
        #expect(result.errorLines.isEmpty)
        let report = try result.json()
        let jobs = try Jobs(report)
        #expect(jobs.isBalanced)
        #expect(jobs["released"] == 100)
        #expect(jobs["failed"] > 0)
        #expect(jobs["completed"] > 0)
        let errors = try #require(report["errors"] as? [[String: Any]])
        #expect(errors.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == jobs["failed"])
        #expect(errors.allSatisfy { $0["task"] as? String == "front" })
        let message = try #require(errors.first?["message"] as? String)
        #expect(message.contains("indices element out of data bounds"))

        for key in try ReportDescription.keys() {
            #expect(key.exists(in: report), "\(key)")
        }
        let text = try workplace.daris("run", "t.yaml")
        #expect(text.exitCode == 0)
        #expect(text.output.contains("error: task 'front': ONNX Runtime's "))
    }

    @Test("a recorded run can be replayed: the same events lead to the same decisions")
    func record() throws {
        let workplace = try workplace(TestModels.small, tasks: Self.pair)
        let result = try workplace.daris("run", "t.yaml", "--json", "--record", "record")
        #expect(result.exitCode == 0)
        #expect(result.errorLines.isEmpty)
        #expect(try Jobs(try result.json()).isBalanced)
        let record = try RunRecord.read(path: workplace.path("record"))
        #expect(!record.entries.isEmpty)
        #expect(record.replay() == nil)
    }

    @Test("a record that cannot be written is refused before anything is measured")
    func unwritableRecord() throws {
        let workplace = try workplace(TestModels.small, tasks: Self.pair)
        let result = try workplace.daris("run", "t.yaml", "--record", "missing/record")
        #expect(result.exitCode == 1)
        #expect(
            result.errorLines == [
                "error: cannot write the record to missing/record: No such file or directory; check that its folder exists and "
                    + "may be written"
            ])
    }

    @Test("--strict exits with 3 where a high-priority job is late, and with 0 where only low-priority ones are")
    func strict() throws {
        let late = "rate: 20 Hz, deadline: 1 ns"
        let high = try workplace(TestModels.small, tasks: "- {name: a, model: net, \(late), priority: high}")
        let result = try high.daris("run", "t.yaml", "--strict", "--json")
        #expect(result.exitCode == 3)
        #expect(result.errorLines == ["error: --strict: 6 high-priority jobs of 6 missed the deadline"])
        let figures = try #require(try result.json()["hp"] as? [String: Any])
        #expect(figures["dmr"] as? Double == 1)
        #expect(try high.daris("run", "t.yaml").exitCode == 0)

        let low = try workplace(TestModels.small, tasks: "- {name: a, model: net, \(late), priority: low}")
        #expect(try low.daris("run", "t.yaml", "--strict").exitCode == 0)
    }

    @Test("high-priority tasks that cannot fit are refused with figures, and run with --force")
    func doesNotFit() throws {
        let tasks = "- {name: a, model: net, rate: 1 kHz, priority: high, count: 8}"
        let workplace = try workplace(TestModels.heavy, tasks: tasks, rest: "run: {duration: 200 ms}")
        for command in ["run", "check"] {
            let refused = try workplace.daris(command, "t.yaml")
            #expect(refused.exitCode == 1)
            #expect(refused.output.isEmpty)
            #expect(refused.errorLines.count == 1)
            let text =
                #/error: the high-priority tasks alone do not fit: those of context 0 \(a-1, .*, a-8\) need \d+\.\d\d of its 1 lane; .*--force/#
            #expect(try text.wholeMatch(in: refused.errorLines.first ?? "") != nil, "\(refused.errors)")
        }
        let forced = try workplace.daris("run", "t.yaml", "--force", "--json")
        #expect(forced.exitCode == 0)
        let report = try forced.json()
        #expect(try Jobs(report).isBalanced)
        let notes = (report["plan"] as? [String: Any])?["notes"] as? [String]
        #expect(notes?.contains { $0.hasPrefix("forced: the high-priority tasks alone do not fit") } == true)
    }

    @Test(
        "the baselines and every ablation run",
        arguments: [
            ["--policy", "edf"], ["--policy", "fifo"], ["--no-staging", "--no-last-stage-level", "--no-late-level"],
            ["--no-fixed-priority", "--wcet", "--no-migration", "--no-admission"],
            ["--contexts", "2", "--streams", "2", "--oversubscription", "1.5", "--window", "3", "--seed", "7"],
        ])
    func variants(options: [String]) throws {
        let workplace = try workplace(TestModels.small, tasks: Self.pair)
        let result = try workplace.daris(["run", "t.yaml", "--json", "--duration", "200ms"] + options)
        #expect(result.exitCode == 0)
        #expect(result.errorLines.isEmpty)
        let jobs = try Jobs(try result.json())
        #expect(jobs.isBalanced)
        #expect(jobs["released"] == 12)
    }

    @Test("check shows the plan; check --fast reads the models and measures nothing")
    func check() throws {
        let workplace = try workplace(TestModels.small, tasks: Self.pair)
        let fast = try workplace.daris("check", "--fast", "t.yaml")
        #expect(fast.exitCode == 0)
        #expect(fast.output == "t.yaml: 3 tasks, model net: no mistakes found\n")
        #expect(!FileManager.default.fileExists(atPath: workplace.path("cache/daris/afet")))
        let full = try workplace.daris("check", "t.yaml")
        #expect(full.exitCode == 0)
        #expect(full.output.hasPrefix("Plan: CPU"))
        #expect(full.output.contains("front") && full.output.contains("side-2"))
        // What has been measured is not measured again.
        #expect(!(try workplace.daris("check", "t.yaml").errors.contains("measuring")))
    }
}

/// The fates of all jobs in a report.
struct Jobs {
    private let counts: [String: Int]

    init(_ report: [String: Any]) throws { counts = try #require(report["jobs"] as? [String: Int]) }

    subscript(fate: String) -> Int { counts[fate] ?? 0 }

    /// Whether every released job has exactly one fate, and none is left in flight.
    var isBalanced: Bool {
        let fates = ["rejected", "skipped", "completed", "dropped", "failed", "in_flight"]
        return Set(counts.keys) == Set(fates + ["released"]) && self["in_flight"] == 0
            && self["released"] == fates.reduce(0) { $0 + self[$1] }
    }
}
