import DequeModule
import HeapModule

/// The DARIS scheduler: a deterministic state machine that does no I/O.
///
/// Events go in with their time, commands come out; it has no clock, thread, lock or random source. A real-time executor
/// and a simulator drive the very same object.
///
/// ```swift
/// var scheduler = Scheduler(try SchedulerConfiguration(partition: partition, tasks: tasks))
/// var commands = CommandBuffer()
/// scheduler.handle(.jobReleased(task: 0), at: .zero, into: &commands)
/// for command in commands { … }
/// ```
///
/// An event costs O(log n) in the number of ready stages, plus O(stages) at an admission and O(contexts) at a
/// migration. Nothing is allocated once queues have reached their greatest length.
///
/// Source: Fakhim Babaei and Chantem, *DARIS*, arXiv 2504.08795, sections III and IV.
public struct Scheduler: ~Copyable, Sendable {
    /// What the scheduler was made from.
    public let configuration: SchedulerConfiguration
    /// Fates of all jobs so far.
    public private(set) var counts = JobCounts()
    /// Jobs that went to another context than their task's own.
    public private(set) var migrations = 0
    /// The time of the latest event.
    public private(set) var now = Nanoseconds.zero

    let options: SchedulerOptions
    let streams: Int
    var tasks: ContiguousArray<TaskState>
    var contexts: ContiguousArray<Admission.Context>
    var queues: ContiguousArray<ReadyQueue>
    /// The task whose stage runs on each lane, or -1.
    var running: ContiguousArray<Int>
    var idleLanes: ContiguousArray<Int>
    var windows: ExecutionTimeWindows
    /// When each stage of the job in flight is due.
    var virtualDeadlines: ContiguousArray<Nanoseconds>
    var waiting: ContiguousArray<Deque<WaitingRelease>>
    /// The deadlines at which jobs under `late: drop` are given up; those of jobs that have ended are cleared out when
    /// there are `dropTimerLimit` of them.
    var dropTimers = Heap<DropTimer>()
    var dropTimerLimit: Int
    var requestedWake = Nanoseconds.distantFuture
    var batches: Batches

    /// A scheduler at rest.
    ///
    /// - Precondition: `configuration.validate()` passes, as it does for one made by its throwing initializer.
    public init(_ configuration: SchedulerConfiguration) {
        do { try configuration.validate() } catch { preconditionFailure(error.description) }
        self.configuration = configuration
        options = configuration.options
        streams = configuration.partition.streams
        let contextCount = configuration.partition.contexts

        var tasks = ContiguousArray<TaskState>()
        var stageCount = 0
        for (task, home) in zip(configuration.tasks, configuration.homes) {
            tasks.append(TaskState(task, home: home, firstStage: stageCount))
            stageCount += task.afet.count
        }
        var contexts = ContiguousArray(repeating: Admission.Context(), count: contextCount)
        for task in tasks where task.priority == .high { contexts[task.home].highPriority += task.utilisation }
        self.tasks = tasks
        self.contexts = contexts
        queues = ContiguousArray((0..<contextCount).map { _ in ReadyQueue(capacity: min(tasks.count, 1024)) })
        running = ContiguousArray(repeating: -1, count: contextCount * streams)
        idleLanes = ContiguousArray(repeating: streams, count: contextCount)
        windows = ExecutionTimeWindows(
            afet: configuration.tasks.lazy.flatMap(\.afet), size: options.windowSize,
            keepsAllTimeMaximum: options.worstCaseExecutionTime)
        virtualDeadlines = ContiguousArray(repeating: .zero, count: stageCount)
        waiting = ContiguousArray(repeating: Deque(), count: tasks.count)
        batches = Batches(configuration)
        dropTimerLimit = 2 * tasks.count + 64
        dropTimers.reserveCapacity(min(dropTimerLimit, 4096))
    }

