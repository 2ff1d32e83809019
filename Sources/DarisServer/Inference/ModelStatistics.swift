import DarisConfiguration
import DarisCore
import DarisRuntime
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
        /// Refused, of those that failed: before they became jobs, or since their jobs were rejected.
        var refused = 0
        /// Past their deadlines, of those that failed.
        var tooLate = 0
        /// Answered with outputs after their deadlines, of the successes.
        var late = 0
        /// From arrival until the scheduler was given the job.
        var queue = Part()
        /// From then to the job's end.
        var compute = Part()
        /// From then to the answer.
        var answer = Part()
        /// When the last one came, in milliseconds since 1970.
        var last: Int64 = 0
    }

    /// How long a request took.
    struct Times: Sendable, Hashable {
        /// From its first byte to its answer.
        var total: Nanoseconds
        /// From its first byte until the scheduler was given its job: receiving, reading and waiting.
        var queue: Nanoseconds
        /// From then to the job's end.
        var compute: Nanoseconds

        /// From then to the answer.
        var answer: Nanoseconds { max(.zero, total - queue - compute) }
    }

    /// What monitoring asks for besides.
    struct Monitoring: Sendable {
        /// Requests by priority and fate, each fate in its place of `RequestFate.allCases`.
        fileprivate var requests = [[Int]](
            repeating: [Int](repeating: 0, count: RequestFate.allCases.count), count: Priority.allCases.count)
        /// From arrival until the scheduler was given the job, of those answered.
        fileprivate(set) var queue = TimeBuckets(unit: .microseconds(100))
        /// From arrival to answer, of those answered.
        fileprivate(set) var total = TimeBuckets(unit: .microseconds(100))

        /// Those refused, each reason in its place of `RefusalReason.allCases`.
        fileprivate var refusals = [Int](repeating: 0, count: RefusalReason.allCases.count)

        func refusals(_ reason: RefusalReason) -> Int { refusals[reason.place] }

        func requests(_ priority: Priority, _ fate: RequestFate) -> Int {
            requests[Int(priority.rawValue)][fate.place]
        }

        fileprivate mutating func count(_ priority: Priority, _ fate: RequestFate) {
            requests[Int(priority.rawValue)][fate.place] += 1
        }
    }

    private struct State {
        var figures = Figures()
        var monitoring = Monitoring()
        var lastError: (message: String, time: ContinuousClock.Instant)?
    }

    /// The characters of an error's message that are kept.
    private static let messageLimit = 200

    private let state = Mutex(State())

    var figures: Figures { state.withLock { $0.figures } }

    var monitoring: Monitoring { state.withLock { $0.monitoring } }

    /// What a client was told last that got no outputs, and how long ago.
    var lastError: (message: String, age: Nanoseconds)? {
        state.withLock { $0.lastError }.map { ($0.message, Nanoseconds($0.time.duration(to: .now))) }
    }

    func succeeded(_ priority: Priority, _ times: Times, isLate: Bool, at time: Int64) {
        state.withLock {
            $0.figures.success.add(times.total)
            $0.figures.queue.add(times.queue)
            $0.figures.compute.add(times.compute)
            $0.figures.answer.add(times.answer)
            if isLate { $0.figures.late += 1 }
            $0.figures.last = time
            $0.monitoring.count(priority, isLate ? .late : .answered)
            $0.monitoring.queue.record(times.queue)
            $0.monitoring.total.record(times.total)
        }
    }

    func failed(_ priority: Priority, _ error: InferenceError, after time: Nanoseconds, at now: Int64) {
        state.withLock {
            $0.figures.fail.add(time)
            if let refusal = error.refusal {
                $0.figures.refused += 1
                $0.monitoring.refusals[RefusalReason(refusal).place] += 1
            }
            if error.kind == .tooLate { $0.figures.tooLate += 1 }
            $0.lastError = (String(error.message.prefix(Self.messageLimit)), .now)
            $0.figures.last = now
            $0.monitoring.count(priority, RequestFate(error))
        }
    }
}

