import DarisCore
import Synchronization

/// What has become of a model's requests.
final class ModelStatistics: Sendable {
    /// A number of requests and the time they took together.
    struct Part: Sendable, Hashable {
        var count = 0
        var time = Nanoseconds.zero

        mutating func add(_ time: Nanoseconds) {
            count += 1
            self.time += time
        }
    }

    /// The figures at one moment.
    struct Figures: Sendable, Hashable {
        /// Answered with outputs; from arrival to answer.
        var success = Part()
        /// Answered with an error; from arrival to answer.
        var fail = Part()
        /// Turned away, of those that failed.
        var refused = 0
        /// Past their deadlines, of those that failed.
        var tooLate = 0
        /// From arrival until the scheduler was given the job.
        var queue = Part()
        /// From then to the job's end.
        var compute = Part()
        /// When the last one came, in milliseconds since 1970.
        var last: Int64 = 0
    }

    private let state = Mutex(Figures())

    var figures: Figures { state.withLock { $0 } }

    func succeeded(queue: Nanoseconds, compute: Nanoseconds, at time: Int64) {
        state.withLock {
            $0.success.add(queue + compute)
            $0.queue.add(queue)
            $0.compute.add(compute)
            $0.last = time
        }
    }

    func failed(_ error: InferenceError, after time: Nanoseconds, at now: Int64) {
        state.withLock {
            $0.fail.add(time)
            if error.kind == .refused { $0.refused += 1 }
            if error.kind == .tooLate { $0.tooLate += 1 }
            $0.last = now
        }
    }
}
