import DarisCore
import Testing

@testable import DarisConfiguration

@Suite("Arrivals in a task set")
struct ArrivalReadingTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func arrival(_ written: String) throws -> ArrivalPattern {
        let text = text(task: "rate: 20 Hz, priority: low, arrival: \(written)")
        return try TaskSet.parse(text, file: folder.path + "/t.yaml").tasks[0].arrival
    }

    /// What reading a trace in `times.txt` says, or nothing.
    private func complaint(trace: String, limit: Int = Limits.traceTimes) -> String? {
        do throws(ConfigurationError) {
            _ = try TraceFiles.times(in: Array(trace.utf8), file: "times.txt", limit: limit)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("each form is what it says")
    func forms() throws {
        #expect(try arrival("periodic") == .periodic)
        #expect(try arrival("Sporadic") == .sporadic())
        #expect(try arrival("poisson") == .poisson)
        #expect(try arrival("{jitter: 5 ms}") == .jitter(.milliseconds(5)))
        #expect(try arrival("{jitter: 50 ms}") == .jitter(.milliseconds(50)))
        #expect(try arrival("{sporadic: 10 ms}") == .sporadic(meanExtraGap: .milliseconds(10)))
        #expect(
            try arrival("{off: 0.8 s, on: 200 ms}") == .bursts(on: .milliseconds(200), off: .milliseconds(800)))
    }

    @Test("a task with jitter may have a phase")
    func phaseWithJitter() throws {
        let set = try TaskSet.parse(
            text(task: "rate: 20 Hz, priority: low, arrival: {jitter: 5 ms}, phase: 3 ms"), file: "t.yaml")
        #expect(set.tasks[0].phase == .milliseconds(3))
    }

    // MARK: - Traces

    @Test("a trace is one time a line, in any unit or plain seconds, with comments and blank lines")
    func trace() throws {
        let path = try folder.write(
            "\u{FEFF}# door\r\n0\r\n\r\n12.5 ms # one\n  0.0331\t\n33100us\n1 min\n60\n   # end", to: "times.txt")
        let times: [Nanoseconds] = [
            .zero, .microseconds(12_500), .microseconds(33_100), .microseconds(33_100), .seconds(60 as Int64),
            .seconds(60 as Int64),
        ]
        #expect(try arrival("{trace: times.txt}") == .trace(path: path, times: times))
        #expect(try arrival("{trace: \(path)}") == .trace(path: path, times: times))
    }

    @Test("a task with a trace has no phase")
    func phaseWithTrace() throws {
        try folder.write("1 s", to: "times.txt")
        let error = #expect(throws: ConfigurationError.self) {
            try TaskSet.parse(
                text(task: "rate: 1, priority: low, arrival: {trace: times.txt}, phase: 1 ms"),
                file: folder.path + "/t.yaml")
        }
        #expect(
            error?.message == "a task with a trace has no phase, since the trace has all its times; take it out"
                && error?.field == "tasks[0].phase")
    }

    @Test("a trace that cannot be read is named where the task set names it")
    func unreadable() throws {
        func message(_ written: String) -> String? {
            do throws(ConfigurationError) {
                _ = try TaskSet.parse(text(task: "rate: 1, priority: low, arrival: \(written)"), file: "t.yaml")
                return nil
            } catch {
                return error.description
            }
        }
        let place = "t.yaml:4:72: tasks[0].arrival.trace: "
        #expect(message("{trace: no.txt}") == place + "'no.txt': there is no such file; check the path")
        #expect(message("{trace: /dev}") == place + "'/dev': is a folder; name a file of release times")
        #expect(message("{trace: /dev/zero}") == place + "'/dev/zero': is larger than 16 MiB; a trace must be smaller")
    }

    @Test(
        "a line that is no time, or one out of order, is named with its number",
        arguments: [
            ("", "times.txt: there are no times; write one a line, for example '12.5 ms'"),
            ("# nothing\n\n", "times.txt: there are no times; write one a line, for example '12.5 ms'"),
            ("1 s\nsoon", "times.txt:2: 'soon' is not a time; write for example '100 ms'"),
            (
                "\n\n12 msec",
                "times.txt:3: '12 msec' is not a time; write for example '100 ms' (units: ns, us, ms, s, min, h, d)"
            ),
            (
                "1 s 2 s",
                "times.txt:1: '1 s 2 s' is not a time; write for example '100 ms' (units: ns, us, ms, s, min, h, d)"
            ),
            ("-1 ns", "times.txt:1: '-1 ns' is outside 0 s to 7 d"),
            ("0\n8 d", "times.txt:2: '8 d' is outside 0 s to 7 d"),
            ("1e300", "times.txt:1: '1e300' is outside 0 s to 7 d"),
            ("5 ms\r\n6 ms\r\n0.0059", "times.txt:3: '0.0059' comes after 6 ms; write the times in their order"),
        ])
    func malformed(trace: String, message: String) {
        #expect(complaint(trace: trace) == message)
    }

    @Test("a trace that is not UTF-8 is refused at its line, and an odd path breaks no message")
    func encoding() {
        #expect(
            throws: ConfigurationError(file: "a\\u{2028}b", line: 2, message: "is not UTF-8; save the file as UTF-8")
        ) {
            try TraceFiles.times(in: Array("1 s\n2".utf8) + [0xB5, 0x73], file: "a\u{2028}b", limit: 9)
        }
    }

    @Test("the traces of a task set have a limit together, and one that is named twice counts once")
    func limit() throws {
        #expect(complaint(trace: "1\n2\n3", limit: 3) == nil)
        #expect(
            complaint(trace: "1\n2\n\n3", limit: 2)
                == "times.txt:4: the traces of a task set may have 1000000 times in all; this is one more")
        var traces = TraceFiles(limit: 3)
        let field = try Document.root(of: "{}", file: "t.yaml")
        let first = try folder.write("1\n2", to: "a.txt")
        let second = try folder.write("1\n2", to: "b.txt")
        for _ in 0..<3 { #expect(try traces.times(path: first, named: field).count == 2) }
        let error = #expect(throws: ConfigurationError.self) { try traces.times(path: second, named: field) }
        #expect(error?.file == second && error?.line == 2)
    }

    // MARK: - Sequences

    private static let kinds: [ArrivalPattern] = [
        .periodic, .jitter(.milliseconds(2)), .sporadic(), .sporadic(meanExtraGap: .milliseconds(1)), .poisson,
        .bursts(on: .milliseconds(30), off: .milliseconds(30)), .trace(path: "t", times: [.zero, .milliseconds(4)]),
    ]

    private func set(_ arrivals: [ArrivalPattern], seed: UInt64 = 3) -> TaskSet {
        TaskSet(
            source: "t.yaml", models: [],
            tasks: arrivals.enumerated().map { index, arrival in
                TaskDeclaration(
                    name: "t\(index)", model: "net", period: .milliseconds(10), priority: .low, arrival: arrival)
            }, run: RunSettings(seed: seed))
    }

    private func sequences(_ set: TaskSet, generatingSporadic: Bool = true) -> [ArrivalSequence?] {
        set.arrivalSequences(periods: set.tasks.map(\.period), generatingSporadic: generatingSporadic)
    }

    private func first(_ count: Int, of sequence: ArrivalSequence?) -> [Nanoseconds] {
        sequence.map { Array($0.lazy.prefix(count)) } ?? []
    }

    @Test("sporadic tasks alone have no releases of their own where jobs are submitted")
    func sporadic() {
        let set = set(Self.kinds)
        #expect(sequences(set, generatingSporadic: false).map { $0 == nil } == Self.kinds.map(\.isSporadic))
        #expect(sequences(set).allSatisfy { $0 != nil })
    }

    @Test("periodic tasks begin at the phases that the seed alone gives, whatever kinds are among them")
    func phases() {
        let set = set(Self.kinds + [.periodic], seed: 42)
        var generator = SplitMix64(seed: 42)
        let phases = set.tasks.map { _ in Nanoseconds(Int64(generator.next() % 10_000_000)) }
        let sequences = sequences(set)
        for index in [0, 7] {
            #expect(first(3, of: sequences[index]) == (0..<3).map { phases[index] + .milliseconds(10 * $0) })
        }
        #expect(first(1, of: sequences[2]) == [phases[2]])
        let late = first(1, of: sequences[1])[0] - phases[1]
        #expect(late >= .zero && late < .milliseconds(2))
        #expect(first(9, of: sequences[6]) == [.zero, .milliseconds(4)])
    }

    @Test("a phase that is given is kept")
    func givenPhase() {
        var set = set([.periodic, .periodic])
        let before = sequences(set)
        set.tasks[0].phase = .milliseconds(77)
        let after = sequences(set)
        #expect(first(2, of: after[0]) == [.milliseconds(77), .milliseconds(87)])
        #expect(after[1] == before[1])
    }

    @Test("how one task's jobs arrive changes no other's")
    func independence() {
        let before = sequences(set(Self.kinds))
        for index in Self.kinds.indices {
            for kind in Self.kinds {
                var arrivals = Self.kinds
                arrivals[index] = kind
                for generating in [true, false] {
                    let after = sequences(set(arrivals), generatingSporadic: generating)
                    for other in before.indices where other != index && after[other] != nil {
                        #expect(after[other] == before[other])
                    }
                }
            }
        }
    }

    @Test("tasks of one kind do not arrive alike, and another seed makes other arrivals")
    func seeds() {
        let poisson = sequences(set([.poisson, .poisson, .poisson])).map { first(20, of: $0) }
        #expect(Set(poisson).count == 3)
        let other = sequences(set([.poisson, .poisson, .poisson], seed: 4)).map { first(20, of: $0) }
        #expect(Set(poisson + other).count == 6)
    }

    @Test("scaled periods scale what follows from them, not the times that are given")
    func scaled() {
        let set = set([.sporadic(), .sporadic(meanExtraGap: .milliseconds(1)), .trace(path: "t", times: [.zero])])
        let scaled = set.arrivalSequences(
            periods: set.tasks.map { _ in .milliseconds(40) }, generatingSporadic: true)
        func mean(_ index: Int) -> Double {
            let times = first(5_001, of: scaled[index])
            return (times[5_000] - times[0]).inMilliseconds / 5_000
        }
        #expect(abs(mean(0) - 50) < 1)
        #expect(abs(mean(1) - 41) < 0.1)
        #expect(first(2, of: scaled[2]) == [.zero])
    }
}
