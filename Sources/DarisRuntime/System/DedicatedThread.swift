import CDarisSystem
import DarisCore
import Foundation
import Glibc
import Synchronization

/// A thread of the operating system that belongs to one purpose: a lane, the release timer, completions. Swift's
/// cooperative threads never run under a lane.
package final class DedicatedThread: @unchecked Sendable {
    // Unchecked: the handle is written once, before anybody else sees the object, and joined once.
    private var handle = pthread_t()
    private var isJoined = false

    /// What helps where the system refuses threads.
    static let advice = "raise the limit of threads (ulimit -u, or a service's TasksMax) or free some memory"

    /// How a thread is to run.
    package struct Attributes: Sendable {
        /// Shown by debuggers and top; at most 15 bytes are kept.
        var name: String
        /// The processors it may run on; empty for any.
        var processors: [Int] = []
        /// A SCHED_FIFO priority, or 0.
        var fifoPriority = 0
        /// How long it wants to run at a time, where that is short: then it runs sooner when it wakes.
        var slice = Nanoseconds.zero
        /// Whether it runs only while no thread of usual priority wants its processor.
        var makesWay = false

        package init(
            name: String, processors: [Int] = [], fifoPriority: Int = 0, slice: Nanoseconds = .zero,
            makesWay: Bool = false
        ) {
            self.name = name
            self.processors = processors
            self.fifoPriority = fifoPriority
            self.slice = slice
            self.makesWay = makesWay
        }
    }

    /// Starts a thread. Affinity and priority are set as far as the system allows; `SystemRights` says beforehand.
    ///
    /// - Throws: if the system refuses the thread.
    init(_ attributes: Attributes, _ body: @escaping @Sendable () -> Void) throws(DeviceError) {
        let start = Unmanaged.passRetained(Start(attributes: attributes, body: body))
        let result = pthread_create(
            &handle, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                daris_name_thread(start.attributes.name)
                if !start.attributes.processors.isEmpty {
                    let processors = start.attributes.processors.map(Int32.init)
                    _ = daris_set_affinity(processors, Int32(processors.count))
                }
                if start.attributes.makesWay {
                    _ = daris_make_way()
                } else if start.attributes.fifoPriority > 0 {
                    _ = daris_set_fifo_priority(Int32(start.attributes.fifoPriority))
                } else if start.attributes.slice > .zero {
                    _ = daris_set_slice(start.attributes.slice.rawValue)
                }
                start.body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            isJoined = true
            start.release()
            throw DeviceError(
                "the system refused the thread '\(attributes.name)' (\(String(cString: strerror(result)))); "
                    + Self.advice)
        }
    }

    /// Starts a thread that the process cannot do without: where the system refuses it, says so and ends the process with
    /// exit code 1. For threads that start with the process.
    package static func required(_ attributes: Attributes, _ body: @escaping @Sendable () -> Void) -> DedicatedThread {
        do throws(DeviceError) {
            return try DedicatedThread(attributes, body)
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            exit(1)
        }
    }

    private final class Start: Sendable {
        let attributes: Attributes
        let body: @Sendable () -> Void
        init(attributes: Attributes, body: @escaping @Sendable () -> Void) {
            self.attributes = attributes
            self.body = body
        }
    }

    deinit {
        if !isJoined { pthread_detach(handle) }
    }

    /// Waits for the thread to end. Call it once, from one thread.
    func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(handle, nil)
    }
}

extension DedicatedThread {
    private final class Box<Value: Sendable>: @unchecked Sendable {
        // Unchecked: written by the thread, read after it has been joined.
        var value: Value?
    }

    /// Does something on a thread that makes way, as do the threads that it starts, and waits for it.
    static func makingWay<Value: Sendable>(
        _ body: @escaping @Sendable () throws(PreparationError) -> Value
    ) throws(PreparationError) -> Value {
        let box = Box<Result<Value, PreparationError>>()
        do throws(DeviceError) {
            try DedicatedThread(.init(name: "daris-load", makesWay: true)) { box.value = Result(catching: body) }.join()
        } catch {
            throw .device(name: "cpu", reason: error.description)
        }
        guard let result = box.value else { preconditionFailure("a thread that was joined did nothing") }
        return try result.get()
    }
}

/// Runs what blocks on a thread of its own, so that no thread of Swift's pool waits for it; on the caller's where the system
/// refuses one.
package func onThread<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
        let work: @Sendable () -> Void = { continuation.resume(returning: Result(catching: body)) }
        do { _ = try DedicatedThread(.init(name: "daris-call"), work) } catch { work() }
    }
    return try result.get()
}

/// The identity of a thread, so that code can tell whether it runs there.
final class ThreadIdentity: Sendable {
    private let thread = Atomic<UInt>(0)

    /// Makes the calling thread the one.
    func claim() { thread.store(UInt(pthread_self()), ordering: .relaxed) }

    /// Whether the calling thread is the one.
    var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }
}

/// Whether the system lets a process have more threads.
///
/// Libraries below this one cannot bear to be refused a thread: some trap, others wait for ever. So those that are about to
/// start theirs ask first.
package enum ThreadRoom {
    /// Starts so many threads at once and ends them again.
    ///
    /// - Throws: if the system refuses one.
    package static func check(_ count: Int) throws(DeviceError) {
        let start = Semaphore()
        var threads: [DedicatedThread] = []
        defer {
            for _ in threads { start.post() }
            for thread in threads { thread.join() }
        }
        for _ in 0..<count {
            guard let thread = try? DedicatedThread(.init(name: "daris-room"), { start.wait() }) else {
                throw DeviceError("the system refuses \(count) more threads; \(DedicatedThread.advice)")
            }
            threads.append(thread)
        }
    }
}
