import DarisCore
import Foundation
import Synchronization

/// Keeps the record of a run in a file while it goes on. Entries are put aside under the scheduler's lock and written by
/// a thread of its own, so that no lane waits for the disk.
///
/// ```swift
/// let record = try RecordWriter(path: "run.jsonl", plan: prepared.plan, configuration: prepared.configuration)
/// options.observer = { event, time, commands in record.observe(event, time, commands) }
/// …
/// try record.close(at: .seconds(outcome.summary.elapsedS))
/// ```
public final class RecordWriter: Sendable {
    /// The record is not, or not wholly, in the file.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// What happened and what would help.
        public let description: String
    }

    /// The most entries put aside; when the disk falls behind that far, the record ends there.
    public static let entryLimit = 1 << 20

    private struct State {
        var entries = ContiguousArray<RecordEntry>()
        var isFull = false
        var isClosing = false
    }

    private let path: String
    private let state = Mutex(State())
    private let file: FileHandle
    private let encoder: Mutex<RunRecordEncoder>
    private let wake = Semaphore()
    private let thread = Mutex<DedicatedThread?>(nil)
    private let problem = Mutex<String?>(nil)

    /// Makes the file, or empties it, and writes the header.
    public init(path: String, plan: RunPlan, configuration: SchedulerConfiguration) throws(Failure) {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw Self.unwritable(path) }
        self.path = path
        self.file = file
        encoder = Mutex(RunRecordEncoder(plan: plan, configuration: configuration))
        state.withLock { $0.entries.reserveCapacity(1 << 14) }
        let started = DedicatedThread(.init(name: "daris-record")) { [unowned self] in run() }
        thread.withLock { $0 = started }
    }

    /// Finds out early whether a record can be written to `path`; one that is there already stays as it is.
    public static func check(_ path: String) throws(Failure) {
        let files = FileManager.default
        let isThere = files.fileExists(atPath: path)
        if isThere ? FileHandle(forWritingAtPath: path) == nil : !files.createFile(atPath: path, contents: nil) {
            throw unwritable(path)
        }
        if !isThere { try? files.removeItem(atPath: path) }
    }

    private static func unwritable(_ path: String) -> Failure {
        Failure(description: "cannot write the record to \(path); check that its folder exists and may be written")
    }

    /// Puts an event and the commands it led to aside.
    public func observe(_ event: Event, _ time: Nanoseconds, _ commands: CommandBuffer) {
        state.withLock { state in
            guard state.entries.count + commands.count < Self.entryLimit, !state.isFull else {
                state.isFull = true
                return
            }
            state.entries.append(RecordEntry(time, event))
            for index in commands.indices { state.entries.append(RecordEntry(time, commands[index])) }
        }
    }

    /// Puts aside whose trace the job belongs to that is released next.
    public func observe(_ job: JobID, _ trace: TraceContext, _ time: Nanoseconds) {
        state.withLock { state in
            guard state.entries.count < Self.entryLimit, !state.isFull else {
                state.isFull = true
                return
            }
            state.entries.append(RecordEntry(time, job, trace))
        }
    }

    /// Writes what is left and closes the file.
    ///
    /// - Parameter end: when the run ended.
    /// - Throws: if the disk was full, failed, or was too slow for the run.
    public func close(at end: Nanoseconds) throws(Failure) {
        state.withLock { $0.isClosing = true }
        wake.post()
        thread.withLock { $0 }?.join()
        encoder.withLock { $0.finish(at: end) }
        write()
        try? file.close()
        if let problem = problem.withLock({ $0 }) {
            throw Failure(description: "the record \(path) is incomplete: \(problem)")
        }
        if state.withLock({ $0.isFull }) {
            throw Failure(
                description: "the record \(path) is incomplete: the disk fell \(Self.entryLimit) entries behind; "
                    + "write it to a faster one")
        }
    }

    private func run() {
        var isClosing = false
        while !isClosing {
            isClosing = wake.wait(seconds: 0.1)
            // The full buffer is taken and an empty one of the same room left, so that nothing grows under the lock.
            var taken = ContiguousArray<RecordEntry>()
            taken.reserveCapacity(1 << 14)
            state.withLock { swap(&$0.entries, &taken) }
            encoder.withLock { encoder in
                for entry in taken { encoder.append(entry) }
            }
            write()
        }
    }

    private func write() {
        guard problem.withLock({ $0 == nil }) else { return }
        do {
            try encoder.withLock { encoder in
                try encoder.drain { bytes in try file.write(contentsOf: Data(bytes)) }
            }
        } catch {
            problem.withLock { $0 = error.localizedDescription }
        }
    }
}
