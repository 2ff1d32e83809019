#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Writes a run record as JSON Lines into a byte buffer, entry by entry.
///
/// ```
/// {"daris_record":2,"plan":{…},"configuration":{…}}
/// {"t":0,"e":"release","task":3}
/// {"t":0,"c":"admit","task":3,"seq":0,"context":1,"migrated":false}
/// {"t":0,"c":"run","task":3,"seq":0,"stage":0,"lane":2}
/// {"t":812004,"e":"done","lane":2,"task":3,"seq":0,"x":801220}
/// …
/// {"end":10000000000,"entries":51234}
/// ```
///
/// The last line has `microjoules` and `nanoseconds` too where the energy of the run is known, and in what time it was used.
///
/// Events: `release` (with `d` if the job has a deadline of its own), `done` (`x`: execution time), `fail`, `cancel`,
/// `timer`, `lost`, `restored`, `removed`, `added`. Notes (`n`): `trace`, which comes before the release of its job, with the
/// hexadecimal ids `trace` and `parent` of W3C Trace Context. Commands: `admit`, `queue`, `run` (`with`, if other jobs run
/// the stage too: task and sequence number of each, in one array), `end`, `wake`. All times are integer nanoseconds.
///
/// Format 1 had no `with`; each other job stood on a line of its own before the `run`, as `join`.
package struct RunRecordEncoder: Sendable {
    /// The text not yet taken away by `drain`.
    package private(set) var bytes: [UInt8] = []
    private var entries = 0

    /// An encoder that has written the header.
    package init(plan: RunPlan, configuration: SchedulerConfiguration) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do {
            let header = RecordHeader(darisRecord: RunRecord.version, plan: plan, configuration: configuration)
            bytes.append(contentsOf: try encoder.encode(header))
        } catch { preconditionFailure("a plan holds no number that JSON has no word for: \(error)") }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Hands over the text written so far and empties the buffer, keeping its room.
    package mutating func drain(_ write: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeBytes(write)
        bytes.removeAll(keepingCapacity: true)
    }

    /// Writes the last line.
    package mutating func finish(at end: Nanoseconds, energy: RecordedEnergy? = nil) {
        text("{\"end\":")
        number(end.rawValue)
        field(",\"entries\":", entries)
        if let energy {
            text(",\"microjoules\":")
            number(energy.microjoules)
            time(",\"nanoseconds\":", energy.time)
        }
        text("}\n")
    }

    /// Writes a line.
    package mutating func append(_ entry: RecordEntry) {
        entries += 1
        text("{\"t\":")
        number(entry.time.rawValue)
        switch entry.content {
        case .event(let event): append(event)
        case .command(let command): append(command)
        case .trace(let id, let trace):
            text(",\"n\":\"trace\"")
            job(id)
            text(",\"trace\":\"")
            bytes.append(contentsOf: trace.traceID.utf8)
            text("\",\"parent\":\"")
            bytes.append(contentsOf: trace.parentID.utf8)
            text("\"")
        }
        text("}\n")
    }

    private mutating func append(_ event: Event) {
        switch event {
        case .jobReleased(let task, let relativeDeadline):
            field(",\"e\":\"release\",\"task\":", task)
            if let relativeDeadline { time(",\"d\":", relativeDeadline) }
        case .stageCompleted(let lane, let id, let executionTime):
            field(",\"e\":\"done\",\"lane\":", lane)
            job(id)
            time(",\"x\":", executionTime)
        case .stageFailed(let lane, let id):
            field(",\"e\":\"fail\",\"lane\":", lane)
            job(id)
        case .jobCancelled(let id):
            text(",\"e\":\"cancel\"")
            job(id)
        case .timerFired: text(",\"e\":\"timer\"")
        case .contextLost(let context): field(",\"e\":\"lost\",\"context\":", context)
        case .contextRestored(let context): field(",\"e\":\"restored\",\"context\":", context)
        case .taskRemoved(let task): field(",\"e\":\"removed\",\"task\":", task)
        case .taskAdded(let task): field(",\"e\":\"added\",\"task\":", task)
        }
    }

    private mutating func append(_ command: Command) {
        switch command {
        case .admitted(let id, let context, let migrated):
            text(",\"c\":\"admit\"")
            job(id)
            field(",\"context\":", context)
            text(migrated ? ",\"migrated\":true" : ",\"migrated\":false")
        case .queued(let id):
            text(",\"c\":\"queue\"")
            job(id)
        case .dispatch(let dispatch):
            text(",\"c\":\"run\"")
            job(dispatch.jobs[0])
            field(",\"stage\":", dispatch.stage)
            field(",\"lane\":", dispatch.lane)
            guard dispatch.jobs.count > 1 else { break }
            text(",\"with\":[")
            for place in 1..<dispatch.jobs.count {
                field(place > 1 ? "," : "", dispatch.jobs[place].task)
                field(",", dispatch.jobs[place].sequence)
            }
            text("]")
        case .finished(let outcome):
            text(",\"c\":\"end\"")
            job(outcome.job)
            text(",\"fate\":\"")
            text(outcome.fate.recordName)
            text("\",\"reason\":\"")
            text(outcome.reason.recordName)
            text(outcome.priority == .high ? "\",\"priority\":\"HP\"" : "\",\"priority\":\"LP\"")
            time(",\"release\":", outcome.release)
            time(",\"deadline\":", outcome.deadline)
            time(",\"finish\":", outcome.finish)
        case .wake(let at):
            text(",\"c\":\"wake\"")
            time(",\"at\":", at)
        }
    }

    private mutating func job(_ job: JobID) {
        field(",\"task\":", job.task)
        field(",\"seq\":", job.sequence)
    }

    private mutating func field(_ name: StaticString, _ value: Int) {
        text(name)
        number(Int64(value))
    }

    private mutating func time(_ name: StaticString, _ value: Nanoseconds) {
        text(name)
        number(value.rawValue)
    }

    private mutating func text(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func number(_ value: Int64) {
        // Digits come out last first, so they are put together beside the buffer: 19 of them and a sign at most.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = 20
            var rest = value.magnitude
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                first -= 1
                digits[first] = UInt8(ascii: "-")
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }
}

extension JobFate {
    var recordName: StaticString {
        switch self {
        case .rejected: "rejected"
        case .skipped: "skipped"
        case .completed: "completed"
        case .dropped: "dropped"
        case .failed: "failed"
        }
    }
}

extension FateReason {
    var recordName: StaticString {
        switch self {
        case .onTime: "on_time"
        case .late: "late"
        case .noContextFits: "no_context_fits"
        case .previousJobInFlight: "previous_job_in_flight"
        case .queueFull: "queue_full"
        case .deadlinePassed: "deadline_passed"
        case .cancelled: "cancelled"
        case .stageFailed: "stage_failed"
        case .contextLost: "context_lost"
        case .noContextAlive: "no_context_alive"
        case .taskRemoved: "task_removed"
        case .wouldBeLate: "would_be_late"
        }
    }
}
