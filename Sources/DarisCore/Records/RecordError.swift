/// Why a record cannot be used. Lines count from 1.
package enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file cannot be read.
    case unreadable(file: String, reason: String)
    /// The record is of a version of the format that is not known here.
    case version(Int, file: String)
    /// The record stops before its last line.
    case cutOff(file: String, line: Int)
    /// A line is not what a record may hold.
    case malformed(file: String, line: Int, reason: String)
    /// An entry is not what the scheduler decides.
    case mismatch(file: String, line: Int, reason: String)

    /// The line that is wrong; `nil` if the file as a whole is meant.
    package var line: Int? {
        switch self {
        case .unreadable: nil
        case .version: 1
        case .cutOff(_, let line), .malformed(_, let line, _), .mismatch(_, let line, _): line
        }
    }

    /// File, line and problem in one sentence.
    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .version(let version, let file):
            "\(file), line 1: this is version \(version) of the format; this program reads versions 1 to "
                + "\(RunRecord.version)"
        case .cutOff(let file, let line):
            "\(file), line \(line): the record is cut off: its last line must be {\"end\":…,\"entries\":…}"
        case .malformed(let file, let line, let reason), .mismatch(let file, let line, let reason):
            "\(file), line \(line): \(reason)"
        }
    }
}
