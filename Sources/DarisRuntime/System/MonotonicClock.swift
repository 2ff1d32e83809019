import CDarisSystem
import DarisCore

/// The monotonic clock, counted from an epoch of its own.
package struct MonotonicClock: Sendable {
    /// The epoch in the system's monotonic time.
    package let epochNanoseconds: Int64

    /// A clock that starts at zero now.
    package init() { epochNanoseconds = daris_monotonic_nanoseconds() }

    /// The time since the epoch.
    @inline(__always)
    package var now: Nanoseconds { Nanoseconds(daris_monotonic_nanoseconds() - epochNanoseconds) }

    /// An instant of this clock in the system's monotonic time.
    func systemNanoseconds(_ time: Nanoseconds) -> Int64 {
        let (sum, overflow) = epochNanoseconds.addingReportingOverflow(time.rawValue)
        return overflow ? .max : sum
    }
}
