import DarisCore

/// A recorded run as trace events, the JSON of Perfetto (ui.perfetto.dev) and chrome://tracing: a process for each
/// context, a thread for each lane, a slice for each stage, arrows between the stages of a job, counters of ready
/// stages and active utilisation.
///
/// ```swift
/// try TraceEvents.write(try RunRecordReader(path: "run.jsonl"), version: "0.1.0") { try file.write(contentsOf: $0) }
/// ```
///
/// The trace is written while the record is read, so that neither must fit into memory.
package enum TraceEvents {
    /// Writes the trace in pieces.
    ///
    /// - Returns: A note on a record that ends before its last line; `nil` for a complete one.
    /// - Throws: `RecordError` with the file and the invalid line, or what `write` throws.
    @discardableResult
    package static func write(
        _ reader: consuming RunRecordReader, version: String, to write: @escaping ([UInt8]) throws -> Void
    ) throws -> String? {
        var writer = TraceWriter(try reader.describedConfiguration(), sink: write)
        writer.start(reader.plan, version: version)
        let run = try reader.walk(&writer)
        writer.end(run)
        if let error = writer.failure { throw error }
        return run.cutOff
    }
}

/// A writer of steps as trace events.
private struct TraceWriter: RunFollower {
    /// The size in bytes at which a piece is written.
    private static let pieceSize = 1 << 16

    private let configuration: SchedulerConfiguration
    private let names: [String]
    private let sink: ([UInt8]) throws -> Void
    private(set) var failure: (any Error)?
    private var bytes: [UInt8] = []
    private var isFirst = true
    private var deadlines: [JobID: Nanoseconds] = [:]
    /// The last values of each context's counters.
    private var counters: [(ready: Int, high: Utilisation, low: Utilisation)?]

    init(_ configuration: SchedulerConfiguration, sink: @escaping ([UInt8]) throws -> Void) {
        self.configuration = configuration
        self.sink = sink
        names = configuration.tasks.map(\.name)
        counters = [(ready: Int, high: Utilisation, low: Utilisation)?](
            repeating: nil, count: configuration.partition.contexts)
    }

    // MARK: - Beginning and end

    mutating func start(_ plan: RunPlan, version: String) {
        bytes.append(contentsOf: "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"daris\":\(quoted(version)),".utf8)
        bytes.append(contentsOf: "\"device\":\(quoted(plan.device)),\"simulated\":\(plan.simulated)},".utf8)
        bytes.append(contentsOf: "\"traceEvents\":[".utf8)
        let partition = configuration.partition
        let rows = partition.lanesPerContext
        for context in 0..<partition.contexts {
            let process = "\"ph\":\"M\",\"pid\":\(context + 1)"
            add(process + ",\"name\":\"process_name\",\"args\":{\"name\":\"context \(context)\"}")
            add(process + ",\"name\":\"process_sort_index\",\"args\":{\"sort_index\":\(context)}")
            for lane in 0...rows {
                let name = lane < rows ? partition.laneName(lane) : "jobs"
                let thread = process + ",\"tid\":\(lane + 1)"
                add(thread + ",\"name\":\"thread_name\",\"args\":{\"name\":\"\(name)\"}")
                add(thread + ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":\((lane + 1) % (rows + 1))}")
            }
        }
    }

    mutating func end(_ run: WalkedRun) {
        bytes.append(contentsOf: "\n]}\n".utf8)
        flush()
    }

