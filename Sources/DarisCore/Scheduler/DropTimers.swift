import HeapModule

/// When jobs under `late: drop` are to be dropped. The owner of these times and of the wake that was asked for.
struct DropTimers: Sendable {
    struct Timer: Comparable, Sendable {
        let deadline: Nanoseconds
        let job: JobID

        static func < (a: Timer, b: Timer) -> Bool {
            if a.deadline != b.deadline { return a.deadline < b.deadline }
            return (a.job.task, a.job.sequence) < (b.job.task, b.job.sequence)
        }
    }

    private var timers = Heap<Timer>()
    private let jobs: Int
    /// As many timers as there may be before those of jobs that have ended are cleared out.
    private var limit: Int
    private var requested = Nanoseconds.distantFuture

    init(jobs: Int) {
        self.jobs = jobs
        limit = 2 * jobs + 64
        timers.reserveCapacity(min(limit, 4096))
    }

    var count: Int { timers.count }

    /// Adds a timer. Jobs mostly end long before theirs; if many are left behind, those of jobs that have ended go.
    mutating func add(_ job: JobID, deadline: Nanoseconds, isPending: (JobID) -> Bool) {
        if timers.count >= limit {
            timers.removeAll { !isPending($0.job) }
            limit = 2 * max(timers.count, jobs) + 64
        }
        timers.insert(Timer(deadline: deadline, job: job))
    }

    /// Takes in that the wake has come.
    mutating func woken() { requested = .distantFuture }

    /// Takes out the first job whose deadline has passed.
    mutating func popDue(at now: Nanoseconds) -> JobID? {
        guard let timer = timers.min, timer.deadline <= now else { return nil }
        timers.removeMin()
        return timer.job
    }

    /// The time of the next wake, if it is another than was asked for last.
    @inline(__always)
    mutating func nextWake() -> Nanoseconds? {
        guard let next = timers.min?.deadline, next != requested else { return nil }
        requested = next
        return next
    }
}
