import DarisCore
import Foundation

/// The report of a run that `--json` prints: one object with the keys of `RunSummary`, the plan, and how the run ended.
/// `docs/json-report.md` describes every key.
///
/// ```swift
/// let data = try RunReport(summary: summary, plan: plan, version: "0.1.0").json()
/// let again = try RunReport(json: data)
/// ```
///
/// Write and read it with `json()` and `init(json:)`: other coders do not know the names of the keys.
package struct RunReport: Codable, Sendable, Hashable {
    /// A failure of a task, with its count.
    package struct TaskError: Codable, Sendable, Hashable {
        /// The task's name.
        package var task: String
        /// The error message.
        package var message: String
        /// How often it occurred.
        package var count: Int

        /// A failure that occurred `count` times.
        package init(task: String, message: String, count: Int) {
            self.task = task
            self.message = message
            self.count = count
        }
    }

    /// The figures of the run.
    package var summary: RunSummary
    /// The plan of the run.
    package var plan: RunPlan
    /// The version of Daris that wrote this.
    package var version: String
    /// Whether the run was stopped early.
    package var interrupted: Bool
    /// The failures of the run.
    package var errors: [TaskError]
    /// Other remarks for the user.
    package var notes: [String]

    /// Whether the device was simulated.
    package var simulated: Bool { plan.simulated }

    /// A report on a run.
    package init(
        summary: RunSummary, plan: RunPlan, version: String, interrupted: Bool = false, errors: [TaskError] = [],
        notes: [String] = []
    ) {
        self.summary = summary
        self.plan = plan
        self.version = version
        self.interrupted = interrupted
        self.errors = errors
        self.notes = notes
    }

    /// The report that `json()` wrote.
    ///
    /// - Throws: `ReportError.notAReport` with the key that is missing or cannot be read.
    package init(json: Data) throws(ReportError) {
        do {
            self = try ReportKeys.decoder().decode(Self.self, from: json)
        } catch {
            throw ReportError.notAReport(reason: ReportKeys.reason(of: error))
        }
    }

    /// Reads a report whose keys are already translated into names, as `init(json:)` does.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        summary = try RunSummary(from: decoder)
        plan = try container.decode(RunPlan.self, forKey: .plan)
        version = try container.decode(String.self, forKey: .daris)
        interrupted = try container.decode(Bool.self, forKey: .interrupted)
        errors = try container.decode([TaskError].self, forKey: .errors)
        notes = try container.decode([String].self, forKey: .notes)
    }

    /// Writes the keys of `RunSummary` and those of the report into one object.
    package func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(plan, forKey: .plan)
        try container.encode(version, forKey: .daris)
        try container.encode(simulated, forKey: .simulated)
        try container.encode(interrupted, forKey: .interrupted)
        try container.encode(errors, forKey: .errors)
        try container.encode(notes, forKey: .notes)
    }

    /// The report as JSON: indented, keys sorted, the same bytes for equal reports; no line break at the end.
    ///
    /// - Throws: `ReportError.notFinite` with the key of an infinite figure.
    package func json() throws(ReportError) -> Data {
        do {
            return try ReportKeys.encoder().encode(self)
        } catch {
            throw ReportError.notFinite(key: ReportKeys.path(of: error))
        }
    }

    private enum CodingKeys: String, CodingKey {
        case plan, daris, simulated, interrupted, errors, notes
    }
}

/// Why a report could not be written or read.
package enum ReportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A figure is infinite or not a number, which JSON does not support.
    case notFinite(key: String)
    /// The text is not a report.
    case notAReport(reason: String)

    /// What is wrong and what to do, in one sentence.
    package var description: String {
        switch self {
        case .notFinite(let key):
            "the figure '\(key)' is infinite or not a number, so the report cannot be written; this is a defect of Daris"
        case .notAReport(let reason):
            "not a report of Daris (\(reason)); give a file that daris wrote with --json"
        }
    }
}

/// The translation between names in Swift and keys in JSON: `responseMs` is `response_ms`.
enum ReportKeys {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path[path.count - 1]
            // The counts of jobs declare their keys in snake case themselves.
            let isSnakeCase = path.count == 2 && path[0].stringValue == "jobs"
            return isSnakeCase ? key : Key(stringValue: camelCase(key.stringValue))
        }
        return decoder
    }

    /// `response_ms` as `responseMs`.
    static func camelCase(_ key: String) -> String {
        let words = key.split(separator: "_")
        guard let first = words.first, words.count > 1 else { return key }
        return first + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// `responseMs` as `response_ms`; only for messages, since encoders do it themselves.
    static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
    }

    /// The key that could not be written.
    static func path(of error: any Error) -> String {
        guard case EncodingError.invalidValue(_, let context)? = error as? EncodingError else { return "unknown" }
        return path(context.codingPath)
    }

    /// Why a text could not be read, with the key.
    static func reason(of error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, let context)?: "the key '\(path(context.codingPath + [key]))' is missing"
        case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?:
            "'\(path(context.codingPath))' has another type"
        case .dataCorrupted(let context)? where !context.codingPath.isEmpty:
            "'\(path(context.codingPath))' has a value that is not known"
        default: "it is not JSON"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        let path = keys.map { key in key.intValue.map { "[\($0)]" } ?? ".\(snakeCase(key.stringValue))" }.joined()
        return String(path.trimmingPrefix("."))
    }

    /// A key of any name.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