    /// Takes in an event and decides.
    ///
    /// - Parameters:
    ///   - event: what happened.
    ///   - time: when; a time before that of the event before counts as that one, so clocks need not be exact. A job's
    ///     release is taken as given, even if the news of it came late.
    ///   - commands: emptied, then filled with what is to be done, in order.
    public mutating func handle(_ event: Event, at time: Nanoseconds, into commands: inout CommandBuffer) {
        commands.removeAll(keepingCapacity: true)
        if time > now { now = time }
        switch event {
        case .jobReleased(let task, let relativeDeadline):
            release(task, at: time, relativeDeadline: relativeDeadline, into: &commands)
        case .stageCompleted(let lane, let job, let executionTime):
            complete(lane: lane, job: job, executionTime: executionTime, into: &commands)
        case .stageFailed(let lane, let job):
            guard free(lane: lane, job: job) else { break }
            if batches.isOn, batches.hasMembers(job.task) {
                separate(job.task, lane: lane, into: &commands)
                break
            }
            finish(job.task, .failed, .stageFailed, preferring: lane, into: &commands)
            fill(lane / streams, preferring: lane, into: &commands)
        case .jobCancelled(let job):
            cancel(job, into: &commands)
        case .timerFired:
            dropOverdueJobs(into: &commands)
        case .contextLost(let context):
            lose(context, into: &commands)
        case .contextRestored(let context):
            restore(context)
        case .taskRemoved(let task):
            remove(task, into: &commands)
        case .taskAdded(let task):
            add(task)
        }
        requestWake(into: &commands)
        assert(invariantViolation() == nil, invariantViolation() ?? "")
    }

    // MARK: - Release

    private mutating func release(
        _ task: Int, at time: Nanoseconds, relativeDeadline: Nanoseconds?, into commands: inout CommandBuffer
    ) {
        precondition(tasks.indices.contains(task), "there is no task \(task)")
        counts.recordRelease()
        let sequence = tasks[task].released
        tasks[task].released += 1
        let release = WaitingRelease(
            sequence: sequence, release: time,
            relativeDeadline: SchedulerConfiguration.clamped(relativeDeadline ?? tasks[task].relativeDeadline))
        guard tasks[task].isIn else { return end(task, release, .rejected, .taskRemoved, into: &commands) }
        guard tasks[task].phase == .idle else {
            if waiting[task].count < tasks[task].queueLimit {
                waiting[task].append(release)
                if tasks[task].dropsLateJobs { addDropTimer(task, release) }
                commands.append(.queued(JobID(task: task, sequence: sequence)))
            } else {
                end(
                    task, release, .skipped, tasks[task].queueLimit == 0 ? .previousJobInFlight : .queueFull,
                    into: &commands)
            }
            return
        }
        start(task, release, preferring: nil, into: &commands)
        if tasks[task].dropsLateJobs && tasks[task].phase != .idle { addDropTimer(task, release) }
    }

    /// Admits a release, or turns it away.
    private mutating func start(
        _ task: Int, _ release: WaitingRelease, preferring lane: Int?, into commands: inout CommandBuffer
    ) {
        if tasks[task].dropsLateJobs && release.release + release.relativeDeadline <= now {
            return end(task, release, .dropped, .deadlinePassed, into: &commands)
        }
        guard let context = admissibleContext(for: task) else {
            if contexts.contains(where: \.isAlive) {
                if options.forgetting && !couldFit(task) { forgetOldestSamples(of: task) }
                if batches.isOn, contexts[tasks[task].home].activeLowPriority == .zero {
                    contexts[tasks[task].home].caution.loosen()
                }
                end(task, release, .rejected, .noContextFits, into: &commands)
            } else {
                let fate: JobFate = tasks[task].priority == .high ? .failed : .rejected
                end(task, release, fate, .noContextAlive, into: &commands)
            }
            return
        }
        let migrated = context != tasks[task].home
        if migrated { migrations += 1 }
        commands.append(
            .admitted(JobID(task: task, sequence: release.sequence), context: context, migrated: migrated))

        tasks[task].sequence = release.sequence
        tasks[task].release = release.release
        tasks[task].deadline = release.release + release.relativeDeadline
        tasks[task].context = context
        tasks[task].stage = 0
        tasks[task].isCancelled = false
        if batches.isOn { batches.setRunsAlone(task, false) }
        if tasks[task].priority == .low { contexts[context].activeLowPriority += tasks[task].utilisation }
        shareOutDeadline(task, release)
        makeReady(task, predecessorWasLate: false)
        fill(context, preferring: lane, into: &commands)
    }