/// What a request came to, by the names that operators see.
enum RequestFate: String, CaseIterable, Sendable {
    /// It got its outputs by its deadline.
    case answered
    /// It got its outputs, after its deadline.
    case late
    /// Refused, or its job was rejected.
    case refused
    /// Its deadline passed.
    case tooLate = "too_late"
    /// Its client gave it up.
    case cancelled
    /// It was wrong.
    case invalid
    /// Its client may not ask.
    case forbidden
    /// The device could not run it.
    case failed

    init(_ error: InferenceError) {
        self =
            switch error.kind {
            case .invalid, .unsupported, .notFound: .invalid
            case .unauthorised, .forbidden: .forbidden
            case .refused: .refused
            case .tooLate: .tooLate
            case .cancelled: .cancelled
            case .failed: .failed
            }
    }

    fileprivate var place: Int { Self.allCases.firstIndex(of: self)! }
}

/// Why a request was refused, by the names that operators see.
enum RefusalReason: String, CaseIterable, Sendable {
    case loading
    case ending
    case contextsLost = "contexts_lost"
    /// As many requests as may be are in flight.
    case requests
    case unloaded
    /// Its requests crashed workers.
    case unavailable
    case queueFull = "queue_full"
    case wouldBeLate = "would_be_late"
    /// Its deadline is nearer than the model's execution time.
    case deadlineTooNear = "deadline_too_near"
    /// The scheduler did not admit its job.
    case rejected
    case memory
    case connections

    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .loading: .loading
            case .ending: .ending
            case .everyContextLost: .contextsLost
            case .tooManyInFlight, .tooManyWatchers, .loadsWaiting: .requests
            case .unloaded, .modelNotReady: .unloaded
            case .unavailable: .unavailable
            case .queueFull: .queueFull
            case .wouldBeLate: .wouldBeLate
            case .takesLonger: .deadlineTooNear
            case .rejected: .rejected
            case .memoryFull: .memory
            case .connectionsFull, .healthOnly: .connections
            }
    }

    fileprivate var place: Int { Self.allCases.firstIndex(of: self)! }
}

extension RequestEnd {
    /// What the run's figures count of a request that never became a job; `nil` if that is nothing.
    init?(_ error: InferenceError) {
        switch error.kind {
        case .refused: self = .refused
        case .tooLate: self = .expired
        case .invalid, .unsupported, .unauthorised, .forbidden, .notFound, .cancelled, .failed: return nil
        }
    }
}

/// A model as clients see it: its tensors, and the requests for it.
final class ServedModel: Sendable {
    /// What a client asks for.
    let name: String
    /// Which version of it.
    let version: String
    let signature: ModelSignature
    /// The items that it takes at a time, which are the first extent of its tensors if there are several.
    let batch: Int
    /// The requests for its task.
    let own: RequestQueue
    private let otherPriority: Mutex<RequestQueue?>
    let statistics: ModelStatistics
    /// Whether it takes requests.
    private let isLoaded = Mutex(true)

    init(
        name: String, version: String = UnavailableModel.onlyVersion, signature: ModelSignature, batch: Int = 1,
        own: RequestQueue, other: RequestQueue?, statistics: ModelStatistics = ModelStatistics()
    ) {
        self.statistics = statistics
        self.name = name
        self.version = version
        self.signature = signature
        self.batch = batch
        self.own = own
        otherPriority = Mutex(other)
    }

    var isReady: Bool {
        get { isLoaded.withLock { $0 } }
        set { isLoaded.withLock { $0 = newValue } }
    }

    /// Those for a task of the same network with the other priority, if there is one.
    var other: RequestQueue? {
        get { otherPriority.withLock { $0 } }
        set { otherPriority.withLock { $0 = newValue } }
    }

    /// The queue for a request's priority: the one asked for if there is one, else its own.
    ///
    /// - Parameter priority: 1 for high, anything larger for low; `nil` and 0 are no wish.
    func queue(priority: Int?) -> RequestQueue {
        guard let priority, priority > 0 else { return own }
        let wanted: Priority = priority == 1 ? .high : .low
        return wanted == own.priority ? own : other ?? own
    }
}
