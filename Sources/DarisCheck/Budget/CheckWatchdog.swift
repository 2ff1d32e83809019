import DarisCore
import Dispatch

/// Sees to it that a check ends even if a call of the driver or another program never returns.
///
/// ```swift
/// let watchdog = CheckWatchdog(limit: .seconds(540)) { _exit(1) }
/// defer { watchdog.end() }
/// ```
package struct CheckWatchdog {
    private let timer: any DispatchSourceTimer

    /// Calls `bark` on a thread of its own once `limit` is over.
    package init(limit: Nanoseconds, bark: @escaping @Sendable () -> Void) {
        timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "daris-watchdog"))
        timer.schedule(deadline: .now() + limit.inSeconds)
        timer.setEventHandler(handler: bark)
        timer.resume()
    }

    /// Lets it sleep: nothing is called any more.
    package func end() { timer.cancel() }
}
