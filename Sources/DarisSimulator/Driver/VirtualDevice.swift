import DarisCore

/// A device in virtual time: it knows when the work on its lanes ends, but not why it runs.
///
/// The driver asks for the time of the device's next event and advances the device to it. It starts or abandons stages
/// only after all events before that time. An event is the end of a stage, or a change inside the device.
package protocol VirtualDevice {
    /// Starts a stage on an idle lane, of one job of the task or of `jobs` jobs of its batch group together.
    mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds)

    /// Forgets what runs on a lane: its context has been lost.
    mutating func abandon(lane: Int, at now: Nanoseconds)

    /// The time of the next event if nothing is started before; `nil` if nothing runs.
    mutating func nextEvent() -> Nanoseconds?

    /// Advances to the time that `nextEvent` returned.
    ///
    /// - Returns: The lane whose stage has ended, with its execution time; `nil` if none has.
    mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)?
}
