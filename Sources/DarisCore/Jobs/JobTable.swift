/// The jobs of all tasks, and when each of their stages is due. The owner of both.
struct JobTable: Sendable {
    private var jobs: ContiguousArray<Job>
    /// By stage of all tasks.
    private var virtualDeadlines: ContiguousArray<Nanoseconds>
    /// By job: the place of its first stage.
    private let firstStages: ContiguousArray<Int>
    private let stageCounts: ContiguousArray<Int>

    /// A table with one job a task, none of them in flight.
    init(_ tasks: [TaskSpecification]) {
        jobs = ContiguousArray(tasks.indices.map { Job(task: $0) })
        stageCounts = ContiguousArray(tasks.map(\.afet.count))
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

    /// The index of a job that is in flight.
    func index(of id: JobID) -> Int? {
        guard jobs.indices.contains(id.task), jobs[id.task].isInFlight, jobs[id.task].sequence == id.sequence else {
            return nil
        }
        return id.task
    }

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
    mutating func move(_ job: Int, _ move: Job.Move) { jobs[job].move(move) }
    mutating func cancel(_ job: Int) { jobs[job].cancel() }

    /// Admits a job and shares its deadline out over its stages (paper equation 3).
    @inline(__always)
    mutating func admit(_ job: Int, _ release: Release, context: Int, _ times: borrowing ExecutionTimes) {
        jobs[job].move(.admitted(release, context: context))
        let (task, first) = (jobs[job].task, firstStages[job])
        let total = times.mret(task)
        var upTo = Nanoseconds.zero
        for stage in 0..<stageCounts[job] {
            upTo += times.mret(task, stage)
            virtualDeadlines[first + stage] = VirtualDeadlines.deadline(
                release: release.time, relativeDeadline: release.relativeDeadline, upTo: upTo, total: total)
        }
    }
}
