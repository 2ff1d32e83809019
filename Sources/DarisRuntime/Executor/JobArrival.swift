import DarisCore

/// How a task's jobs come about, whatever device they run on.
package enum JobArrival: Sendable, Hashable {
    /// The executor releases a job at each of these times.
    case clock(ArrivalSequence)
    /// Jobs come from `submit`.
    case sporadic
}
