import DarisSimulator
import Foundation
import Testing

@testable import DarisCore

@Suite("Run records")
struct RunRecordTests {
    /// A run with every kind of event in it.
    static func record(duration: Nanoseconds = .seconds(Int64(1))) throws -> RunRecord {
        let tasks = (0..<8).map { index in
            task(
                "τ\(index) \"quoted\"", period: 20, deadline: 15, index < 3 ? .high : .low,
                lateness: index % 2 == 0 ? .drop : .run, overrun: index % 3 == 0 ? .queue(limit: 2) : .skip,
                afet: [3, 4])
        }
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 2, streams: 2, oversubscription: 1.5), tasks: tasks)
        var driver = VirtualTimeDriver(
            configuration, duration: duration, stageTimes: .noisy(seed: 5, factors: 0.5...2), keepsEntries: true)
        driver.fails = { job, stage, _ in job.task == 4 && job.sequence % 5 == 0 && stage == 1 }
        driver.otherEvents = [
            (.milliseconds(100), .contextLost(1)), (.milliseconds(200), .contextRestored(1)),
            (.milliseconds(301), .jobReleased(task: 6, relativeDeadline: .milliseconds(2))),
            (.milliseconds(302), .jobReleased(task: 1, relativeDeadline: Nanoseconds(-1))),
            (.milliseconds(303), .jobCancelled(JobID(task: 0, sequence: 15))),
            (.milliseconds(400), .taskRemoved(2)), (.milliseconds(401), .taskRemoved(7)),
            (.milliseconds(500), .taskAdded(2)), (.milliseconds(501), .taskAdded(99)),
        ]
        let result = driver.run()
        let plan = RunPlan(
            configuration, models: tasks.map(\.name), device: "virtual", unitName: "cores", units: 2,
            kind: .cores, contextUnits: [[0], [1]], simulated: true, load: 1.25, duration: driver.duration, seed: 5,
            notes: ["a note"]
        )
        return RunRecord(plan: plan, configuration: configuration, entries: result.entries, end: result.end)
    }

    private func problem(_ text: String) -> String? {
        do throws(RecordError) {
            _ = try RunRecord.read(bytes: Array(text.utf8), file: "x.jsonl")
            return nil
        } catch { return error.description }
    }

    /// The record with one more line before the last.
    private func problem(line: String) throws -> String? {
        var record = try Self.record(duration: .milliseconds(1))
        record.entries = []
        var lines = String(decoding: record.encoded(), as: UTF8.self).split(separator: "\n").map(String.init)
        lines[1] = "{\"end\":0,\"entries\":1}"
        lines.insert(line, at: 1)
        return problem(lines.joined(separator: "\n") + "\n")
    }

    @Test("what is written is read again, entry by entry")
    func roundTrip() throws {
        let record = try Self.record()
        #expect(record.entries.count > 1000)
        let kinds = Set(
            record.entries.map { "\($0.content)".prefix { $0 != "," }.split(separator: "(").prefix(2).joined() })
        #expect(kinds.count >= 13, "every kind of event and command: \(kinds)")
        let read = try RunRecord.read(bytes: record.encoded())
        #expect(read == record)
    }

    @Test("whose trace a job belongs to is written and read, and changes nothing in the replay")
    func traces() throws {
        var record = try Self.record(duration: .milliseconds(100))
        let trace = try #require(TraceContext(traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        record.entries.insert(RecordEntry(.zero, JobID(task: 0, sequence: 0), trace), at: 0)
        let line =
            #"{"t":0,"n":"trace","task":0,"seq":0,"trace":"0af7651916cd43dd8448eb211c80319c","parent":"b7ad6b7169203331"}"#
        #expect(String(decoding: record.encoded(), as: UTF8.self).split(separator: "\n")[1] == line)
        #expect(try RunRecord.read(bytes: record.encoded()) == record && record.replay() == nil)
        for (from, to, words) in [
            ("c80319c", "c80319C", "\"trace\" must be 32 hexadecimal digits"),
            ("\"b7ad", "\"7ad", "\"parent\" must be 16 hexadecimal digits"),
            ("\"n\":\"trace\"", "\"n\":\"run\"", "a note is trace"), (",\"seq\":0", "", "\"seq\" is missing"),
            ("\"n\":\"trace\"", "\"n\":\"trace\",\"e\":\"timer\"", "a line holds one of an event"),
        ] {
            let wrong = line.replacingOccurrences(of: from, with: to)
            #expect(try problem(line: wrong)?.contains(words) == true, "\(wrong)")
        }
    }

    @Test("a trace parent is read as the standard has it, or not at all")
    func traceParents() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
        #expect(TraceContext(traceParent: "00-\(trace)-\(span)-01")?.traceID == trace)
        #expect(TraceContext(traceParent: "01-\(trace)-\(span)-00-more")?.parentID == span)
        let zeros = String(repeating: "0", count: 32)
        for wrong in [
            "", "00", "00-\(trace)-\(span)", "ff-\(trace)-\(span)-01", "00-\(zeros)-\(span)-01",
            "00-\(trace)-\(zeros.prefix(16))-01", "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span)-01-more",
            "00-\(trace.dropLast())-\(span)-01", "00-\(trace)0-\(span)-01",
        ] {
            #expect(TraceContext(traceParent: wrong) == nil, "\(wrong)")
        }
    }

    @Test("a record longer than the pieces it is read in comes out whole, and its replay counts every job")
    func pieces() throws {
        let record = try Self.record(duration: .seconds(Int64(16)))
        let bytes = record.encoded()
        #expect(bytes.count > 1 << 20)
        var reader = try RunRecordReader(Data(bytes), file: "x")
        var replay = RecordReplay(reader.configuration)
        var entries = ContiguousArray<RecordEntry>()
        while let entry = try reader.next() {
            entries.append(entry)
            #expect(replay.take(entry) == nil)
        }
        #expect(entries == record.entries && reader.end == record.end && replay.finish() == nil)
        let summary = replay.summary(of: reader.plan, end: record.end)
        let outcomes = entries.compactMap { entry in
            if case .command(.finished(let outcome)) = entry.content { outcome } else { nil }
        }
        #expect(summary.hp.late + summary.lp.late == outcomes.count { $0.reason == .late })
        #expect(summary.jobs.isBalanced && summary.hp.released + summary.lp.released == summary.jobs.released)
    }

    @Test("a server's record has no duration; it lasted until it was ended", arguments: [0.5, 3, 40])
    func server(endS: Double) throws {
        var record = try Self.record(duration: .milliseconds(100))
        record.plan.simulated = false
        record.plan.durationS = nil
        record.end = .seconds(endS)
        let text = String(decoding: record.encoded(), as: UTF8.self)
        #expect(!text.contains("duration_s"))
        let read = try RunRecord.read(bytes: Array(text.utf8))
        #expect(read == record)
        var replay = RecordReplay(read.configuration)
        for entry in read.entries { #expect(replay.take(entry) == nil) }
        let summary = replay.summary(of: read.plan, end: read.end)
        #expect(summary.durationS == endS && summary.elapsedS == endS)
    }

    @Test("the last line has the energy of the run where it is known")
    func energy() throws {
        var record = try Self.record(duration: .milliseconds(100))
        #expect(!String(decoding: record.encoded(), as: UTF8.self).contains("joules"))
        record.energy = RecordedEnergy(joules: 812.4375, seconds: 10)
        let bytes = record.encoded()
        #expect(
            String(decoding: bytes, as: UTF8.self).hasSuffix(
                ",\"microjoules\":812437500,\"nanoseconds\":10000000000}\n"))
        let read = try RunRecord.read(bytes: bytes)
        #expect(read == record)
        let summary = RecordReplay(read.configuration).summary(of: read.plan, end: read.end, energy: read.energy)
        #expect(summary.energy?.totalJ == 812.4375 && summary.energy?.meanW == 81.24375)
        // No number is too absurd to be written.
        for joules in [-1, .infinity, .nan, 1e300] {
            record.energy = RecordedEnergy(joules: joules, seconds: joules)
            #expect(try RunRecord.read(bytes: record.encoded()) == record)
        }
    }

    @Test("every fate and reason has a word of its own")
    func words() {
        for fate in JobFate.allCases {
            #expect(RecordWord.named(Array("\(fate.recordName)".utf8)[...])?.fate == fate)
        }
        for reason in FateReason.allCases {
            #expect(RecordWord.named(Array("\(reason.recordName)".utf8)[...])?.reason == reason)
        }
        for key in RecordKey.allCases { #expect(RecordKey.named(Array("\(key)".utf8)[...]) == key) }
    }

    @Test("extreme numbers survive the text")
    func extremes() throws {
        var record = try Self.record(duration: .milliseconds(1))
        record.entries = [
            RecordEntry(.zero, .jobReleased(task: 0, relativeDeadline: Nanoseconds(.min))),
            RecordEntry(
                RunRecord.latestTime,
                .stageCompleted(lane: -1, job: JobID(task: .min, sequence: .max), executionTime: Nanoseconds(.max))),
        ]
        #expect(try RunRecord.read(bytes: record.encoded()).entries == record.entries)
    }

    @Test("a record replays to the same commands")
    func replays() throws {
        let record = try RunRecord.read(bytes: Self.record().encoded())
        #expect(record.replay() == nil)
    }

    @Test("a changed, missing or additional command is found where it stands")
    func mismatches() throws {
        let record = try Self.record(duration: .milliseconds(200))
        let place = try #require(
            record.entries.firstIndex { if case .command(.dispatch) = $0.content { true } else { false } })
        guard case .command(.dispatch(let dispatch)) = record.entries[place].content else { return }
        let other = Command.dispatch(
            Dispatch(stage: dispatch.stage, lane: dispatch.lane + 1, job: dispatch.jobs[0]))

        var changed = record
        changed.entries[place].content = .command(other)
        let mismatch = try #require(changed.replay())
        #expect(mismatch.entry == place && mismatch.recorded == other)
        #expect(mismatch.decided == .dispatch(dispatch))

        var missing = record
        missing.entries.remove(at: place)
        #expect(missing.replay()?.entry == place)

        var additional = record
        additional.entries.insert(RecordEntry(.zero, other), at: 0)
        #expect(additional.replay()?.description.hasPrefix("entry 0, at 0 ns, before any event") == true)

        var cut = record
        let lastCommand = try #require(
            record.entries.lastIndex { if case .command = $0.content { true } else { false } })
        cut.entries.removeSubrange(lastCommand...)
        #expect(cut.replay()?.decided != nil)
    }

    @Test("a changed option is found")
    func otherConfiguration() throws {
        var record = try Self.record()
        record.configuration.options.policy = .fifo
        #expect(record.replay() != nil)
    }

    @Test("a record cut off anywhere gives an error that says so")
    func truncated() throws {
        let bytes = try Self.record(duration: .milliseconds(30)).encoded()
        let lengths = Array(stride(from: 0, to: bytes.count - 200, by: 31)) + Array(bytes.count - 200..<bytes.count)
        for length in lengths {
            #expect(throws: RecordError.self) { try RunRecord.read(bytes: Array(bytes[..<length])) }
        }
        let half = String(decoding: bytes[..<(bytes.count - 40)], as: UTF8.self)
        #expect(problem(half)?.contains("the record is cut off: its last line must be") == true)
    }

    @Test("where that is allowed, a record cut off anywhere behind its header has the whole lines that are there")
    func cutOff() throws {
        let record = try Self.record(duration: .milliseconds(30))
        let bytes = record.encoded()
        let header = try #require(bytes.firstIndex(of: UInt8(ascii: "\n"))) + 1
        for length in stride(from: header, through: bytes.count, by: 7) {
            var reader = try RunRecordReader(Data(bytes[..<length]), file: "x", allowsCutOff: true)
            var entries: [RecordEntry] = []
            while let entry = try reader.next() { entries.append(entry) }
            let lines = bytes[header..<length].count { $0 == UInt8(ascii: "\n") }
            #expect(reader.isCutOff == (length < bytes.count) && entries == Array(record.entries.prefix(lines)))
            #expect(reader.end == (length < bytes.count ? entries.last?.time ?? .zero : record.end))
        }
        #expect(throws: RecordError.self) {
            try RunRecordReader(Data(bytes[..<(header - 1)]), file: "x", allowsCutOff: true)
        }
    }

    @Test("damaged bytes give an error or another record, never a crash, also in replay")
    func damaged() throws {
        let bytes = try Self.record(duration: .milliseconds(30)).encoded()
        let body = try #require(bytes.firstIndex(of: UInt8(ascii: "\n")))
        var random = SplitMix64(seed: 11)
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: body..<bytes.count, using: &random)
                damaged[place] = [UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "{"), 0, 255, UInt8(ascii: "\n")]
                    .randomElement(using: &random)!
            }
            do throws(RecordError) { _ = try RunRecord.read(bytes: damaged).replay() } catch {
                #expect(error.line != nil)
            }
        }
        for _ in 0..<200 {
            var damaged = bytes
            damaged[Int.random(in: 0..<body, using: &random)] = UInt8.random(in: 0...255, using: &random)
            _ = try? RunRecord.read(bytes: damaged).replay()
        }
    }

    @Test("an error names file and line and says what would be right")
    func errors() throws {
        #expect(problem("") == "x.jsonl, line 1: the file is empty; a record starts with {\"daris_record\":2,…}")
        #expect(
            problem("hello\n")?.hasPrefix("x.jsonl, line 1: a record starts with {\"daris_record\":2,\"plan\"") == true)
        #expect(
            problem("{\"daris_record\":3}\n")
                == "x.jsonl, line 1: this is version 3 of the format; this program reads versions 1 to 2")
        #expect(problem("{\"daris_record\":1}\n")?.contains("no 'plan'") == true)
        #expect(try problem(line: "{\"t\":0,\"e\":\"timer\"}") == nil)
        #expect(
            try problem(line: "{ \"t\":0}")?.hasPrefix("x.jsonl, line 2: here stands ' ' where '\"' would be right")
                == true)
        #expect(
            try problem(line: "{\"t\":0}")
                == "x.jsonl, line 2: a line holds one of an event \"e\", a command \"c\" and a note \"n\"")
        #expect(try problem(line: "{\"t\":-1,\"e\":\"timer\"}")?.contains("must be from 0 to") == true)
        #expect(
            try problem(line: "{\"t\":9223372036854775808,\"e\":\"timer\"}")?.contains("does not fit 64 bits") == true)
        #expect(try problem(line: "{\"t\":\"now\",\"e\":\"timer\"}")?.contains("\"t\" must be an integer") == true)
        #expect(try problem(line: "{\"t\":0,\"t\":0}")?.contains("stands there twice") == true)
        #expect(try problem(line: "{\"t\":0,\"e\":\"jump\"}")?.contains("\"e\" cannot be \"jump\"") == true)
        #expect(try problem(line: "{\"t\":0,\"e\":\"run\"}")?.contains("an event is release, done") == true)
        #expect(try problem(line: "{\"t\":0,\"c\":\"timer\"}")?.contains("a command is admit") == true)
        #expect(try problem(line: "{\"t\":0,\"who\":1}")?.contains("the key \"who\" is unknown") == true)
        #expect(try problem(line: "{\"t\":0,\"e\":\"release\"}")?.contains("\"task\" is missing") == true)
        #expect(
            try problem(line: "{\"t\":0,\"e\":\"release\",\"task\":8}")?.contains(
                "there is no task 8; the header has 8") == true)
        #expect(
            try problem(line: "{\"end\":0,\"entries\":3}")?.contains("says it has 3 entries, but 0 are there") == true)
        #expect(try problem(line: "{\"end\":0,\"entries\":0}")?.contains("nothing may follow") == true)
        let energy = "{\"end\":0,\"entries\":0,\"microjoules\":1"
        #expect(try problem(line: energy + "}")?.contains("\"nanoseconds\" is missing") == true)
    }

    @Test("a configuration that cannot be scheduled is refused when read")
    func invalidConfiguration() throws {
        var record = try Self.record(duration: .milliseconds(1))
        record.configuration.tasks[0].period = .zero
        #expect(
            problem(String(decoding: record.encoded(), as: UTF8.self))?.contains("the period must be above 0") == true)
    }

    @Test("a file that is not there, another version, a record cut off and a wrong line can be told apart")
    func kinds() throws {
        let missing = #expect(throws: RecordError.self) { try RunRecord.read(path: "/nowhere/run.jsonl") }
        guard case .unreadable("/nowhere/run.jsonl", _) = missing else {
            Issue.record("\(String(describing: missing))")
            return
        }
        let text = String(decoding: try Self.record(duration: .milliseconds(1)).encoded(), as: UTF8.self)
        func read(_ text: String) throws { _ = try RunRecord.read(bytes: Array(text.utf8), file: "x") }
        #expect(throws: RecordError.version(3, file: "x")) {
            try read(text.replacing("\"daris_record\":2", with: "\"daris_record\":3"))
        }
        let lines = text.split(separator: "\n")
        #expect(throws: RecordError.cutOff(file: "x", line: lines.count)) {
            try read(lines.dropLast().joined(separator: "\n") + "\n")
        }
        #expect(throws: RecordError.malformed(file: "x", line: 2, reason: "the key \"z\" is unknown")) {
            try read(lines[0] + "\n{\"z\":1}\n" + lines[lines.count - 1] + "\n")
        }
    }

    @Test("a file is read like its bytes")
    func file() throws {
        let record = try Self.record(duration: .milliseconds(50))
        let url = FileManager.default.temporaryDirectory.appending(path: "daris-record-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: url) }
        var encoder = RunRecordEncoder(plan: record.plan, configuration: record.configuration)
        var data = Data()
        for entry in record.entries {
            encoder.append(entry)
            encoder.drain { data.append(contentsOf: $0) }
        }
        encoder.finish(at: record.end)
        encoder.drain { data.append(contentsOf: $0) }
        try data.write(to: url)
        #expect(try RunRecord.read(path: url.path()) == record)
    }
}