    // MARK: - Steps

    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler) {
        guard failure == nil else { return }
        if let release = step.release {
            deadlines[release.job] = release.deadline
            instant(
                "release", release.job, at: release.time, context: scheduler.home(of: release.job.task),
                client: release.client)
        }
        switch step.event {
        case .contextLost(let context) where (0..<configuration.partition.contexts).contains(context):
            change("context lost", context, at: step.time)
        case .contextRestored(let context) where (0..<configuration.partition.contexts).contains(context):
            change("context restored", context, at: step.time)
        default: break
        }
        for run in step.ended { slice(run) }
        for case .finished(let outcome) in step.commands {
            if outcome.reason != .onTime {
                let context = step.ended.first { $0.jobs.contains(outcome.job) }.map {
                    configuration.partition.context(of: $0.lane)
                }
                let name = outcome.fate == .completed ? "deadline missed" : "\(outcome.fate)"
                instant(
                    name, outcome.job, at: outcome.finish, context: context ?? scheduler.home(of: outcome.job.task),
                    reason: outcome.reason)
            }
            deadlines[outcome.job] = nil
        }
        for context in counters.indices { count(context, at: step.time, scheduler) }
    }

    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler) {
        for run in running { slice(run) }
    }

    private mutating func count(_ context: Int, at time: Nanoseconds, _ scheduler: borrowing Scheduler) {
        let state = scheduler.context(context)
        let now = (
            ready: scheduler.readyStages(on: context), high: state.highPriority, low: state.activeLowPriority
        )
        let last = counters[context]
        let start = "\"ph\":\"C\",\"pid\":\(context + 1),\"ts\":\(microseconds(time)),\"name\":"
        if last?.ready != now.ready { add(start + "\"ready stages\",\"args\":{\"stages\":\(now.ready)}") }
        if last?.high != now.high || last?.low != now.low {
            add(
                start + "\"active utilisation, lanes\",\"args\":{\"HP\":\(now.high.fraction),"
                    + "\"LP\":\(now.low.fraction)}")
        }
        counters[context] = now
    }

    // MARK: - Events

    /// Adds a run on a lane, with the arrows of its jobs.
    private mutating func slice(_ run: StageRun) {
        let partition = configuration.partition
        let place = "\"pid\":\(partition.context(of: run.lane) + 1),\"tid\":\(partition.place(of: run.lane) + 1)"
        let (leader, stages) = (run.jobs[0], configuration.tasks[run.jobs[0].task].afet.count)
        let isBatch = run.jobs.count > 1
        let batch = isBatch ? " × \(run.jobs.count) jobs" : ""
        var arguments = ["\"job\":\(quoted(label(leader)))"]
        if isBatch { arguments.append("\"batch\":[\(run.jobs.map { quoted(label($0)) }.joined(separator: ","))]") }
        arguments.append("\"stage\":\(run.stage + 1),\"stages\":\(stages),\"outcome\":\"\(run.outcome)\"")
        arguments.append("\"\(isBatch ? "expected_ms" : "mret_ms")\":\(run.expected.inMilliseconds)")
        if let measured = run.measured { arguments.append("\"execution_ms\":\(measured.inMilliseconds)") }
        if let deadline = deadlines[leader] { arguments.append("\"deadline_s\":\(deadline.inSeconds)") }
        add(
            "\"ph\":\"X\",\(place),\"ts\":\(microseconds(run.start)),\"dur\":\(microseconds(run.duration)),"
                + "\"cat\":\"\(configuration.tasks[leader.task].priority.name)\","
                + "\"name\":\(quoted("\(names[leader.task]) \(run.stage + 1)/\(stages)\(batch)")),"
                + "\"args\":{\(arguments.joined(separator: ","))}")
        guard stages > 1 else { return }
        let kind = run.stage == 0 ? "\"s\"" : run.stage == stages - 1 ? "\"f\",\"bp\":\"e\"" : "\"t\""
        for job in run.jobs {
            add(
                "\"ph\":\(kind),\(place),\"ts\":\(microseconds(run.start)),\"cat\":\"job\",\"name\":\"job\","
                    + "\"id\":\(job.sequence * names.count + job.task)")
        }
    }

    /// Adds an instant of a job, on the jobs row of its context.
    private mutating func instant(
        _ name: String, _ job: JobID, at time: Nanoseconds, context: Int, reason: FateReason? = nil,
        client: TraceContext? = nil
    ) {
        let deadline = deadlines[job].map { ",\"deadline_s\":\($0.inSeconds)" } ?? ""
        let trace =
            client.map { ",\"trace_id\":\"\($0.traceID)\",\"parent_id\":\"\($0.parentID)\"" } ?? ""
        let why = reason.map { ",\"reason\":\(quoted($0.text))" } ?? ""
        add(
            "\"ph\":\"i\",\"s\":\"t\",\"pid\":\(context + 1),\"tid\":\(configuration.partition.lanesPerContext + 1),"
                + "\"ts\":\(microseconds(time)),\"cat\":\"\(configuration.tasks[job.task].priority.name)\","
                + "\"name\":\(quoted("\(name): \(names[job.task])")),"
                + "\"args\":{\"job\":\(quoted(label(job)))\(deadline)\(trace)\(why)}")
    }

    private mutating func change(_ name: String, _ context: Int, at time: Nanoseconds) {
        add(
            "\"ph\":\"i\",\"s\":\"p\",\"pid\":\(context + 1),\"tid\":1,\"ts\":\(microseconds(time)),\"name\":\"\(name)\""
        )
    }

    // MARK: - Text

    private mutating func add(_ members: String) {
        bytes.append(contentsOf: (isFirst ? "\n{" : ",\n{").utf8)
        bytes.append(contentsOf: members.utf8)
        bytes.append(UInt8(ascii: "}"))
        isFirst = false
        if bytes.count >= Self.pieceSize { flush() }
    }

    private mutating func flush() {
        guard failure == nil else { return }
        do { try sink(bytes) } catch { failure = error }
        bytes.removeAll(keepingCapacity: true)
    }

    private func label(_ job: JobID) -> String { "\(names[job.task]) #\(job.sequence)" }

    /// Whole nanoseconds as the microseconds of the format: 812004 is 812.004.
    private func microseconds(_ time: Nanoseconds) -> String {
        let fraction = String(time.rawValue.magnitude % 1000)
        return (time.rawValue < 0 ? "-" : "") + "\(time.rawValue.magnitude / 1000)."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    /// A text as JSON.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
