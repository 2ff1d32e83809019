import Foundation
import Testing

/// The keys that docs/json-report.md promises.
enum ReportDescription {
    /// A key and the object it belongs to, by the path in the heading: `tasks[].figures`.
    struct Key: CustomStringConvertible {
        var path: [String]
        var name: String

        var description: String { (path + [name]).joined(separator: ".") }

        /// Whether every object of the path has the key; a list on the way must not be empty.
        func exists(in report: [String: Any]) -> Bool {
            var objects: [Any] = [report]
            for part in path {
                objects = objects.flatMap { object -> [Any] in
                    let value = (object as? [String: Any])?[part.replacing("[]", with: "")]
                    return part.hasSuffix("[]") ? value as? [Any] ?? [] : value.map { [$0] } ?? []
                }
            }
            return !objects.isEmpty && objects.allSatisfy { ($0 as? [String: Any])?[name] != nil }
        }
    }

    static func keys() throws -> [Key] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let page = try String(contentsOf: root.appendingPathComponent("docs/json-report.md"), encoding: .utf8)
        var paths: [[String]] = []
        var keys: [Key] = []
        for line in page.split(separator: "\n") {
            if line.hasPrefix("## ") {
                // The heading of the report itself names no path.
                let names = line.matches(of: #/`([^`]+)`/#).map { String($0.1) }
                paths = names.isEmpty ? [[]] : names.map { $0.split(separator: ".").map(String.init) }
            } else if let row = line.firstMatch(of: #/^\| `(\w+)` \|/#), !line.contains("absent if") {
                keys += paths.map { Key(path: $0, name: String(row.1)) }
            }
        }
        try #require(keys.count > 100, "docs/json-report.md is laid out in another way than this test knows")
        return keys
    }
}
