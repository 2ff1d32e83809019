#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Everything the scheduler of a run was told and everything it decided, so that the run can be looked at, drawn, and
/// replayed.
///
/// ```swift
/// let record = try RunRecord.read(path: "run.jsonl")
/// if let mismatch = record.replay() { print(mismatch) }
/// ```
///
/// As text it is JSON Lines: a header with the plan and the scheduler's configuration, one line an entry, and a last line
/// that says how many there are. `RunRecordEncoder` has the format.
package struct RunRecord: Sendable, Hashable {
    /// What the run was about to do.
    package var plan: RunPlan
    /// What its scheduler was made from.
    package var configuration: SchedulerConfiguration
    /// Events and commands in the order in which they happened: each event, then its commands.
    package var entries: ContiguousArray<RecordEntry>
    /// When the run ended.
    package var end: Nanoseconds
    /// The energy of the run; `nil` where it is not known.
    package var energy: RecordedEnergy?

    /// The version of the format that is written; version 1 is read too.
    package static let version = 2
    /// The latest time a record may hold: about 146 years.
    package static let latestTime = Nanoseconds(1 << 62)

    /// A record of a run.
    package init(
        plan: RunPlan, configuration: SchedulerConfiguration, entries: ContiguousArray<RecordEntry>, end: Nanoseconds,
        energy: RecordedEnergy? = nil
    ) {
        self.plan = plan
        self.configuration = configuration
        self.entries = entries
        self.end = end
        self.energy = energy
    }

    /// Reads a record file.
    ///
    /// - Throws: `RecordError` with the file, the line, and what would be right.
    package static func read(path: String) throws(RecordError) -> RunRecord {
        var reader = try RunRecordReader(path: path)
        return try reader.readAll()
    }

    /// Reads a record from its text. `file` is named in errors. O(bytes).
    package static func read(bytes: [UInt8], file: String = "record") throws(RecordError) -> RunRecord {
        var reader = try RunRecordReader(Data(bytes), file: file)
        return try reader.readAll()
    }

    /// The record as text.
    package func encoded() -> [UInt8] {
        var encoder = RunRecordEncoder(plan: plan, configuration: configuration)
        for entry in entries { encoder.append(entry) }
        encoder.finish(at: end, energy: energy)
        return encoder.bytes
    }
}

/// The energy of a run, of the whole device: counted by it, or of a simulated run the prediction of the device's model.
package struct RecordedEnergy: Sendable, Hashable {
    /// In millionths of a joule.
    package var microjoules: Int64
    /// The time in which it was used.
    package var time: Nanoseconds

    /// An energy in J, used in a time in s.
    package init(joules: Double, seconds: Double) {
        func limited(_ value: Double, to limit: Double) -> Double { value.isNaN ? 0 : min(max(value, 0), limit) }
        microjoules = Int64((limited(joules, to: 1e12) * 1e6).rounded())
        time = Nanoseconds.seconds(limited(seconds, to: RunRecord.latestTime.inSeconds))
    }

    init(microjoules: Int64, time: Nanoseconds) {
        self.microjoules = microjoules
        self.time = time
    }

    /// In J.
    package var joules: Double { Double(microjoules) / 1e6 }
}

/// The first line of a record.
struct RecordHeader: Codable {
    var darisRecord: Int
    var plan: RunPlan
    var configuration: SchedulerConfiguration
}

/// One line of a run record: what happened to the scheduler, or what it decided, and when. Small, so that a driver
/// can keep millions of them in one buffer; the entry of a batch shares the storage of its jobs with the command.
package struct RecordEntry: Hashable, Sendable {
    /// An event that went in, a command that came out, or what is known besides.
    package enum Content: Hashable, Sendable {
        case event(Event)
        case command(Command)
        /// Whose trace the job belongs to that is released next.
        case trace(JobID, TraceContext)
    }

    /// The time with which the event was handed to the scheduler; that of a command is its event's.
    package var time: Nanoseconds
    /// What happened or was decided.
    package var content: Content

    /// An event that went in.
    @inlinable
    package init(_ time: Nanoseconds, _ event: Event) {
        self.time = time
        content = .event(event)
    }

    /// Whose trace a job belongs to.
    @inlinable
    package init(_ time: Nanoseconds, _ job: JobID, _ trace: TraceContext) {
        self.time = time
        content = .trace(job, trace)
    }

    /// A command that came out.
    @inlinable
    package init(_ time: Nanoseconds, _ command: Command) {
        self.time = time
        content = .command(command)
    }
}
