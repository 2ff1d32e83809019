/// One job for each instance of each task, and when each of its stages is due. The owner of both.
struct JobTable: Sendable {
    private var jobs: ContiguousArray<Job>
    /// By stage of all tasks.
    private var virtualDeadlines: ContiguousArray<Nanoseconds>
    /// By job: the place of its first stage.
    private let firstStages: ContiguousArray<Int>
    private var stageCounts: ContiguousArray<Int>

    /// By task: its instances, and how many of them have a job in flight.
    private var instances: ContiguousArray<Range<Int>>
    /// By task: as many instances as a task in its place may have.
    private let rooms: ContiguousArray<Range<Int>>
    private var inFlight: ContiguousArray<Int>

    /// A table of jobs, none of them in flight.
    init(_ configuration: SchedulerConfiguration) {
        let tasks = configuration.tasks
        instances = ContiguousArray(configuration.instances)
        rooms = instances
        inFlight = ContiguousArray(repeating: 0, count: tasks.count)
        jobs = ContiguousArray(
            zip(tasks.indices, instances).flatMap { task, range in range.map { _ in Job(task: task) } })
        stageCounts = ContiguousArray(jobs.map { tasks[$0.task].afet.count })
        var count = 0
        var firsts = ContiguousArray<Int>()
        for stages in stageCounts {
            firsts.append(count)
            count += stages
        }
        firstStages = firsts
        virtualDeadlines = ContiguousArray(repeating: .zero, count: count)
    }

    var indices: Range<Int> { jobs.indices }
    subscript(job: Int) -> Job {
        @inline(__always) _read { yield jobs[job] }
    }

    /// The index of a job that is in flight. O(instances).
    func index(of id: JobID) -> Int? {
        guard instances.indices.contains(id.task) else { return nil }
        return instances[id.task].first { jobs[$0].isInFlight && jobs[$0].sequence == id.sequence }
    }

    /// A job as a member of a dispatch.
    @inline(__always)
    func member(_ job: Int) -> Dispatch.Member { Dispatch.Member(jobs[job].id, instance: job) }

    /// How many jobs of a task are in flight.
    @inline(__always)
    func inFlight(of task: Int) -> Int { inFlight[task] }
    /// Whether a task may have another job in flight.
    @inline(__always)
    func hasRoom(for task: Int) -> Bool { inFlight[task] < instances[task].count }

    @inline(__always)
    func isAtLastStage(_ job: Int) -> Bool { jobs[job].stage == stageCounts[job] - 1 }
    @inline(__always)
    func isDone(_ job: Int) -> Bool { jobs[job].stage == stageCounts[job] }

    /// The stages of a job from its current one on.
    @inline(__always)
    func stagesLeft(_ job: Int) -> Range<Int> { jobs[job].stage..<stageCounts[job] }

    /// When the current stage of a job is due.
    @inline(__always)
    func virtualDeadline(_ job: Int) -> Nanoseconds { virtualDeadline(job, stage: jobs[job].stage) }
    func virtualDeadline(_ job: Int, stage: Int) -> Nanoseconds { virtualDeadlines[firstStages[job] + stage] }

    @inline(__always)
    mutating func move(_ job: Int, _ move: Job.Move) {
        jobs[job].move(move)
        if case .ended = move { inFlight[jobs[job].task] -= 1 }
    }
    mutating func cancel(_ job: Int) { jobs[job].cancel() }

    /// Admits a job and shares its deadline out over its stages (paper equation 3).
    @inline(__always)
    mutating func admit(_ job: Int, _ release: Release, context: Int, _ times: borrowing ExecutionTimes) {
        jobs[job].move(.admitted(release, context: context))
        inFlight[jobs[job].task] += 1
        let (task, first) = (jobs[job].task, firstStages[job])
        let total = times.mret(task)
        var upTo = Nanoseconds.zero
        for stage in 0..<stageCounts[job] {
            upTo += times.mret(task, stage)
            virtualDeadlines[first + stage] = VirtualDeadlines.deadline(
                release: release.time, relativeDeadline: release.relativeDeadline, upTo: upTo, total: total)
        }
    }

    /// Puts another task in the place of one that has no job in flight.
    mutating func replace(_ task: Int, with specification: TaskSpecification) {
        for job in rooms[task] {
            jobs[job] = Job(task: task)
            stageCounts[job] = specification.afet.count
        }
        instances[task] = rooms[task].prefix(specification.instances)
    }

    /// Whether the jobs in flight are counted right, in words if not.
    func violation() -> String? {
        for task in instances.indices {
            let found = instances[task].count { jobs[$0].isInFlight }
            if found != inFlight[task] { return "task \(task) has \(found) jobs in flight, not \(inFlight[task])" }
        }
        return nil
    }
}

/// Virtual deadlines: a job's deadline shared out over its stages in proportion to MRET (paper equation 3).
package enum VirtualDeadlines {
    /// The virtual deadline of a stage: r + D · (Σ_{l≤j} mretᵢₗ) / (Σ_l mretᵢₗ).
    ///
    /// - Parameters:
    ///   - release: r, when the job was released.
    ///   - relativeDeadline: D, the time it has.
    ///   - upTo: the sum of MRET over the stages up to this one, itself included.
    ///   - total: the sum of MRET over all stages. Where it is zero nothing is known, and every stage has all of D.
    @inlinable
    package static func deadline(
        release: Nanoseconds, relativeDeadline: Nanoseconds, upTo: Nanoseconds, total: Nanoseconds
    ) -> Nanoseconds {
        guard total > .zero else { return release + relativeDeadline }
        return release + relativeDeadline.scaled(by: upTo.rawValue, over: total.rawValue)
    }
}
