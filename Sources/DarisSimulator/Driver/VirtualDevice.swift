import DarisCore

/// A device in virtual time: it knows when what runs on its lanes will be over, and nothing of why it runs.
///
/// The driver asks for the time of the next happening on the device and moves the device there; it starts or abandons
/// stages only when all happenings before that time have been gone through. A happening may be the end of a stage or a change that only the device sees.
package protocol VirtualDevice {
    /// Starts a stage on an idle lane, of one job of the task or of `jobs` jobs of its batch group together.
    mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds)

    /// Forgets what runs on a lane: its context has been lost.
    mutating func abandon(lane: Int, at now: Nanoseconds)

    /// When something happens next if nothing is started before; `nil` if nothing runs.
    mutating func nextHappening() -> Nanoseconds?

    /// Moves to the time that `nextHappening` told.
    ///
    /// - Returns: the lane whose stage has ended and how long it took, `nil` if none has.
    mutating func happen(at now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)?
}
