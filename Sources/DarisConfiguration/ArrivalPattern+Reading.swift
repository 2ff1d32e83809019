import DarisCore

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
