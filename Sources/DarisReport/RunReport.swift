import DarisCore
import Foundation

/// A run with everything there is to say of it, as `--json` prints it: one object with the keys of `RunSummary`, and
/// beside them the plan and how the run ended. `docs/json-report.md` describes every key.
///
/// ```swift
/// let data = try RunReport(summary: summary, plan: plan, version: "0.1.0").json()
/// let again = try RunReport(json: data)
/// ```
///
/// Write and read it by `json()` and `init(json:)`: other coders do not know the names of the keys.
package struct RunReport: Codable, Sendable, Hashable {
    /// A failure of a task, and how often it was met.
    package struct TaskError: Codable, Sendable, Hashable {
        /// The task's name.
        package var task: String
        /// What went wrong, in words.
        package var message: String
        /// How many times.
        package var count: Int

        /// A failure that was met `count` times.
        package init(task: String, message: String, count: Int) {
            self.task = task
            self.message = message
            self.count = count
        }
    }

    /// The figures of the run.
    package var summary: RunSummary
    /// What the run was meant to do.
    package var plan: RunPlan
    /// The version of Daris that wrote this.
    package var version: String
    /// Whether the run was stopped before its time.
    package var interrupted: Bool
    /// What failed on the way.
    package var errors: [TaskError]
    /// What else happened on the way that the user should know.
    package var notes: [String]

    /// Whether the device was a model of one.
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

    /// Reads a report whose keys are already turned into names, as `init(json:)` does.
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
    /// - Throws: `ReportError.notFinite` with the key of a figure that JSON cannot say.
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
