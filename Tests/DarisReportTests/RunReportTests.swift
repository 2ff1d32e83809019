import DarisCore
import Foundation
import Testing

@testable import DarisReport

@Suite("JSON reports")
struct RunReportTests {
    @Test("a report reads back as it was written")
    func roundTrip() throws {
        let report = try Self.report()
        let again = try RunReport(json: report.json())
        #expect(again == report)
        #expect(try again.json() == report.json())
    }

    @Test("a report of an empty run reads back, too, with zeros")
    func nothing() throws {
        for tasks in [[], [Fixtures.cameras[0]], [Fixtures.cameras[4]]] {
            let configuration = try Fixtures.configuration(tasks, homes: tasks.map { _ in 0 })
            let summary = RunSummary(
                RunLedger(configuration), scheduler: Scheduler(configuration), duration: .zero, elapsed: .zero)
            let report = RunReport(summary: summary, plan: Fixtures.plan(configuration), version: "0.1.0")
            #expect(try RunReport(json: report.json()) == report)
            let hp = try #require(try Self.object(report)["hp"] as? [String: Any])
            #expect(hp["dmr"] as? Double == 0)
        }
    }

    @Test("numbers keep every digit")
    func precision() throws {
        var report = try Self.report()
        report.plan.seed = .max
        report.summary.jps = 0.1 + 0.2
        report.summary.elapsedS = 1e300
        report.summary.decisionNs.max = .max
        report.summary.jobs.inFlight = .max
        report.plan.scheduler.windowSize = .min
        #expect(try RunReport(json: report.json()) == report)
    }

    @Test("every name with several words is the same after snake case and back")
    func keys() throws {
        let text = String(decoding: try Self.report().json(), as: UTF8.self)
        for key in [
            "duration_s", "elapsed_s", "in_flight", "response_ms", "lateness_ms", "mret_ms", "decision_ns",
            "handover_ns",
            "hp_utilisation", "stage_afet_ms", "total_utilisation", "partition_policy", "worst_case_execution_time",
            "unit_name", "window_size", "p50", "p95", "p99",
        ] {
            #expect(text.contains("\"\(key)\" :"), "\(key)")
        }
        #expect(ReportKeys.camelCase("stage_afet_ms") == "stageAfetMs")
        #expect(ReportKeys.camelCase("p50") == "p50")
        #expect(ReportKeys.camelCase("duration_s") == "durationS")
        #expect(ReportKeys.camelCase("") == "")
        #expect(ReportKeys.camelCase("_") == "_")
    }

    @Test("the figures are at the top level, beside the plan and how the run ended")
    func shape() throws {
        let object = try Self.object(Self.report())
        #expect(object["daris"] as? String == "0.1.0")
        #expect(object["simulated"] as? Bool == true)
        #expect(object["interrupted"] as? Bool == true)
        #expect(object["jps"] as? Double == 64.86)
        let jobs = try #require(object["jobs"] as? [String: Int])
        #expect(jobs["released"] == 600 && jobs["in_flight"] == 0)
        let lp = try #require(object["lp"] as? [String: Any])
        #expect((lp["response_ms"] as? [String: Double])?["p99"] == 64.5)
        let errors = try #require(object["errors"] as? [[String: Any]])
        #expect(errors.count == 1 && errors[0]["task"] as? String == "side-1" && errors[0]["count"] as? Int == 3)
        #expect((object["plan"] as? [String: Any])?["device"] as? String == "AMD EPYC 7R13")
    }

    @Test("equal reports are equal bytes, with sorted keys")
    func stability() throws {
        let text = String(decoding: try Self.report().json(), as: UTF8.self)
        #expect(try Self.report().json() == Data(text.utf8))
        let top = text.split(separator: "\n").filter { $0.hasPrefix("  \"") }
            .compactMap { $0.split(separator: "\"").dropFirst().first.map(String.init) }
        #expect(top.count == 18)
        #expect(top == top.sorted())
    }

    @Test("a figure that is not finite is an error that names it", arguments: [Double.nan, .infinity, -.infinity])
    func notFinite(value: Double) throws {
        var report = try Self.report()
        report.summary.tasks[2].figures.responseMs.p99 = value
        #expect(throws: ReportError.notFinite(key: "tasks[2].figures.response_ms.p99")) { try report.json() }
    }

    @Test("a report of a time when requests were not counted can be read")
    func older() throws {
        let text = String(decoding: try Self.report().json(), as: UTF8.self)
        let older = text.split(separator: "\n").filter { !$0.contains("\"refused\"") && !$0.contains("\"expired\"") }
        #expect(older.count == text.split(separator: "\n").count - 2 * 7)
        let report = try RunReport(json: Data(older.joined(separator: "\n").utf8))
        #expect(report.summary.lp.refused == nil && report.summary.lp.offered == report.summary.lp.released)
    }

    @Test("a text that is no report is refused with the reason")
    func refusals() throws {
        #expect(throws: ReportError.notAReport(reason: "it is not JSON")) { try RunReport(json: Data("hello".utf8)) }
        #expect(throws: ReportError.notAReport(reason: "it is not JSON")) { try RunReport(json: Data()) }
        #expect(throws: ReportError.self) { try RunReport(json: Data("{}".utf8)) }
        let text = String(decoding: try Self.report().json(), as: UTF8.self)
        let changed = text.replacing("\"migrations\" : 41", with: "\"migrations\" : \"41\"")
        #expect(throws: ReportError.notAReport(reason: "'migrations' has another type")) {
            try RunReport(json: Data(changed.utf8))
        }
        let unknown = text.replacing("\"policy\" : \"daris\"", with: "\"policy\" : \"magic\"")
        #expect(throws: ReportError.notAReport(reason: "'plan.scheduler.policy' has a value that is not known")) {
            try RunReport(json: Data(unknown.utf8))
        }
        let missing = text.replacing("\"in_flight\" : 0,\n    \"jps\" : 35.11", with: "\"jps\" : 35.11")
        #expect(throws: ReportError.notAReport(reason: "the key 'lp.in_flight' is missing")) {
            try RunReport(json: Data(missing.utf8))
        }
    }

    /// A report in which every key occurs.
    static func report() throws -> RunReport {
        RunReport(
            summary: try Fixtures.cameraSummary(), plan: try Fixtures.cameraPlan(simulated: true), version: "0.1.0",
            interrupted: true,
            errors: [RunReport.TaskError(task: "side-1", message: "out of memory / \"GPU\"", count: 3)])
    }

    static func object(_ report: RunReport) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: report.json()) as? [String: Any])
    }
}
