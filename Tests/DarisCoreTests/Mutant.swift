import DarisSimulator
import Testing

@testable import DarisCore

/// The scheduler with one fault, and the invariants that an auditor may then report: it was made from another configuration,
/// is told of other events, or its commands are changed on their way.
struct Mutant: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let invariants: Set<Violation.Invariant>
    fileprivate(set) var configure: @Sendable (inout SchedulerConfiguration) -> Void = { _ in }
    /// What the scheduler is told in place of an event; nothing if `nil`.
    fileprivate(set) var hear: @Sendable (Event) -> Event? = { $0 }
    /// What is passed on in place of a command.
    fileprivate(set) var pass: @Sendable (Command, SchedulerConfiguration) -> [Command] = { command, _ in [command] }

    private init(_ name: String, _ invariants: Set<Violation.Invariant>) {
        testDescription = name
        self.invariants = invariants
    }

    // MARK: - Another configuration

    private static func options(
        _ name: String, _ invariants: Set<Violation.Invariant>,
        _ change: @escaping @Sendable (inout SchedulerOptions) -> Void
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.configure = { change(&$0.options) }
        return mutant
    }

    private static func tasks(
        _ name: String, _ invariants: Set<Violation.Invariant>,
        _ change: @escaping @Sendable (inout TaskSpecification) -> Void
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.configure = { configuration in
            for index in configuration.tasks.indices { change(&configuration.tasks[index]) }
        }
        return mutant
    }

    private static func sizes(_ name: String, _ change: @escaping @Sendable (BatchGroup.Size) -> BatchGroup.Size?)
        -> Mutant
    {
        var mutant = Mutant(name, [.batching, .admission, .dispatchOrder])
        mutant.configure = { configuration in
            configuration.batchGroups = configuration.batchGroups?.map {
                BatchGroup(sizes: $0.sizes.compactMap(change))
            }
        }
        return mutant
    }

    private static func configuration(
        _ name: String, _ invariants: Set<Violation.Invariant>,
        _ change: @escaping @Sendable (inout SchedulerConfiguration) -> Void
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.configure = change
        return mutant
    }

    /// A wrong MRET shows in commands only as a wrong admission, order, batch, or choice of an instance by work.
    private static let wrongTimes: Set<Violation.Invariant> = [.admission, .dispatchOrder, .batching, .stageOrder]

    /// Mutants whose MRETs are wrong.
    static let ofExecutionTimes: [Mutant] = [
        options("a window longer by one", wrongTimes) { $0.windowSize += 1 },
        options("a window shorter by one", wrongTimes) {
            $0.windowSize = max(1, $0.windowSize - 1)
        },
        options("nothing leaves the window", wrongTimes) {
            $0.worstCaseExecutionTime = true
        },
        options("a task that fits nowhere forgets nothing", wrongTimes) { $0.forgetting = false },
        events("execution times are halved", wrongTimes) { event in
            guard case .stageCompleted(let lane, let job, let time) = event else { return event }
            return .stageCompleted(lane: lane, job: job, executionTime: Nanoseconds(time.rawValue / 2))
        },
        tasks("AFET is twice itself", wrongTimes) { task in
            task.afet = task.afet.map { $0 + $0 }
        },
    ]

    /// Mutants that differ from the published implementation's rules.
    static let ofPublishedRules: [Mutant] = [
        options("uᵢ is shared out to the streams too", [.admission]) { $0.rules?.sharedAdmission = false },
        options("a task goes home after a migration", [.admission]) { $0.rules?.movesHomes = false },
        options("rejected releases take no place in the window", wrongTimes) { $0.rules?.rejectionsAge = false },
        options("LP's last stages go before late ones", [.dispatchOrder]) { $0.rules?.lateBeforeLast = false },
    ]

    private static let ofConfigurations: [Mutant] = [
        options("a last stage does not go first", [.dispatchOrder]) { $0.lastStageLevel = false },
        options("a late stage does not go first", [.dispatchOrder]) { $0.lateLevel = false },
        options("HP does not go before LP", [.dispatchOrder]) { $0.fixedPriority = false },
        options("stages go by the deadlines of their jobs", [.dispatchOrder, .admission, .batching]) {
            $0.policy = .edf
        },
        options("stages go in the order of release", [.dispatchOrder, .admission, .batching]) { $0.policy = .fifo },
        options("every LP job is admitted", [.admission]) { $0.admission = false },
        options("no job migrates", [.admission]) { $0.migration = false },
        options("nothing runs together", [.batching, .admission]) { $0.batching = nil },
        options("batches are as large as can be", [.batching, .admission, .dispatchOrder]) {
            if $0.batching != nil { $0.batching = BatchGroup.jobLimit }
        },
        options("unripe stages go first", [.dispatchOrder, .batching]) { $0.batchingRules.remove(.ripest) },
        options("riper stages go first", [.dispatchOrder, .batching]) { $0.batchingRules.insert(.ripest) },
        options("batches come apart", [.batching]) { $0.batchingRules.remove(.cohesion) },
        options("batches stay together", [.batching, .dispatchOrder]) { $0.batchingRules.insert(.cohesion) },
        options("batches are longer than the deadline allows", [.batching, .admission, .dispatchOrder]) {
            $0.batchingRules.remove(.sizes)
        },
        options("batches last as long as their jobs alone would", [.batching]) { $0.batchingRules.remove(.bounds) },
        options("a job costs what it was seen to", [.admission, .executionTimes]) { $0.batchingRules.remove(.cost) },
        options("jobs that will be late are admitted", [.admission]) { $0.batchingRules.remove(.forecast) },
        options("jobs that will be late are rejected", [.admission, .jobFates]) { $0.batchingRules.insert(.forecast) },
        options("nothing is learnt of late jobs", [.admission]) { $0.batchingRules.remove(.safetyFactor) },
        tasks("no late job is dropped", [.jobFates]) { $0.lateness = .run },
        tasks("every late job is dropped", [.jobFates]) { $0.lateness = .drop },
        tasks("no release waits", [.jobFates]) { $0.overrun = .skip },
        tasks("one release too many waits", [.jobFates]) { task in
            if case .queue(let limit) = task.overrun { task.overrun = .queue(limit: limit + 1) }
        },
        tasks("deadlines are later by one", [.jobFates]) { $0.deadline = $0.deadline + Nanoseconds(1) },
        tasks("the own utilisation of LP counts little", [.admission]) { task in
            if task.priority == .low { task.period = Nanoseconds(task.period.rawValue * 3) }
        },
        tasks("the utilisation of HP counts little", [.admission]) { task in
            if task.priority == .high { task.period = Nanoseconds(task.period.rawValue * 3) }
        },
        configuration("one job too many is in flight", [.jobFates, .admission]) { configuration in
            let last = configuration.tasks.count - 1
            configuration.tasks[last].instances += 1
            configuration.homes.append(configuration.homes[configuration.homes.count - 1])
        },
        configuration("homes are others", [.admission]) { configuration in
            for index in configuration.homes.indices {
                configuration.homes[index] = configuration.partition.contexts - 1 - configuration.homes[index]
            }
        },
        configuration("jobs of different groups run together", [.batching, .admission, .dispatchOrder]) {
            configuration in
            for index in configuration.tasks.indices where configuration.tasks[index].batchGroup != nil {
                configuration.tasks[index].batchGroup = 0
            }
        },
        sizes("batches take no time") { size in
            BatchGroup.Size(jobs: size.jobs, afet: size.afet.map { _ in .zero })
        },
        sizes("the smallest batch is not run") { $0.jobs == 2 ? nil : $0 },
    ]

    // MARK: - Other events

    private static func events(
        _ name: String, _ invariants: Set<Violation.Invariant>, _ change: @escaping @Sendable (Event) -> Event?
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.hear = change
        return mutant
    }

    private static let ofEvents: [Mutant] = [
        events("a removed task goes on", [.jobFates]) { if case .taskRemoved = $0 { nil } else { $0 } },
        events("an added task stays out", [.jobFates, .admission]) { if case .taskAdded = $0 { nil } else { $0 } },
        events("a cancelled job goes on", [.jobFates]) { if case .jobCancelled = $0 { nil } else { $0 } },
        events("a timer is not heard", [.jobFates]) { if case .timerFired = $0 { nil } else { $0 } },
        events("a lost context goes on", [.containment]) { if case .contextLost = $0 { nil } else { $0 } },
        events("a restored context stays lost", [.dispatchOrder, .admission, .jobFates, .containment]) {
            if case .contextRestored = $0 { nil } else { $0 }
        },
        events("the loss of one context hits another", [.containment, .jobFates]) { event in
            guard case .contextLost(let context) = event, context >= 0 else { return event }
            return .contextLost(context == 0 ? 1 : 0)
        },
        events("a failed stage counts as done", [.containment, .jobFates, .stageOrder, .batching]) { event in
            guard case .stageFailed(let lane, let job) = event else { return event }
            return .stageCompleted(lane: lane, job: job, executionTime: .zero)
        },
        events("a done stage counts as failed", [.containment, .jobFates, .stageOrder, .batching]) { event in
            guard case .stageCompleted(let lane, let job, _) = event else { return event }
            return .stageFailed(lane: lane, job: job)
        },
        events("a release is not heard", [.jobFates]) { event in
            if case .jobReleased(let task, _) = event, task == 1 { nil } else { event }
        },
    ]

    // MARK: - Other commands

    private static func ends(
        _ name: String, _ invariants: Set<Violation.Invariant>,
        _ change: @escaping @Sendable (JobOutcome) -> [JobOutcome]
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.pass = { command, _ in
            guard case .finished(let outcome) = command else { return [command] }
            return change(outcome).map { .finished($0) }
        }
        return mutant
    }

    private static func dispatches(
        _ name: String, _ invariants: Set<Violation.Invariant>,
        _ change: @escaping @Sendable (Dispatch, SchedulerConfiguration) -> [Dispatch]
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.pass = { command, configuration in
            guard case .dispatch(let dispatch) = command else { return [command] }
            return change(dispatch, configuration).map { .dispatch($0) }
        }
        return mutant
    }

    private static func commands(
        _ name: String, _ invariants: Set<Violation.Invariant>, _ change: @escaping @Sendable (Command) -> [Command]
    ) -> Mutant {
        var mutant = Mutant(name, invariants)
        mutant.pass = { command, _ in change(command) }
        return mutant
    }

    /// A stage of a priority on the last lane of its context, where there are express lanes.
    private static func moved(
        _ dispatch: Dispatch, of priority: Priority, _ configuration: SchedulerConfiguration
    ) -> [Dispatch] {
        let partition = configuration.partition
        var dispatch = dispatch
        if partition.express > 0, configuration.tasks[dispatch.jobs[0].task].priority == priority {
            dispatch.lane = partition.lanes(of: partition.context(of: dispatch.lane)).upperBound - 1
        }
        return [dispatch]
    }

    private static func members(_ dispatch: Dispatch) -> [Dispatch.Member] {
        dispatch.jobs.indices.map { Dispatch.Member(dispatch.jobs[$0], instance: dispatch.jobs.instance(at: $0)) }
    }

    private static let ofCommands: [Mutant] = [
        ends("an end is not told", [.jobFates, .containment]) { $0.job.sequence % 4 == 3 ? [] : [$0] },
        ends("an end is told twice", [.jobFates]) { $0.job.sequence % 4 == 3 ? [$0, $0] : [$0] },
        ends("late is called on time", [.jobFates]) { outcome in
            var outcome = outcome
            if outcome.reason == .late { outcome.reason = .onTime }
            return [outcome]
        },
        ends("a lost context is called a failed stage", [.containment]) { outcome in
            var outcome = outcome
            if outcome.reason == .contextLost { outcome.reason = .stageFailed }
            return [outcome]
        },
        ends("the end of a job is told with another deadline", [.jobFates]) { outcome in
            var outcome = outcome
            outcome.deadline = outcome.deadline + Nanoseconds(1)
            return [outcome]
        },
        ends("what a lost context was running goes on", [.containment, .jobFates]) {
            $0.reason == .contextLost ? [] : [$0]
        },
        commands("a release that waits is not told", [.jobFates]) { if case .queued = $0 { [] } else { [$0] } },
        commands("wakes come late", [.jobFates]) { command in
            if case .wake(let time) = command { [.wake(at: time + Nanoseconds(1))] } else { [command] }
        },
        commands("an admitted job goes elsewhere", [.admission]) { command in
            guard case .admitted(let job, let context, _) = command else { return [command] }
            return [.admitted(job, context: context + 1, migrated: true)]
        },
        commands("a migration is not told", [.admission]) { command in
            guard case .admitted(let job, let context, _) = command else { return [command] }
            return [.admitted(job, context: context, migrated: false)]
        },
        commands("a job that should run is rejected", [.admission, .jobFates]) { command in
            guard case .admitted(let job, _, _) = command, job.sequence % 3 == 2 else { return [command] }
            return [
                .finished(
                    JobOutcome(
                        job: job, fate: .rejected, reason: .noContextFits, priority: .high, release: .zero,
                        deadline: .zero, finish: .zero))
            ]
        },
        dispatches("a stage starts twice", [.stageOrder]) { dispatch, configuration in
            var other = dispatch
            let lanes = configuration.partition.lanes(of: configuration.partition.context(of: dispatch.lane))
            other.lane = lanes.lowerBound + (dispatch.lane + 1 - lanes.lowerBound) % lanes.count
            return [dispatch, other]
        },
        dispatches("a stage starts on a busy lane", [.stageOrder]) { dispatch, configuration in
            var dispatch = dispatch
            let partition = configuration.partition
            dispatch.lane = partition.lanes(of: partition.context(of: dispatch.lane)).lowerBound
            return [dispatch]
        },
        dispatches("a stage starts on another context", [.stageOrder]) { dispatch, configuration in
            var dispatch = dispatch
            let partition = configuration.partition
            dispatch.lane = (dispatch.lane + partition.lanesPerContext) % partition.laneCount
            return [dispatch]
        },
        dispatches("a stage is left out", [.stageOrder]) { dispatch, _ in
            var dispatch = dispatch
            if dispatch.jobs[0].sequence % 3 == 2 { dispatch.stage += 1 }
            return [dispatch]
        },
        dispatches("a lane stays idle", [.dispatchOrder]) { dispatch, _ in
            dispatch.jobs[0].sequence % 3 == 2 ? [] : [dispatch]
        },
        dispatches("an LP stage runs on an express lane", [.expressLanes, .stageOrder]) { dispatch, configuration in
            moved(dispatch, of: .low, configuration)
        },
        dispatches("HP runs on an express lane though an ordinary one is free", [.expressLanes, .stageOrder]) {
            moved($0, of: .high, $1)
        },
        dispatches("an express lane stays idle", [.dispatchOrder]) { dispatch, configuration in
            configuration.partition.isExpress(dispatch.lane) ? [] : [dispatch]
        },
        dispatches("a job is called another instance", [.stageOrder]) { dispatch, _ in
            let members = members(dispatch).map { Dispatch.Member($0.job, instance: $0.instance + 1) }
            return [
                Dispatch(stage: dispatch.stage, lane: dispatch.lane, job: members[0], with: Array(members.dropFirst()))
            ]
        },
        dispatches("a batch is in another order", [.batching, .dispatchOrder]) { dispatch, _ in
            let others = members(dispatch).dropFirst().reversed()
            return [
                Dispatch(stage: dispatch.stage, lane: dispatch.lane, job: members(dispatch)[0], with: Array(others))
            ]
        },
        dispatches("a batch has one job too few", [.batching]) { dispatch, _ in
            let others = members(dispatch).dropFirst().dropLast()
            return [
                Dispatch(stage: dispatch.stage, lane: dispatch.lane, job: members(dispatch)[0], with: Array(others))
            ]
        },
    ]

    static let all = ofExecutionTimes + ofPublishedRules + ofConfigurations + ofEvents + ofCommands
}
