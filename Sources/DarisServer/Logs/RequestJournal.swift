import DarisCore
import Logging
import Synchronization

/// Writes down what becomes of requests: each at debug level, and those that were refused, too late or failed at
/// notice level too, but at most `linesASecond` of these, so that an overload does not fill the disk. The next line
/// says how many were left out.
final class RequestJournal: Sendable {
    static let linesASecond = 10

    private struct Budget {
        var second: Int64 = -1
        var left = 0
        var suppressed = 0
    }

    private let logger: Logger
    private let budget = Mutex(Budget())
    private let seconds: @Sendable () -> Int64

    /// - Parameter seconds: the clock of the limit.
    init(_ logger: Logger, seconds: @escaping @Sendable () -> Int64 = RequestJournal.monotonicSeconds) {
        self.logger = logger
        self.seconds = seconds
    }

    private static let start = ContinuousClock.now
    private static func monotonicSeconds() -> Int64 { start.duration(to: .now).components.seconds }

    func answered(_ model: String, _ priority: Priority, _ times: ModelStatistics.Times, isLate: Bool) {
        let tag = RequestTag.current
        tag?.note()
        guard logger.logLevel <= .debug else { return }
        logger.debug(
            "request answered",
            metadata: Self.metadata(
                tag,
                [
                    "model": "\(model)", "priority": "\(priority.word)",
                    "fate": "\((isLate ? RequestFate.late : .answered).rawValue)",
                    "queue_ms": "\(Self.milliseconds(times.queue))",
                    "compute_ms": "\(Self.milliseconds(times.compute))",
                    "total_ms": "\(Self.milliseconds(times.total))",
                ]))
    }

    func ended(_ model: String, _ priority: Priority, _ error: InferenceError, after time: Nanoseconds) {
        let tag = RequestTag.current
        tag?.note()
        let fate = RequestFate(error)
        func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
            let fields: Logger.Metadata = [
                "model": "\(model)", "priority": "\(priority.word)", "fate": "\(fate.rawValue)",
                "reason": "\(error.message)\(error.detail.map { ": " + $0 } ?? "")",
                "total_ms": "\(Self.milliseconds(time))",
            ]
            return Self.metadata(tag, fields.merging(more) { $1 })
        }
        switch fate {
        case .answered, .late, .invalid, .cancelled: break
        case .refused, .forbidden, .tooLate, .failed:
            guard logger.logLevel <= .notice, let suppressed = admit() else { break }
            logger.notice(
                "request not answered",
                metadata: metadata(suppressed == 0 ? [:] : ["lines_left_out": "\(suppressed)"]))
            return
        }
        logger.debug("request not answered", metadata: metadata())
    }

    /// What follows for a client or a model from what its requests did.
    func warn(_ message: String, _ model: String, _ fields: Logger.Metadata) {
        logger.warning(
            "\(message)", metadata: Self.metadata(RequestTag.current, fields.merging(["model": "\(model)"]) { $1 }))
    }

    /// A call that was no inference, or did not get as far as one.
    func call(_ method: String, _ path: String, _ status: String, after time: Duration) {
        let tag = RequestTag.current
        guard tag?.isNoted != true, logger.logLevel <= .debug else { return }
        logger.debug(
            "call",
            metadata: Self.metadata(
                tag,
                [
                    "method": "\(method)", "path": "\(path)", "status": "\(status)",
                    "total_ms": "\(Self.milliseconds(Nanoseconds(time)))",
                ]))
    }

    /// Whether there may be a line more in this second, and how many there were not before; `nil` if not.
    private func admit() -> Int? {
        let second = seconds()
        return budget.withLock { budget in
            if budget.second != second {
                budget.second = second
                budget.left = Self.linesASecond
            }
            guard budget.left > 0 else {
                budget.suppressed += 1
                return nil
            }
            budget.left -= 1
            defer { budget.suppressed = 0 }
            return budget.suppressed
        }
    }

    private static func milliseconds(_ time: Nanoseconds) -> String {
        let thousandths = time.rawValue / 1_000
        let rest = String(abs(thousandths % 1_000))
        return "\(thousandths / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }

    private static func metadata(_ tag: RequestTag?, _ fields: Logger.Metadata) -> Logger.Metadata {
        var fields = fields
        if let tag {
            fields["request_id"] = "\(tag.id)"
            if let trace = tag.trace {
                fields["trace_id"] = "\(trace.traceID)"
                fields["parent_id"] = "\(trace.parentID)"
            }
        }
        return fields
    }
}

extension Priority {
    /// `high` or `low`, as task sets have it.
    var word: String { self == .high ? "high" : "low" }
}

extension Nanoseconds {
    init(_ duration: Duration) {
        self.init(duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
    }
}
