/// The longest response that the jobs of an HP task can have, by analysis: from release to end, whatever the releases of other
/// tasks are, as long as no stage takes longer than is said and no two releases of a task are closer than its period.
///
/// ```swift
/// for bound in ResponseBound.bounds(configuration) {
///     print(bound.task, bound.response ?? "none", bound.isInTime, bound.theorem?.statement ?? bound.gap!.description)
/// }
/// ```
///
/// Execution times are AFETs unless others are given. AFET is measured at full load, so that what lanes and contexts take from
/// each other is in it already; contexts are therefore analysed one by one. The bound holds for what the analysis knows of:
/// not for a stage that overruns its time, a failed or lost part, a request with a deadline of its own, or time spent outside
/// lanes (copies, network). `docs/analysis.md` explains the theorems.
package struct ResponseBound: Hashable, Sendable {
    /// The task, by index.
    package let task: Int
    /// From release to end at most; `nil` if there is no bound, and then `gap` says why.
    package let response: Nanoseconds?
    /// How much of it is due to LP: stages that run already, or the time until they are preempted.
    package let blocking: Nanoseconds
    /// Where the bound comes from.
    package let theorem: Theorem?
    /// Why there is none.
    package let gap: Gap?
    /// Whether every job is in time: the bound is within the deadline, and no release comes so early that it is skipped.
    package let isInTime: Bool

    /// Bounds the responses of all HP tasks, in the order of the tasks.
    ///
    /// One lane: O(candidates · tasks) a task, where candidates are the releases at which the order changes; several lanes:
    /// O(rounds · tasks) a task. Both are limited.
    ///
    /// - Parameters:
    ///   - configuration: a valid one. Its homes are where HP jobs run.
    ///   - times: how long stages take at most, by task and stage; AFET if not given. The order of stages on one lane is known
    ///     only while MRETs are these times, which divide the deadlines.
    ///   - preemption: how long an LP stage that runs may delay the start of a stage on an express lane: 0 on a CPU.
    ///   - pausesOne: whether a stage on an express lane delays one LP stage at a time, rather than all of its context. It matters
    ///     where there are fewer express lanes than ordinary ones.
    ///   - sharesVary: whether MRETs may be less than `times`, as they are where execution times vary. Then virtual deadlines
    ///     are not known, and nothing is concluded from them.
    package static func bounds(
        _ configuration: SchedulerConfiguration, times: [[Nanoseconds]]? = nil, preemption: Nanoseconds = .zero,
        pausesOne: Bool = false, sharesVary: Bool = false
    ) -> [ResponseBound] {
        let high = configuration.tasks.indices.filter { configuration.tasks[$0].priority == .high }
        guard configuration.partition.express == 0 || configuration.options.hasFixedPriorities else {
            return high.map { ResponseBound(configuration, task: $0, .failure(.expressWithoutPriority)) }
        }
        var found: [Int: Result<Answer, Gap>] = [:]
        for context in 0..<configuration.partition.contexts {
            let contentions = Contention.all(
                configuration, context: context, times: times ?? configuration.tasks.map(\.afet),
                preemption: preemption,
                pausesOne: pausesOne, sharesVary: sharesVary)
            var here: [Int: Result<Answer, Gap>] = [:]
            for contention in contentions {
                let answers =
                    contention.isOneLane
                    ? OneLaneBound(contention).answers : SeveralLanesBound(contention).answers
                for (place, answer) in answers.enumerated() {
                    here.merge([contention.tasks[place].task: answer]) { Self.better($0, $1) }
                }
            }
            // A job may run in any home of its task.
            found.merge(here) { Self.worse($0, $1) }
        }
        return high.map { ResponseBound(configuration, task: $0, found[$0]!) }
    }

    private init(_ configuration: SchedulerConfiguration, task index: Int, _ result: Result<Answer, Gap>) {
        let task = configuration.tasks[index]
        self.task = index
        switch result {
        case .success(let answer):
            (response, blocking) = (Nanoseconds(answer.response), Nanoseconds(answer.blocking))
            (theorem, gap) = (answer.theorem, nil)
            let queue: Int64 = if case .queue(let limit) = task.overrun { Int64(limit) } else { 0 }
            let skipped = task.period.rawValue * (Int64(task.instances) + queue)
            isInTime = answer.response <= task.deadline.rawValue && answer.response <= skipped
        case .failure(let reason):
            (response, blocking, theorem, gap, isInTime) = (nil, .zero, nil, reason, false)
        }
    }

    /// What a theorem says of a task on one context, in nanoseconds.
    struct Answer: Hashable, Sendable {
        var response: Int64
        var blocking: Int64
        var theorem: Theorem
    }

    private static func better(_ a: Result<Answer, Gap>, _ b: Result<Answer, Gap>) -> Result<Answer, Gap> {
        guard case .success(let first) = a else { return b }
        guard case .success(let second) = b else { return a }
        return second.response < first.response ? b : a
    }

    private static func worse(_ a: Result<Answer, Gap>, _ b: Result<Answer, Gap>) -> Result<Answer, Gap> {
        guard case .success(let first) = a, case .success(let second) = b else {
            if case .failure = a { return a }
            return b
        }
        return second.response > first.response ? b : a
    }
}

extension ResponseBound {
    /// What a bound rests on.
    package enum Theorem: String, Hashable, Sendable, Codable {
        /// One lane, with the order of its stages.
        case oneLaneInOrder
        /// One lane, whatever the order.
        case oneLaneAnyOrder
        /// Several lanes, whatever the order.
        case severalLanes

        /// What it says, in a sentence.
        package var statement: String {
            switch self {
            case .oneLaneInOrder:
                "on one lane a job waits for one stage that runs already, for the work that goes before it in the order of "
                    + "the queue, and for nothing else"
            case .oneLaneAnyOrder:
                "on one lane every job of high priority ends before the lane has done all such work released meanwhile"
            case .severalLanes:
                "while a job waits, every lane is busy with work of high priority, or with a stage of low priority that began "
                    + "before"
            }
        }

        /// Where it is from.
        package var source: String {
            switch self {
            case .oneLaneInOrder:
                "Spuri, INRIA RR-2772, 1996; George, Rivierre and Spuri, INRIA RR-2966, 1996; here with stages and levels"
            case .oneLaneAnyOrder: "the synchronous busy period: Liu and Layland 1973; Spuri, INRIA RR-2772, 1996"
            case .severalLanes:
                "Bertogna and Cirinei, RTSS 2007; Guan, Stigge, Yi and Yu, RTSS 2009; here with stages and blocking"
            }
        }
    }

    /// Why there is no bound.
    package enum Gap: Error, Hashable, Sendable, CustomStringConvertible {
        /// The work of high priority on the task's context is not known to end.
        case overload
        /// The bound would be many periods and deadlines of the task, and of no use.
        case tooLong
        /// Express lanes have no meaning to it without fixed priority.
        case expressWithoutPriority

        /// The reason, in a sentence.
        package var description: String {
            switch self {
            case .overload: "the work that competes on the context is more than its lanes can do, or almost"
            case .tooLong: "the bound would be more than \(SeveralLanesBound.horizon) times the period and the deadline"
            case .expressWithoutPriority: "with express lanes there are bounds only where HP goes before LP"
            }
        }
    }
}
