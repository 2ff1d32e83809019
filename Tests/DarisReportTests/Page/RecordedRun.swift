import DarisCore
import Foundation

/// A small run, driven by hand, as a record: stages take what `times` says, unless they fail.
struct RecordedRun {
    var tasks: [TaskSpecification]
    var partition = Partition(contexts: 1, streams: 1, oversubscription: 1)
    var options = SchedulerOptions()
    var groups: [BatchGroup]?
    /// What happens from outside, in order of time.
    var events: [(ms: Double, event: Event)]
    /// Execution time of a stage of a job, in ms; AFET if `nil`.
    var times: (JobID, Int) -> Double? = { _, _ in nil }
    var fails: (JobID, Int) -> Bool = { _, _ in false }
    /// Whose traces jobs belong to.
    var traces: [JobID: TraceContext] = [:]
    var isSimulated = true
    var energy: RecordedEnergy?
    /// When the run stops, whatever is in flight.
    var stopMs = Double.infinity

    static func task(
        _ name: String, _ priority: Priority, periodMs: Int64 = 100, deadlineMs: Int64? = nil, stagesMs: [Double],
        late: LatenessRule = .run, overrun: OverrunRule = .skip, group: Int? = nil
    ) -> TaskSpecification {
        TaskSpecification(
            name: name, period: .milliseconds(periodMs), deadline: deadlineMs.map { .milliseconds($0) },
            priority: priority, lateness: late, overrun: overrun, afet: stagesMs.map { .seconds($0 / 1e3) },
            batchGroup: group)
    }

    func record() throws -> RunRecord {
        var configuration = try SchedulerConfiguration(
            partition: partition, tasks: tasks, options: options, batchGroups: groups)
        configuration.options = options
        var scheduler = Scheduler(configuration)
        var commands = CommandBuffer()
        var entries = ContiguousArray<RecordEntry>()
        var pending = events.map { (time: Nanoseconds.seconds($0.ms / 1e3), event: $0.event) }
        var end = Nanoseconds.zero
        while let place = pending.indices.min(by: { (pending[$0].time, $0) < (pending[$1].time, $1) }) {
            let (time, event) = pending.remove(at: place)
            guard time.inMilliseconds < stopMs else { break }
            end = time
            if case .jobReleased(let task, _) = event {
                let job = JobID(task: task, sequence: scheduler.releasedJobs(of: task))
                if let trace = traces[job] { entries.append(RecordEntry(time, job, trace)) }
            }
            scheduler.handle(event, at: time, into: &commands)
            entries.append(RecordEntry(time, event))
            for command in commands {
                entries.append(RecordEntry(time, command))
                switch command {
                case .dispatch(let dispatch):
                    let (job, stage, lane) = (dispatch.jobs[0], dispatch.stage, dispatch.lane)
                    let spent = times(job, stage).map { Nanoseconds.seconds($0 / 1e3) } ?? tasks[job.task].afet[stage]
                    let event: Event =
                        fails(job, stage)
                        ? .stageFailed(lane: lane, job: job)
                        : .stageCompleted(lane: lane, job: job, executionTime: spent)
                    pending.append((time + spent, event))
                case .wake(let time): pending.append((time, .timerFired))
                default: break
                }
            }
        }
        let plan = RunPlan(
            configuration, models: tasks.map { _ in "net" }, device: "Test device", unitName: "cores", units: 2,
            kind: .cores, contextUnits: (0..<partition.contexts).map { [$0] }, simulated: isSimulated, load: nil,
            duration: .milliseconds(200), seed: 7, notes: ["a <note>"])
        return RunRecord(plan: plan, configuration: configuration, entries: entries, end: end, energy: energy)
    }

    func reader() throws -> RunRecordReader {
        try RunRecordReader(Data(try record().encoded()), file: "run.jsonl")
    }

    /// Every fate a job can have, in 200 ms.
    static var eventful: RecordedRun {
        var run = RecordedRun(
            tasks: [
                task("front", .high, deadlineMs: 30, stagesMs: [5, 5]),
                task("</script>\"τ\\", .low, deadlineMs: 20, stagesMs: [20, 20]),
                task("drops", .low, deadlineMs: 15, stagesMs: [9, 9], late: .drop),
                task("big", .low, stagesMs: [95]),
                task("queue", .low, stagesMs: [4], overrun: .queue(limit: 1)),
                task("other", .high, stagesMs: [4, 4]),
            ],
            partition: Partition(contexts: 2, streams: 1, oversubscription: 2),
            events: [
                (0, .jobReleased(task: 0)), (0, .jobReleased(task: 1)), (1, .jobReleased(task: 2)),
                (2, .jobReleased(task: 3)), (3, .jobReleased(task: 0)), (4, .jobReleased(task: 4)),
                (4.5, .jobReleased(task: 4)), (4.6, .jobReleased(task: 4)), (60, .jobReleased(task: 0)),
                (61, .jobReleased(task: 4)), (62, .jobCancelled(JobID(task: 4, sequence: 3))),
                (100, .jobReleased(task: 0)), (101, .jobReleased(task: 1)), (101, .jobReleased(task: 5)),
                (102, .contextLost(1)),
                (110, .contextRestored(1)), (120, .jobReleased(task: 0)), (140, .taskRemoved(4)),
                (141, .jobReleased(task: 4)),
                (151, .jobReleased(task: 1)), (170, .jobReleased(task: 0)),
            ])
        run.times = { job, stage in job == JobID(task: 0, sequence: 2) && stage == 1 ? 40 : nil }
        run.fails = { job, _ in job == JobID(task: 0, sequence: 4) }
        run.stopMs = 178
        return run
    }
}
