import DarisCore

/// When the jobs of a task come, as a task set declares it.
///
/// ```yaml
/// tasks:
///   - {name: front, model: resnet18, rate: 20 Hz, priority: high, arrival: {jitter: 5 ms}}
///   - {name: door, model: resnet18, rate: 20 Hz, priority: low, arrival: {trace: times.txt}}
/// ```
package enum ArrivalPattern: Hashable, Sendable, Codable {
    /// One each period.
    case periodic
    /// One each period, put off by a random time below this one.
    case jitter(Nanoseconds)
    /// In real time from outside, by submission; the period is the least time between two of them. A simulation draws
    /// the time beyond the period, exponential with this mean; a quarter of the period if not given.
    case sporadic(meanExtraGap: Nanoseconds? = nil)
    /// At random, on average one each period.
    case poisson
    /// One each period during on spans, none during off spans, which are as long as these on average.
    case bursts(on: Nanoseconds, off: Nanoseconds)
    /// At the times of a file, whose path is relative to the working folder, or absolute.
    case trace(path: String, times: [Nanoseconds])

    /// The process that makes the releases, where the clock does.
    package var process: ArrivalProcess {
        switch self {
        case .periodic: .periodic
        case .jitter(let jitter): .jittered(jitter)
        case .sporadic(let meanExtraGap): .sporadic(meanExtraGap: meanExtraGap)
        case .poisson: .poisson
        case .bursts(let on, let off): .bursts(on: on, off: off)
        case .trace(_, let times): .trace(times)
        }
    }

    /// Whether it comes from outside in real time.
    package var isSporadic: Bool {
        if case .sporadic = self { true } else { false }
    }
}

extension ArrivalPattern {
    /// Reads `arrival:`, a word or a mapping.
    ///
    /// - Parameters:
    ///   - period: The task's, which bounds its jitter.
    ///   - traces: Where traces are read.
    init(_ field: Field, period: Nanoseconds, traces: inout TraceFiles) throws(ConfigurationError) {
        guard field.node.mapping != nil else {
            self = try field.choice([("periodic", .periodic), ("sporadic", .sporadic()), ("poisson", .poisson)])
            return
        }
        let section = try Section(
            field, keys: ["jitter", "sporadic", "on", "off", "trace"], example: "{jitter: 5 ms}")
        // Each kind is known by its first key.
        let kinds = ["jitter", "sporadic", "on", "trace"].filter { section[$0] != nil }
        if kinds.count > 1 { throw field.error("has both '\(kinds[0])' and '\(kinds[1])'; keep one") }
        if let off = section["off"], kinds != ["on"] {
            throw off.error("goes with 'on'; write for example '{on: 200 ms, off: 800 ms}'")
        }
        if let jitter = section["jitter"] {
            self = .jitter(try ArrivalPattern.jitter(jitter, period: period))
        } else if let extra = section["sporadic"] {
            self = .sporadic(meanExtraGap: try extra.duration(in: Limits.extraGap))
        } else if let on = section["on"] {
            let off = try section.required("off", example: "off: 800 ms")
            self = .bursts(on: try on.duration(in: Limits.span), off: try off.duration(in: Limits.span))
        } else if let trace = section["trace"] {
            let path = SourceFolder.resolve(try trace.path(example: "times.txt"), in: field.file)
            self = .trace(path: path, times: try traces.times(path: path, named: trace))
        } else {
            throw field.error(
                "needs a kind; write 'jitter: 5 ms', 'sporadic: 10 ms', 'on: 200 ms, off: 800 ms' or 'trace: times.txt'"
            )
        }
    }

    private static func jitter(_ field: Field, period: Nanoseconds) throws(ConfigurationError) -> Nanoseconds {
        let jitter = try field.duration(in: Limits.jitter)
        guard jitter <= period else {
            throw field.error(
                "\(Quantity.format(jitter).quoted) is longer than the period of \(Quantity.format(period)); keep to it")
        }
        return jitter
    }

    /// Why a task with this arrival can have no phase, if so.
    var phaseProblem: String? {
        switch self {
        case .periodic, .jitter: nil
        case .sporadic: "a sporadic task has no phase, since its jobs come from outside; take it out"
        case .poisson: "a poisson task has no phase, since its jobs come at random; take it out"
        case .bursts: "a task with bursts has no phase, since they begin at random; take it out"
        case .trace: "a task with a trace has no phase, since the trace has all its times; take it out"
        }
    }
}

/// The traces that a task set names, each read once.
///
/// ```
/// # door camera, Monday
/// 12.5 ms
/// 0.0331       # without a unit: seconds
/// ```
struct TraceFiles {
    private var known: [String: [Nanoseconds]] = [:]
    private var left: Int

    /// - Parameter limit: The most times in all traces together.
    init(limit: Int = Limits.traceTimes) { left = limit }

    /// The times in the file at `path`.
    ///
    /// - Parameter field: What names the file, for errors that concern all of it; others have its own name and line.
    mutating func times(path: String, named field: Field) throws(ConfigurationError) -> [Nanoseconds] {
        if let times = known[path] { return times }
        let bytes: [UInt8]
        do {
            bytes = try SourceFile.bytes(path: path, kind: .trace)
        } catch {
            // Not clipped: of a long path the end says most.
            throw field.error("'\(path.escaped())': \(error.message)")
        }
        let times = try TraceFiles.times(in: bytes, file: path, limit: left)
        left -= times.count
        known[path] = times
        return times
    }

    /// Reads one time a line; what follows a `#` is a comment.
    static func times(in bytes: [UInt8], file: String, limit: Int) throws(ConfigurationError) -> [Nanoseconds] {
        // The path may hold what would break a message's line.
        let file = file.escaped()
        var times: [Nanoseconds] = []
        // Editors on some systems begin a file with a byte order mark.
        let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            func failure(_ message: String) -> ConfigurationError {
                ConfigurationError(file: file, line: index + 1, message: message)
            }
            guard let text = String(validating: trimmed(line), as: UTF8.self) else {
                throw failure("is not UTF-8; save the file as UTF-8")
            }
            if text.isEmpty { continue }
            let time: Nanoseconds
            do { time = try Quantity.parseInstant(text, in: Limits.traceTime) } catch { throw failure(error.message) }
            if let last = times.last, time < last {
                throw failure("\(text.quoted) comes after \(Quantity.format(last)); write the times in their order")
            }
            guard times.count < limit else {
                throw failure("the traces of a task set may have \(Limits.traceTimes) times in all; this is one more")
            }
            times.append(time)
        }
        guard !times.isEmpty else {
            throw ConfigurationError(file: file, message: "there are no times; write one a line, for example '12.5 ms'")
        }
        return times
    }

    /// A line without its comment, blanks around it and carriage return.
    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D].contains(byte) }
        var line = line.prefix { $0 != UInt8(ascii: "#") }.drop(while: isBlank)
        while let last = line.last, isBlank(last) { line.removeLast() }
        return line
    }
}
