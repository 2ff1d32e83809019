import DarisCore
import Foundation

/// Whole numbers in few bytes: zigzag, then seven bits a byte, least significant first; as text in Base64.
///
/// A 60 s run has some 100,000 stage runs; as JSON they would take 8 MB, so they take one. `data.js` reads it.
struct Columns {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func append(_ value: Int) { append(Int64(value)) }
    mutating func append(_ time: Nanoseconds) { append(time.rawValue) }

    var text: String { Data(bytes).base64EncodedString() }
}

extension TimelineHistory {
    /// Jobs and runs as `data.js` reads them.
    ///
    /// Jobs in order of release: their number, then for each the release since the last one, task, sequence number
    /// since the last of its task, deadline less the task's, fate (5 in flight), reason (0 none), context (0 none) × 2 +
    /// migrated, response. Then by lane: the number of runs, for each the start since the end of the last, duration,
    /// stage, job since the last, expected time since the last of that task and stage, how it ended, duration less measured, other jobs.
    func columns(streams: Int, lanes: Int, tasks: [TaskSpecification]) -> Columns {
        let last = Int(JobFate.allCases.count)
        var columns = Columns()
        var places: [Int: Int] = [:]
        let shown = shownJobs
        for (place, index) in shown.enumerated() { places[index] = place }
        columns.append(shown.count)
        var release = from
        var sequences = [Int](repeating: -1, count: tasks.count)
        for index in shown {
            let job = jobs[index]
            columns.append(job.release - release)
            columns.append(job.id.task)
            columns.append(job.id.sequence - sequences[job.id.task] - 1)
            columns.append(job.deadline - job.release - tasks[job.id.task].deadline)
            columns.append(job.fate.map { Int($0.rawValue) } ?? last)
            columns.append(job.reason.map { Int($0.rawValue) + 1 } ?? 0)
            columns.append(job.context.map { ($0 + 1) * 2 + (job.migrated ? 1 : 0) } ?? 0)
            columns.append(job.finish - job.release)
            release = job.release
            sequences[job.id.task] = job.id.sequence
        }
        var byLane = [[Run]](repeating: [], count: lanes)
        for run in runs where run.jobs.first.map({ places[$0] != nil }) == true && run.run.start <= to {
            byLane[run.run.lane].append(run)
        }
        var expected: [JobID: Nanoseconds] = [:]
        for runs in byLane {
            columns.append(runs.count)
            var (time, job) = (from, 0)
            for run in runs {
                let places = run.jobs.compactMap { places[$0] }
                let stage = JobID(task: run.run.jobs[0].task, sequence: run.run.stage)
                columns.append(run.run.start - time)
                columns.append(run.run.duration)
                columns.append(run.run.stage)
                columns.append(places[0] - job)
                columns.append(run.run.expected - expected[stage, default: .zero])
                columns.append(Int(run.run.outcome.rawValue))
                columns.append(run.run.duration - (run.run.measured ?? run.run.duration))
                columns.append(places.count - 1)
                for place in places.dropFirst() { columns.append(place - places[0]) }
                (time, job, expected[stage]) = (run.run.end, places[0], run.run.expected)
            }
        }
        return columns
    }

    /// The jobs that the span has anything of.
    private var shownJobs: [Int] { jobs.indices.filter { jobs[$0].finish >= from && jobs[$0].release <= to } }
}
