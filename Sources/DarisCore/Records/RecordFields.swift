/// The keys of a line of a run record.
enum RecordKey: UInt8, CaseIterable {
    case t, e, c, task, seq, lane, stage, context, x, d, at, migrated, fate, reason, priority, release, deadline, finish
    case end, entries, n, trace, parent, microjoules, nanoseconds
    /// Pairs of task and sequence number.
    case with

    /// Whether its values are words rather than integers.
    var isWord: Bool {
        switch self {
        case .e, .c, .n, .migrated, .fate, .reason, .priority: true
        default: false
        }
    }

    /// Hexadecimal digits in quotes that its value has; 0 if it is no such value.
    var hexDigits: Int {
        switch self {
        case .trace: 32
        case .parent: 16
        default: 0
        }
    }

    private static let table = WordTable(allCases.map { ("\($0)", $0) })
    static func named(_ name: ArraySlice<UInt8>) -> RecordKey? { table[name] }
}

/// The words of a run record.
enum RecordWord: UInt8 {
    case release, done, fail, cancel, timer, lost, restored, removed, added
    case admit, queue, join, run, end, wake, trace
    case `true`, `false`, high, low
    case rejected, skipped, completed, dropped, failed
    case onTime, late, noContextFits, previousJobInFlight, queueFull, deadlinePassed, cancelled, stageFailed,
        contextLost
    case noContextAlive, taskRemoved, wouldBeLate

    var fate: JobFate? {
        JobFate(rawValue: rawValue &- RecordWord.rejected.rawValue)
    }

    var reason: FateReason? {
        FateReason(rawValue: rawValue &- RecordWord.onTime.rawValue)
    }

    private static let table = WordTable<RecordWord>(
        [
            ("release", .release), ("done", .done), ("fail", .fail), ("cancel", .cancel), ("timer", .timer),
            ("lost", .lost), ("restored", .restored), ("removed", .removed), ("added", .added), ("admit", .admit),
            ("queue", .queue), ("join", .join), ("run", .run), ("end", .end), ("wake", .wake), ("trace", .trace),
            ("true", .true),
            ("false", .false),
            ("HP", .high), ("LP", .low),
        ]
            + JobFate.allCases.map { ("\($0.recordName)", RecordWord(rawValue: rejected.rawValue + $0.rawValue)!) }
            + FateReason.allCases.map {
                ("\($0.recordName)", RecordWord(rawValue: onTime.rawValue + $0.rawValue)!)
            })

    static func named(_ name: ArraySlice<UInt8>) -> RecordWord? { table[name] }
}

/// A few words by their bytes: found by first byte and length, then compared.
private struct WordTable<Value: Sendable>: Sendable {
    private let buckets: [[(name: [UInt8], value: Value)]]

    init(_ words: [(String, Value)]) {
        var buckets = [[(name: [UInt8], value: Value)]](repeating: [], count: 64)
        for (word, value) in words {
            let name = [UInt8](word.utf8)
            buckets[Self.bucket(name[...])].append((name, value))
        }
        self.buckets = buckets
    }

    subscript(name: ArraySlice<UInt8>) -> Value? {
        for word in buckets[Self.bucket(name)] where word.name.count == name.count && word.name.elementsEqual(name) {
            return word.value
        }
        return nil
    }

    private static func bucket(_ name: ArraySlice<UInt8>) -> Int {
        Int((name.first ?? 0) &+ UInt8(truncatingIfNeeded: name.count &* 7)) & 63
    }
}

/// The values of one line, by key.
struct RecordFields {
    /// One for every `RecordKey`.
    private var values = InlineArray<26, Int64>(repeating: 0)
    private var present: UInt32 = 0
    /// The upper half of `trace`, whose value is the lower.
    var traceHigh: Int64 = 0
    /// What `with` names.
    var others: [JobID] = []

    func has(_ key: RecordKey) -> Bool { present & (1 << UInt32(key.rawValue)) != 0 }
    subscript(key: RecordKey) -> Int64 { values[Int(key.rawValue)] }
    func text(_ key: RecordKey) -> String { has(key) ? "\(self[key])" : "no number of" }

    mutating func set(_ key: RecordKey, to value: Int64) {
        values[Int(key.rawValue)] = value
        present |= 1 << UInt32(key.rawValue)
    }
}
