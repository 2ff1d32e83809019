import Foundation

/// Turns Ctrl-C and SIGTERM into a clean end: the first calls a handler, a second one ends the process at once.
final class Interruption {
    private let sources: [any DispatchSourceSignal]

    init(_ handler: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "daris-signals")
        let count = Count()
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                count.value += 1
                if count.value > 1 { _exit(128 + number) }
                Terminal.error("stopping: jobs in flight run to their end (again to give up)")
                handler()
            }
            source.resume()
            return source
        }
    }

    private final class Count: @unchecked Sendable {
        // Unchecked: touched on the one queue alone.
        var value = 0
    }

    /// Gives the signals their usual meaning again.
    func end() {
        for source in sources { source.cancel() }
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
    }
}
