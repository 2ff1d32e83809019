import DarisCore
import DarisReport
import Foundation

/// Reads bytes as a record and makes the page and the trace of it: as it is, and with the commands that the scheduler
/// gives for its events, which gets further than the first command that was changed.
enum RecordTrial {
    static func run(_ bytes: [UInt8]) {
        report(bytes)
        guard let record = try? RunRecord.read(bytes: bytes) else { return }
        let text = record.encoded()
        guard let again = try? RunRecord.read(bytes: text) else {
            fatalError("a record that was written cannot be read")
        }
        expect(again.encoded() == text, "a record that was written reads as itself")
        report(decided(record).encoded())
    }

    private static func report(_ bytes: [UInt8]) {
        func reader() -> RunRecordReader? { try? RunRecordReader(Data(bytes), file: "fuzz.jsonl") }
        if let reader = reader(), let page = try? RunPage(reader, version: "0", limit: 1_000) { _ = page.html }
        if let reader = reader() { _ = try? TraceEvents.write(reader, version: "0") { _ in } }
    }

    /// The record of a run with the same events.
    private static func decided(_ record: RunRecord) -> RunRecord {
        var scheduler = Scheduler(record.configuration)
        var commands = CommandBuffer()
        var decided = record
        decided.entries = []
        for entry in record.entries {
            switch entry.content {
            case .command: continue
            case .trace: decided.entries.append(entry)
            case .task(let task, let specification):
                guard scheduler.obstacle(toReplacing: task, with: specification) == nil else { continue }
                decided.entries.append(entry)
                scheduler.replace(task, with: specification)
            case .event(let event):
                decided.entries.append(entry)
                scheduler.handle(event, at: entry.time, into: &commands)
                for command in commands { decided.entries.append(RecordEntry(entry.time, command)) }
            }
        }
        return decided
    }
}
