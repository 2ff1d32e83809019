import DarisCore
import Foundation
import Synchronization

/// Keeps the record of a run in a file while it goes on. Entries are put aside under the scheduler's lock and written by
/// a thread of its own, so that no lane waits for the disk. The file gets its name when the record is whole; until then it
/// is `FILE.part-PID`, and so it stays if the disk fills up. A device or a pipe is written to as it is.
///
/// ```swift
/// let record = try RecordWriter(path: "run.jsonl", plan: prepared.plan, configuration: prepared.configuration)
/// options.observer = { event, time, commands in record.observe(event, time, commands) }
/// …
/// try record.close(at: .seconds(outcome.summary.elapsedS))
/// ```
package final class RecordWriter: Sendable {
    /// The record is not, or not wholly, in the file.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// What happened and what would help.
        package let description: String
    }

    /// The most entries put aside; when the disk falls behind that far, the record ends there.
    package static let entryLimit = 1 << 20

    private struct State {
        var entries = ContiguousArray<RecordEntry>()
        var isFull = false
        var isClosing = false
    }

    private let path: String
    private let state = Mutex(State())
    private let file: AtomicFile
    private let onFailure: @Sendable (Failure) -> Void
    private let encoder: Mutex<RunRecordEncoder>
    private let wake = Semaphore()
    private let thread = Mutex<DedicatedThread?>(nil)
    private let problem = Mutex<Failure?>(nil)

    /// How long a pipe's reader may take nothing.
    private static let patience = 5.0

    /// Makes the file and writes the header.
    ///
    /// - Parameter onFailure: told at once, on a thread of its own, when the record comes to its end before the run.
    package init(
        path: String, plan: RunPlan, configuration: SchedulerConfiguration,
        onFailure: @escaping @Sendable (Failure) -> Void = { _ in }
    ) throws(Failure) {
        do { file = try AtomicFile(path, patience: Self.patience) } catch { throw Self.unwritable(path, error) }
        self.path = path
        self.onFailure = onFailure
        encoder = Mutex(RunRecordEncoder(plan: plan, configuration: configuration))
        state.withLock { $0.entries.reserveCapacity(1 << 14) }
        let started = DedicatedThread.required(.init(name: "daris-record")) { [unowned self] in run() }
        thread.withLock { $0 = started }
    }

    /// Finds out early whether a record can be written to `path`; one that is there already stays as it is.
    package static func check(_ path: String) throws(Failure) {
        do { try AtomicFile.check(path) } catch { throw unwritable(path, error) }
    }

    private static func unwritable(_ path: String, _ problem: AtomicFile.Problem) -> Failure {
        Failure(description: "cannot write the record to \(path): \(problem)")
    }

    /// Puts an event and the commands it led to aside.
    package func observe(_ event: Event, _ time: Nanoseconds, _ commands: CommandBuffer) {
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
    package func observe(_ job: JobID, _ trace: TraceContext, _ time: Nanoseconds) {
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
    /// - Parameters:
    ///   - end: when the run ended.
    ///   - energy: of the run, where it is known.
    /// - Throws: if the disk was full, failed, or was too slow for the run.
    package func close(at end: Nanoseconds, energy: RecordedEnergy? = nil) throws(Failure) {
        state.withLock { $0.isClosing = true }
        wake.post()
        thread.withLock { $0 }?.join()
        encoder.withLock { $0.finish(at: end, energy: energy) }
        write()
        if problem.withLock({ $0 == nil }) {
            do { try file.commit() } catch { fail(error.description) }
        } else {
            file.discard(keeping: true)
        }
        if let failure = problem.withLock({ $0 }) { throw failure }
    }

    /// Ends the record early and says so.
    private func fail(_ reason: String) {
        let rest = file.unfinished.map { "; what there is of it is in \($0)" } ?? ""
        let failure = Failure(description: "the record \(path) is incomplete: \(reason)\(rest)")
        problem.withLock { $0 = failure }
        state.withLock { $0.isFull = true }
        onFailure(failure)
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
        do throws(AtomicFile.Problem) {
            var bytes: [UInt8] = []
            encoder.withLock { encoder in encoder.drain { bytes += $0 } }
            try file.write(bytes)
        } catch {
            return fail(error.description)
        }
        if state.withLock({ $0.isFull }) {
            fail("the disk fell \(Self.entryLimit) entries behind; write it to a faster one")
        }
    }
}
