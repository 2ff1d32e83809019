/// Why a report could not be written or read.
package enum ReportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A figure is infinite or not a number, which JSON cannot say.
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
