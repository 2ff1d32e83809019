import DarisCore
import Foundation
import Testing

@testable import DarisReport

@Suite("docs/json-report.md")
struct ReportPageTests {
    @Test("every key of a report is on the page, and every key of the page in a report")
    func keys() throws {
        var report = try RunReportTests.report()
        report.plan.scheduler.batching = 8
        report.plan.scheduler.rules = .all
        report.plan.partition.express = 1
        report.summary.batching = RunSummary.Batching(batches: 1, meanJobs: 2, share: 1)
        report.summary.energy = RunSummary.Energy(joules: 3, seconds: 2, inferences: 1)
        let written = Self.paths(of: try RunReportTests.object(report), under: "")
        let documented = Self.paths(onPage: try Self.page())
        #expect(written.subtracting(documented).sorted() == [], "keys that the page does not describe")
        #expect(documented.subtracting(written).sorted() == [], "keys that no report has")
        #expect(written.count > 150)
    }

    @Test("every key of the page has a type and a description")
    func descriptions() throws {
        for line in try Self.page().split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(cells.count == 3 && cells.allSatisfy { !$0.isEmpty }, "\(line)")
        }
    }

    private static func page() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "docs/json-report.md"), encoding: .utf8)
    }

    /// `hp.response_ms.p50`, `tasks[].name` and so on, of everything in a JSON value.
    private static func paths(of value: Any, under path: String) -> Set<String> {
        if let object = value as? [String: Any] {
            let prefix = path.isEmpty ? "" : path + "."
            return object.reduce(into: []) {
                $0.formUnion(paths(of: $1.value, under: prefix + $1.key).union([prefix + $1.key]))
            }
        }
        guard let array = value as? [Any] else { return [] }
        return array.reduce(into: []) { $0.formUnion(paths(of: $1, under: path + "[]")) }
    }

    /// The same of the page: the keys in its tables, under each object that the heading above names.
    private static func paths(onPage page: String) -> Set<String> {
        var objects = [""]
        var paths: Set<String> = []
        for line in page.split(separator: "\n") {
            let names = line.matches(of: #/`([^`]+)`/#).map { String($0.output.1) }
            if line.hasPrefix("## ") {
                objects = names.isEmpty ? [""] : names.map { $0 + "." }
            } else if line.hasPrefix("| `"), let key = names.first {
                paths.formUnion(objects.map { $0 + key })
            }
        }
        return paths
    }
}
