/// How a job ended.
public enum JobFate: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// Not admitted, or released though its task has been removed.
    case rejected
    /// Not started, since its task's previous job was still in flight.
    case skipped
    /// All its stages have run, in time or late.
    case completed
    /// Given up: past its deadline under `late: drop`, cancelled, or waiting when its task was removed.
    case dropped
    /// One of its stages failed, or its context was lost.
    case failed
}

/// Why a job ended as it did.
public enum FateReason: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// It ended by its deadline.
    case onTime
    /// It ended after its deadline.
    case late
    /// No context had utilisation to spare.
    case noContextFits
    /// Its task's previous job was still in flight.
    case previousJobInFlight
    /// The queue behind its task's previous job was full.
    case queueFull
    /// Its deadline passed.
    case deadlinePassed
    /// It was cancelled.
    case cancelled
    /// The device could not run one of its stages.
    case stageFailed
    /// The context it was on was lost.
    case contextLost
    /// There is no context left to run it.
    case noContextAlive
    /// Its task has been removed.
    case taskRemoved
    /// Its predicted finish was after its deadline on every context that had utilisation to spare.
    case wouldBeLate

    /// Whether a job that ended so was in time or too late, and not lost to something else.
    var saysWhetherLate: Bool { self == .onTime || self == .late || self == .deadlinePassed }

    /// The reason in words.
    public var text: String {
        switch self {
        case .onTime: "completed by its deadline"
        case .late: "completed after its deadline"
        case .noContextFits: "no context has enough utilisation to spare for it"
        case .previousJobInFlight: "the task's previous job was still in flight"
        case .queueFull: "the queue behind the task's previous job was full"
        case .deadlinePassed: "its deadline passed and its task says late: drop"
        case .cancelled: "it was cancelled"
        case .stageFailed: "one of its stages failed on the device"
        case .contextLost: "the context it was on was lost"
        case .noContextAlive: "every context is lost"
        case .taskRemoved: "its task was removed"
        case .wouldBeLate: "it would end after its deadline on every context that has utilisation to spare"
        }
    }
}

/// The end of a job.
public struct JobOutcome: Hashable, Sendable {
    /// Which job.
    public var job: JobID
    /// How it ended.
    public var fate: JobFate
    /// Why.
    public var reason: FateReason
    /// HP or LP.
    public var priority: Priority
    /// When it was released.
    public var release: Nanoseconds
    /// Its absolute deadline.
    public var deadline: Nanoseconds
    /// When it ended.
    public var finish: Nanoseconds

    /// The end of a job.
    package init(
        job: JobID, fate: JobFate, reason: FateReason, priority: Priority, release: Nanoseconds, deadline: Nanoseconds,
        finish: Nanoseconds
    ) {
        self.job = job
        self.fate = fate
        self.reason = reason
        self.priority = priority
        self.release = release
        self.deadline = deadline
        self.finish = finish
    }

    /// From release to end.
    @inlinable public var responseTime: Nanoseconds { finish - release }
    /// By how much the end was after the deadline; negative if before.
    @inlinable public var lateness: Nanoseconds { finish - deadline }
}
