import DarisCore
import Foundation
import Testing

@testable import DarisCheck

@Suite("The keys of results.json")
struct ResultKeyTests {
    /// The names in the tables of docs/gpu-check.md behind the heading.
    private static func documented() throws -> Set<String> {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/gpu-check.md"), encoding: .utf8)
        let section = try #require(page.split(separator: "## `results.json`").last)
        return Set(section.matches(of: #/`(\w+)`/#).map { String($0.output.1) })
    }

    /// The names of all keys in a JSON value.
    private static func keys(of value: Any) -> Set<String> {
        if let object = value as? [String: Any] {
            return object.reduce(into: Set(object.keys)) { $0.formUnion(keys(of: $1.value)) }
        }
        return (value as? [Any] ?? []).reduce(into: []) { $0.formUnion(keys(of: $1)) }
    }

    @Test("every key that a check can write is described")
    func keys() throws {
        var results = fullResults()
        results.predictions = try results.judged(by: #require(CardPredictions.of("NVIDIA H200")))
        results.profile = "profile.json"
        results.maps[0].problem = "a problem"
        results.maps[0].remark = "a remark"
        results.largeBatches[0].repetition = 1
        results.largeBatches[0].configuration.stages = 1
        results.batching[0].load = results.largeBatches[0].load
        results.batching[0].joules = 1
        let written = Self.keys(of: try JSONSerialization.jsonObject(with: ResultsFolder.encoded(results)))
        #expect(written.subtracting(try Self.documented()).sorted() == [])
        #expect(written.count > 80)
        // None is left out here because it is `nil`.
        let mirrors: [Any] = [results, results.largeBatches[0], results.batching[0], results.maps[0]]
        for child in mirrors.flatMap({ Mirror(reflecting: $0).children }) {
            #expect(written.contains(child.label ?? ""), "\(child.label ?? "")")
        }
    }
}