    /// The context a job of the task may run on now (`Admission`), or `nil` if none.
    func admissibleContext(for index: Int) -> Int? {
        let task = tasks[index]
        let mustPass = task.priority == .low && options.policy == .daris && options.admission
        guard mustPass else { return contexts[task.home].isAlive ? task.home : nil }
        if contexts[task.home].admits(task.utilisation, streams: streams) { return task.home }
        guard options.migration else { return nil }
        return Admission.migrationTarget(
            from: task.home, utilisation: task.utilisation, executionTime: task.mret, streams: streams,
            contexts: contexts)
    }

    private mutating func shareOutDeadline(_ index: Int, _ release: WaitingRelease) {
        let (first, count, total) = (tasks[index].firstStage, tasks[index].stageCount, tasks[index].mret)
        var upTo = Nanoseconds.zero
        for stage in first..<first + count {
            upTo += windows[stage]
            virtualDeadlines[stage] = VirtualDeadlines.deadline(
                release: release.release, relativeDeadline: release.relativeDeadline, upTo: upTo, total: total)
        }
        contexts[tasks[index].context].work += batches.isOn ? batches.taskCosts[index] : total
    }

    // MARK: - Stages

    mutating func makeReady(_ index: Int, predecessorWasLate: Bool) {
        tasks[index].phase = .ready
        tasks[index].predecessorWasLate = predecessorWasLate
        let entry = entry(index)
        queues[tasks[index].context].insert(entry)
        if batches.isOn {
            batches.insert(candidate(entry), stage: tasks[index].stage, context: tasks[index].context)
        }
    }

    /// The place of a task's current stage in the order of its context.
    func entry(_ index: Int) -> ReadyQueue.Entry {
        let task = tasks[index]
        let (level, due): (UInt8, Nanoseconds) =
            switch options.policy {
            case .daris where options.fixedPriority:
                (
                    ReadyQueue.level(
                        task.priority, isLast: options.lastStageLevel && task.isAtLastStage,
                        isLate: options.lateLevel && task.predecessorWasLate),
                    virtualDeadlines[task.currentStage]
                )
            case .daris: (0, virtualDeadlines[task.currentStage])
            case .edf: (0, task.deadline)
            case .fifo: (0, task.release)
            }
        return ReadyQueue.Entry(level: level, virtualDeadline: due, release: task.release, task: index)
    }

    /// Starts ready stages while the context has a free lane; the lane that has just become free goes first, since its
    /// thread is awake.
    mutating func fill(_ context: Int, preferring lane: Int?, into commands: inout CommandBuffer) {
        guard contexts[context].isAlive else { return }
        while idleLanes[context] > 0, let next = queues[context].popFirst() {
            let chosen =
                if let lane, lane / streams == context, running[lane] < 0 { lane } else { firstIdleLane(of: context) }
            assert(!tasks.indices.contains { isReady($0, on: context) && $0 != next.task && entry($0) < next })
            running[chosen] = next.task
            idleLanes[context] -= 1
            tasks[next.task].phase = .running
            tasks[next.task].lane = chosen
            if batches.isOn {
                batches.noteDispatch(lane: chosen, at: now)
                gather(next, lane: chosen, into: &commands)
            }
            commands.append(
                .dispatch(
                    job: JobID(task: next.task, sequence: tasks[next.task].sequence), stage: tasks[next.task].stage,
                    lane: chosen))
        }
    }

    private func firstIdleLane(of context: Int) -> Int {
        var lane = context * streams
        while running[lane] >= 0 { lane += 1 }
        return lane
    }

    private func isReady(_ index: Int, on context: Int) -> Bool {
        tasks[index].phase == .ready && tasks[index].context == context
    }

