#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads what `RunRecordEncoder` writes, entry by entry; keys may stand in any order.
///
/// ```swift
/// var reader = try RunRecordReader(path: "run.jsonl")
/// while let entry = try reader.next() { … }
/// ```
///
/// One pass over the bytes, nothing allocated a line but for batches. A file is mapped and no more than a piece of it copied at a time, so
/// records may be larger than the memory.
package struct RunRecordReader: Sendable {
    /// What the run was about to do.
    package let plan: RunPlan
    /// What its scheduler was made from.
    package let configuration: SchedulerConfiguration
    /// When the run ended; `nil` until `next()` has returned `nil`. Of a record that is cut off, the time of its last entry.
    package private(set) var end: Nanoseconds?
    /// The energy of the run, once `next()` has returned `nil`; `nil` where the record has none.
    package private(set) var energy: RecordedEnergy?
    /// Whether `next()` has found that the record stops before its last line, as one does whose writer was killed.
    package private(set) var isCutOff = false
    /// The line that was read last, from 1.
    package private(set) var line = 1
    /// The name of the file, for errors.
    package let file: String

    /// The part of the record that is being read, and the part that comes after it.
    private var bytes: [UInt8]
    private var rest: Data
    private var position: Int
    private var entries = 0
    private let version: Int
    private let allowsCutOff: Bool
    private var lastTime = Nanoseconds.zero
    /// In format 1, the jobs that stood on lines of their own before the `run` that they are part of.
    private var joined: [JobID] = []

    private static let pieceSize = 1 << 20
    /// Longer than any line but the first.
    private static let lineLimit = 1 << 16

    /// Opens a record file and reads its header.
    ///
    /// - Parameter allowsCutOff: whether a record may stop before its last line: then it has the whole lines that are there.
    /// - Throws: `RecordError` with the file, the line, and what would be right.
    package init(path: String, allowsCutOff: Bool = false) throws(RecordError) {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) } catch {
            let left = Self.unfinished(path).map { "; a writer that was killed left \($0)" } ?? ""
            throw .unreadable(file: path, reason: "it cannot be read; is it there, and a file?" + left)
        }
        try self.init(data, file: path, allowsCutOff: allowsCutOff)
    }

    /// What a writer of this record that was killed has left beside it: a file with `.part-` and its process number.
    private static func unfinished(_ path: String) -> String? {
        let url = URL(filePath: path)
        let folder = url.deletingLastPathComponent()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let left = names.filter { $0.hasPrefix(url.lastPathComponent + ".part-") }.sorted().last
        return left.map { path.dropLast(url.lastPathComponent.count) + $0 }
    }

    /// Reads the header of a record's text. `file` is named in errors.
    package init(_ data: Data, file: String, allowsCutOff: Bool = false) throws(RecordError) {
        let headerEnd = data.firstIndex(of: UInt8(ascii: "\n"))
        let header = try Self.header(headerEnd.map { data[..<$0] }, isEmpty: data.isEmpty, file: file)
        plan = header.plan
        configuration = header.configuration
        version = header.darisRecord
        self.allowsCutOff = allowsCutOff
        self.file = file
        rest = headerEnd.map { data[($0 + 1)...] } ?? Data()
        bytes = []
        position = 0
    }

    /// The next entry; `nil` after the last, once the line that ends the record has been found right.
    ///
    /// - Throws: `RecordError` with the file, the line, and what would be right.
    package mutating func next() throws(RecordError) -> RecordEntry? {
        while end == nil {
            line += 1
            refill()
            if allowsCutOff, rest.isEmpty, !bytes[position...].contains(UInt8(ascii: "\n")) {
                (isCutOff, end) = (true, lastTime)
                break
            }
            guard position < bytes.count else { throw cutOff() }
            let fields = try readLine()
            if fields.has(.end) {
                guard joined.isEmpty else { throw error(Self.strayJoin) }
                energy = try energy(fields)
                try checkEnd(fields)
                end = Nanoseconds(fields[.end])
                break
            }
            entries += 1
            if version == 1, fields.has(.c), RecordWord(rawValue: UInt8(fields[.c])) == .join {
                joined.append(try job(fields))
                guard joined.count < BatchGroup.jobLimit else { throw error("more jobs join than a batch may have") }
                continue
            }
            let entry = try self.entry(fields)
            guard joined.isEmpty else { throw error(Self.strayJoin) }
            lastTime = max(lastTime, entry.time)
            if case .event(.jobReleased(let task, _)) = entry.content, !configuration.tasks.indices.contains(task) {
                throw error("there is no task \(task); the header has \(configuration.tasks.count)")
            }
            return entry
        }
        return nil
    }

    /// A mismatch at the line that was read last, as an error.
    package func error(_ mismatch: RecordMismatch) -> RecordError {
        .mismatch(
            file: file, line: line,
            reason:
                "this version of Daris would not have decided so and cannot explain it; use the one that wrote the record "
                + "(\(mismatch))")
    }

    /// The whole record.
    mutating func readAll() throws(RecordError) -> RunRecord {
        var entries = ContiguousArray<RecordEntry>()
        while let entry = try next() { entries.append(entry) }
        return RunRecord(plan: plan, configuration: configuration, entries: entries, end: end ?? .zero, energy: energy)
    }

    /// Makes sure that the next line is there as a whole.
    private mutating func refill() {
        guard bytes.count - position < Self.lineLimit, !rest.isEmpty else { return }
        bytes.removeFirst(position)
        position = 0
        bytes.append(contentsOf: rest.prefix(Self.pieceSize))
        rest = rest.dropFirst(Self.pieceSize)
    }

    // MARK: - First and last line

    private static func header(_ text: Data?, isEmpty: Bool, file: String) throws(RecordError) -> RecordHeader {
        func error(_ reason: String) -> RecordError { .malformed(file: file, line: 1, reason: reason) }
        guard let text else {
            throw isEmpty
                ? error("the file is empty; a record starts with {\"daris_record\":2,…}") : .cutOff(file: file, line: 1)
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            let version = try decoder.decode(Version.self, from: text).darisRecord
            guard (1...RunRecord.version).contains(version) else { throw RecordError.version(version, file: file) }
            let header = try decoder.decode(RecordHeader.self, from: text)
            try header.configuration.validate()
            guard header.plan.tasks.count == header.configuration.tasks.count else {
                throw error(
                    "the plan has \(header.plan.tasks.count) tasks, the configuration "
                        + "\(header.configuration.tasks.count)")
            }
            return header
        } catch let error as RecordError {
            throw error
        } catch let problem as SchedulerError {
            throw error("the configuration cannot be scheduled: \(problem)")
        } catch let problem as DecodingError {
            throw error(
                "a record starts with {\"daris_record\":2,\"plan\":{…},\"configuration\":{…}}: \(Self.text(problem))")
        } catch let problem { throw error("the header cannot be read: \(problem)") }
    }

    private struct Version: Decodable { var darisRecord: Int }

    private static func text(_ error: DecodingError) -> String {
        func at(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return context.debugDescription + (path.isEmpty ? "" : " (at \(path))")
        }
        return switch error {
        case .keyNotFound(let key, let context): "no '\(key.stringValue)': " + at(context)
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): at(context)
        @unknown default: "\(error)"
        }
    }

    private func checkEnd(_ fields: RecordFields) throws(RecordError) {
        guard fields.has(.entries), fields[.entries] == Int64(entries) else {
            throw error("the record says it has \(fields.text(.entries)) entries, but \(entries) are there")
        }
        guard position == bytes.count, rest.isEmpty else { throw error("nothing may follow the line with \"end\"") }
    }

    private func energy(_ fields: RecordFields) throws(RecordError) -> RecordedEnergy? {
        guard fields.has(.microjoules) || fields.has(.nanoseconds) else { return nil }
        let (microjoules, time) = (try value(.microjoules, fields), try value(.nanoseconds, fields))
        guard microjoules >= 0, time >= 0, time <= RunRecord.latestTime.rawValue else {
            throw error("an energy and its time are not negative")
        }
        return RecordedEnergy(microjoules: microjoules, time: Nanoseconds(time))
    }

    private static let strayJoin = "jobs have joined a batch, and here no \"run\" follows"

    private func cutOff() -> RecordError { .cutOff(file: file, line: line) }

    private func error(_ reason: String) -> RecordError { .malformed(file: file, line: line, reason: reason) }

    // MARK: - Entries

    private mutating func entry(_ fields: RecordFields) throws(RecordError) -> RecordEntry {
        let time = Nanoseconds(try value(.t, fields))
        guard time >= .zero, time <= RunRecord.latestTime else {
            throw error("the time \"t\" must be from 0 to \(RunRecord.latestTime.rawValue) ns, not \(time.rawValue)")
        }
        switch (fields.has(.e), fields.has(.c), fields.has(.n)) {
        case (true, false, false): return RecordEntry(time, try event(fields))
        case (false, true, false): return RecordEntry(time, try command(fields))
        case (false, false, true): return RecordEntry(time, try job(fields), try trace(fields))
        default: throw error("a line holds one of an event \"e\", a command \"c\" and a note \"n\"")
        }
    }

    private func event(_ fields: RecordFields) throws(RecordError) -> Event {
        switch RecordWord(rawValue: UInt8(fields[.e])) {
        case .release:
            let deadline = fields.has(.d) ? Nanoseconds(fields[.d]) : nil
            return .jobReleased(task: try int(.task, fields), relativeDeadline: deadline)
        case .done:
            return .stageCompleted(
                lane: try int(.lane, fields), job: try job(fields), executionTime: Nanoseconds(try value(.x, fields)))
        case .fail: return .stageFailed(lane: try int(.lane, fields), job: try job(fields))
        case .cancel: return .jobCancelled(try job(fields))
        case .timer: return .timerFired
        case .lost: return .contextLost(try int(.context, fields))
        case .restored: return .contextRestored(try int(.context, fields))
        case .removed: return .taskRemoved(try int(.task, fields))
        case .added: return .taskAdded(try int(.task, fields))
        default: throw error("an event is release, done, fail, cancel, timer, lost, restored, removed or added")
        }
    }

    private func trace(_ fields: RecordFields) throws(RecordError) -> TraceContext {
        guard RecordWord(rawValue: UInt8(fields[.n])) == .trace else { throw error("a note is trace") }
        return TraceContext(
            high: UInt64(bitPattern: fields.traceHigh),
            low: UInt64(bitPattern: try value(.trace, fields)), parent: UInt64(bitPattern: try value(.parent, fields)))
    }

    private mutating func command(_ fields: RecordFields) throws(RecordError) -> Command {
        switch RecordWord(rawValue: UInt8(fields[.c])) {
        case .admit:
            return .admitted(
                try job(fields), context: try int(.context, fields),
                migrated: try either(.true, .false, .migrated, fields))
        case .queue: return .queued(try job(fields))
        case .run:
            let others = version == 1 ? joined : fields.others
            joined = []
            return .dispatch(
                Dispatch(
                    stage: try int(.stage, fields), lane: try int(.lane, fields), job: try job(fields), with: others))
        case .end: return .finished(try outcome(fields))
        case .wake: return .wake(at: Nanoseconds(try value(.at, fields)))
        default: throw error("a command is admit, queue, run, end or wake")
        }
    }

    private func outcome(_ fields: RecordFields) throws(RecordError) -> JobOutcome {
        guard let fate = RecordWord(rawValue: UInt8(try value(.fate, fields)))?.fate,
            let reason = RecordWord(rawValue: UInt8(try value(.reason, fields)))?.reason
        else { throw error("\"fate\" or \"reason\" is none that a job can have") }
        let priority = try either(.high, .low, .priority, fields) ? Priority.high : .low
        return JobOutcome(
            job: try job(fields), fate: fate, reason: reason, priority: priority,
            release: Nanoseconds(try value(.release, fields)), deadline: Nanoseconds(try value(.deadline, fields)),
            finish: Nanoseconds(try value(.finish, fields)))
    }

    private func job(_ fields: RecordFields) throws(RecordError) -> JobID {
        JobID(task: try int(.task, fields), sequence: try int(.seq, fields))
    }

    /// Whether a value is the first of the two words it can be.
    private func either(
        _ first: RecordWord, _ second: RecordWord, _ key: RecordKey, _ fields: RecordFields
    ) throws(RecordError) -> Bool {
        let word = RecordWord(rawValue: UInt8(try value(key, fields)))
        guard word == first || word == second else {
            throw error("\"\(key)\" has one of two values, and this is neither")
        }
        return word == first
    }

    private func int(_ key: RecordKey, _ fields: RecordFields) throws(RecordError) -> Int {
        Int(try value(key, fields))
    }

    private func value(_ key: RecordKey, _ fields: RecordFields) throws(RecordError) -> Int64 {
        guard fields.has(key) else { throw error("\"\(key)\" is missing") }
        return fields[key]
    }

    // MARK: - Text

    /// Reads one line: a flat object of integers and known words.
    private mutating func readLine() throws(RecordError) -> RecordFields {
        var fields = RecordFields()
        try expect("{")
        while true {
            let name = try quoted()
            guard let key = RecordKey.named(bytes[name]) else { throw error("the key \"\(text(name))\" is unknown") }
            if fields.has(key) { throw error("\"\(key)\" stands there twice") }
            try expect(":")
            if key == .with {
                fields.others = try readJobs()
                fields.set(key, to: 0)
            } else if key.hexDigits > 0 {
                try readHex(key, into: &fields)
            } else {
                fields.set(key, to: try readValue(of: key))
            }
            guard position < bytes.count else { throw cutOff() }
            if bytes[position] != UInt8(ascii: ",") { break }
            position += 1
        }
        try expect("}")
        if position < bytes.count, bytes[position] == UInt8(ascii: "\r") { position += 1 }
        try expect("\n")
        return fields
    }

    private mutating func readValue(of key: RecordKey) throws(RecordError) -> Int64 {
        guard position < bytes.count else { throw cutOff() }
        guard key.isWord else { return try integer(of: key) }
        var name = position..<position
        if bytes[position] == UInt8(ascii: "\"") {
            name = try quoted()
        } else {
            while position < bytes.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[position]) {
                position += 1
            }
            name = name.lowerBound..<position
        }
        guard let word = RecordWord.named(bytes[name]) else { throw error("\"\(key)\" cannot be \"\(text(name))\"") }
        return Int64(word.rawValue)
    }

    /// Reads an array of tasks and sequence numbers, at most as many as a batch has.
    private mutating func readJobs() throws(RecordError) -> [JobID] {
        var jobs: [JobID] = []
        try expect("[")
        while true {
            guard position < bytes.count else { throw cutOff() }
            let task = Int(try integer(of: .with))
            try expect(",")
            guard position < bytes.count else { throw cutOff() }
            jobs.append(JobID(task: task, sequence: Int(try integer(of: .with))))
            guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { break }
            if jobs.count >= BatchGroup.jobLimit - 1 { throw error("\"with\" names more jobs than a batch may have") }
            position += 1
        }
        try expect("]")
        return jobs
    }

    private mutating func readHex(_ key: RecordKey, into fields: inout RecordFields) throws(RecordError) {
        let digits = bytes[try quoted()]
        func number(_ part: ArraySlice<UInt8>) -> Int64? {
            TraceContext.number(part, digits: 16).map { Int64(bitPattern: $0) }
        }
        guard digits.count == key.hexDigits, let low = number(digits.suffix(16)), let high = number(digits.prefix(16))
        else { throw error("\"\(key)\" must be \(key.hexDigits) hexadecimal digits") }
        fields.set(key, to: low)
        if key == .trace { fields.traceHigh = high }
    }

    private mutating func integer(of key: RecordKey) throws(RecordError) -> Int64 {
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let first = position
        var value: Int64 = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                isNegative
                ? tens.subtractingReportingOverflow(Int64(digit)) : tens.addingReportingOverflow(Int64(digit))
            if overflow || carry { throw error("\"\(key)\" does not fit 64 bits") }
            value = sum
            position += 1
        }
        if position == first { throw position < bytes.count ? error("\"\(key)\" must be an integer") : cutOff() }
        return value
    }

    /// The inside of a string in quotes; no string of the format needs an escape.
    private mutating func quoted() throws(RecordError) -> Range<Int> {
        try expect("\"")
        let first = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\n") {
            position += 1
        }
        try expect("\"")
        return first..<position - 1
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(RecordError) {
        guard position < bytes.count else { throw cutOff() }
        guard bytes[position] == UInt8(ascii: character) else {
            let found = text(position..<min(position + 1, bytes.count))
            let name = character == "\n" ? "the end of the line" : "'\(character)'"
            throw error("here stands '\(found)' where \(name) would be right; the line is no entry of a record")
        }
        position += 1
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range.prefix(40)], as: UTF8.self)
    }
}
