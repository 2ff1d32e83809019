import Foundation

/// Turns Ctrl-C, SIGTERM and the end of the terminal (SIGHUP) into a clean end: the first calls a handler, a second Ctrl-C
/// or SIGTERM ends the process at once.
///
/// SIGHUP is left alone where the process ignores it: under `nohup`, or as a server.
final class Interruption {
    private let sources: [any DispatchSourceSignal]
    private let signals: [Int32]

    init(_ handler: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "daris-signals")
        let count = Count()
        let registered = DispatchSemaphore(value: 0)
        signals = Self.ignoresHangUp ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP]
        sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                // A terminal that ends may say so more than once.
                if number == SIGHUP, count.value > 0 { return }
                count.value += 1
                if count.value > 1 { _exit(128 + number) }
                Terminal.error("stopping: jobs in flight run to their end (again to give up)")
                handler()
            }
            source.setRegistrationHandler { registered.signal() }
            source.resume()
            return source
        }
        // Until then a signal would be lost.
        for _ in signals { registered.wait() }
    }

    private final class Count: @unchecked Sendable {
        // Unchecked: touched on the one queue alone.
        var value = 0
    }

    /// Gives the signals their usual meaning again.
    func end() {
        for source in sources { source.cancel() }
        for number in signals { signal(number, SIG_DFL) }
    }

    private static var ignoresHangUp: Bool {
        var action = sigaction()
        sigaction(SIGHUP, nil, &action)
        let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        return handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