    private mutating func complete(
        lane: Int, job: JobID, executionTime: Nanoseconds, into commands: inout CommandBuffer
    ) {
        guard free(lane: lane, job: job) else { return }
        if batches.isOn {
            return completeTogether(lane: lane, leader: job.task, executionTime: executionTime, into: &commands)
        }
        let (index, context, stage) = (job.task, tasks[job.task].context, tasks[job.task].currentStage)
        // The context's work counts the MRET from before this sample. That of the stages to come cannot change while the
        // job is in flight: only the job itself could bring new samples of them.
        contexts[context].work -= windows[stage]
        let changed = windows.record(SchedulerConfiguration.clamped(executionTime), stage: stage)
        if changed != .zero {
            tasks[index].mret += changed
            utilisationChanged(index, executionTime: tasks[index].mret)
        }

        if tasks[index].isAtLastStage {
            tasks[index].stage += 1
            let reason = now > tasks[index].deadline ? FateReason.late : .onTime
            finish(index, .completed, reason, preferring: lane, into: &commands)
        } else {
            tasks[index].stage += 1
            if tasks[index].isCancelled {
                finish(index, .dropped, .cancelled, preferring: lane, into: &commands)
            } else if tasks[index].dropsLateJobs && now >= tasks[index].deadline {
                finish(index, .dropped, .deadlinePassed, preferring: lane, into: &commands)
            } else {
                makeReady(index, predecessorWasLate: now > virtualDeadlines[stage])
            }
        }
        fill(context, preferring: lane, into: &commands)
    }

    /// Makes a lane idle whose stage has ended; `false` if that stage is not the one running there (a message from
    /// before its context was lost).
    private mutating func free(lane: Int, job: JobID) -> Bool {
        guard running.indices.contains(lane), job.task >= 0, running[lane] == job.task,
            tasks[job.task].sequence == job.sequence
        else {
            return false
        }
        running[lane] = -1
        idleLanes[lane / streams] += 1
        return true
    }

    /// What a stage adds to the work of its context: its MRET, or what it costs where jobs may share that.
    func load(of stage: Int) -> Nanoseconds { batches.isOn ? batches.costs[stage] : windows[stage] }

    /// uᵢ follows the time that a job of the task in flight keeps a lane busy.
    mutating func utilisationChanged(_ index: Int, executionTime: Nanoseconds) {
        let before = tasks[index].utilisation
        let after = Utilisation(executionTime: executionTime, period: tasks[index].period)
        tasks[index].utilisation = after
        switch tasks[index].priority {
        case .high: if tasks[index].isIn { contexts[tasks[index].home].highPriority += after - before }
        case .low: contexts[tasks[index].context].activeLowPriority += after - before
        }
    }

    // MARK: - Ends

    /// Ends the job in flight of a task, then starts the release that waits behind it, if any.
    ///
    /// Its lane is idle (`lane`, if it has just become so) and it is in no queue by now; its stages from the current one
    /// on leave the context's work.
    mutating func finish(
        _ index: Int, _ fate: JobFate, _ reason: FateReason, preferring lane: Int?, into commands: inout CommandBuffer
    ) {
        conclude(index, fate, reason, into: &commands)
        startWaiting(index, preferring: lane, into: &commands)
    }

    /// Ends the job in flight of a task.
    mutating func conclude(_ index: Int, _ fate: JobFate, _ reason: FateReason, into commands: inout CommandBuffer) {
        let context = tasks[index].context
        for stage in tasks[index].currentStage..<tasks[index].firstStage + tasks[index].stageCount {
            contexts[context].work -= load(of: stage)
        }
        if tasks[index].priority == .low {
            contexts[context].activeLowPriority -= tasks[index].utilisation
            if batches.isOn { learnCaution(index, reason) }
        }
        tasks[index].phase = .idle
        counts.recordEnd(fate)
        commands.append(
            .finished(
                JobOutcome(
                    job: JobID(task: index, sequence: tasks[index].sequence), fate: fate, reason: reason,
                    priority: tasks[index].priority, release: tasks[index].release, deadline: tasks[index].deadline,
                    finish: now)))
    }

    /// Starts the release that waits behind the job that a task has just ended, if any.
    mutating func startWaiting(_ index: Int, preferring lane: Int?, into commands: inout CommandBuffer) {
        while tasks[index].phase == .idle, let next = waiting[index].popFirst() {
            start(index, next, preferring: lane, into: &commands)
        }
    }

    /// Ends a job that never got in flight.
    mutating func end(
        _ index: Int, _ release: WaitingRelease, _ fate: JobFate, _ reason: FateReason,
        into commands: inout CommandBuffer
    ) {
        counts.recordEnd(fate)
        commands.append(
            .finished(
                JobOutcome(
                    job: JobID(task: index, sequence: release.sequence), fate: fate, reason: reason,
                    priority: tasks[index].priority, release: release.release,
                    deadline: release.release + release.relativeDeadline, finish: now)))
    }
}
